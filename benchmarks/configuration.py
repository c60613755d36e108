"""The configuration of a measured gateway, written as a file with all its keys beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.applications import DESTINATIONS, MUNICIPALITIES, PROCEDURE
from gateway.bootstrap.embedded import make_missing_keys
from gateway.bootstrap.stores import open_keys
from gateway.domain.values.municipality_code import check_digit
from gateway.settings.load import build

IN_FLIGHT: Final = 16
"""Copies in a worker's hands, per destination, at us and at the peer."""
EMBEDDED: Final = {"journal": "sqlite:///journal.db", "broker": "memory:"}
"""What the embedded footing keeps its journal in and is carried by."""
_UNLIMITED: Final = 1_000_000
_FIRST_TENANT: Final = 13_201
"""都道府県 13, 市区町村 from 201: cities of Tokyo; the benchmark's own four are wards."""


def document(folder: Path, *, journal: str, broker: str, sink: int) -> dict[str, Any]:
    """Return the configuration: four municipalities with one HTTP destination each.

    Args:
        folder: Where everything lies, as ``write`` gets it.
        journal: URL of the journal; a path in it is taken from ``folder``.
        broker: URL of the broker.
        sink: Port of the core systems.
    """
    url = f"http://127.0.0.1:{sink}"
    return {
        "home": str(folder),
        "http": {
            "port": 0,
            "operations_port": 0,
            # The client here is worth many; without this the bucket would answer 429.
            "requests_per_s": _UNLIMITED,
            "request_burst": _UNLIMITED,
        },
        "journal": {"url": journal.replace(":///", f":///{folder}/")},
        "broker": {"url": broker},
        "keys": {"folder": str(folder / "keys")},
        "municipalities": {code: {"name": name} for code, name in MUNICIPALITIES.items()},
        "clients": {"portal": {"municipalities": list(MUNICIPALITIES), "procedures": ["*"]}},
        "destinations": {
            name: {
                "municipality": code,
                "adapter": "http",
                "idempotency": "native",
                "max_in_flight": IN_FLIGHT,
                "config": {
                    "url": f"{url}/applications",
                    "health_url": f"{url}/health",
                    "reference_pointer": "/reference",
                },
            }
            for code, name in DESTINATIONS.items()
        },
        "routes": [
            {"municipality": code, "procedure": PROCEDURE, "to": [name]}
            for code, name in DESTINATIONS.items()
        ],
        "workers": {"worker-1": {"destinations": list(DESTINATIONS.values())}},
    }


def write(configuration: Mapping[str, Any], folder: Path) -> Path:
    """Write it into ``folder`` with the keys that it lacks; return its path. JSON is YAML."""
    settings = build(dict(configuration))
    make_missing_keys(settings, open_keys(settings))
    path = folder / "kakehashi.yaml"
    path.write_text(json.dumps(configuration, ensure_ascii=False))
    return path


def tenants(count: int) -> dict[str, dict[str, str]]:
    """Return ``count`` further municipalities, which have no destination and send nothing."""
    bodies = (str(_FIRST_TENANT + number) for number in range(count))
    codes = (body + check_digit(body) for body in bodies)
    return {code: {"name": f"市{code}"} for code in codes}
