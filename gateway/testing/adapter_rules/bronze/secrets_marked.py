"""Every secret of the configuration is a ``SecretStr``."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from gateway.testing.adapter_rules.adapter import Adapter

_SECRET: Final = re.compile(r"(password|passphrase|secret|token|api_key|private_key)$")
"""How a field that holds a secret is called; ``…_file`` holds where it lies."""


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield each field that is called like a secret and is seen by everybody."""
    for name, field in adapter.fields():
        if _SECRET.search(name) and _is_text(field) and '"password"' not in json.dumps(field):
            yield f"{name} is called like a secret and is no SecretStr"


def _is_text(field: dict[str, Any]) -> bool:
    kinds = field.get("anyOf", [field])
    return any(kind.get("type") == "string" and "enum" not in kind for kind in kinds)
