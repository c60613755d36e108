"""The configuration section of an adapter's README, generated from its model.

``python -m gateway.testing.adapter_readme NAME`` writes it between the two markers.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.drivers.discovery import load
from gateway.sdk import AdapterConfig

HEADINGS: Final = (
    "Talks to",
    "Versions",
    "Set up",
    "Configuration",
    "Mapping",
    "Outcomes",
    "Known limits",
    "Troubleshooting",
    "Removal",
)
"""Of every adapter's README, in this order."""

_SECTION: Final = re.compile(
    r"(?<=<!-- configuration: generated -->\n).*?(?=<!-- end of configuration -->)", re.DOTALL
)

_Schema = Mapping[str, Any]


def configuration_section(model: type[AdapterConfig]) -> str:
    """Return one table for each model, the destination's ``config:`` first."""
    schema = model.model_json_schema()
    models = {"config": schema} | {
        name: definition
        for name, definition in schema.get("$defs", {}).items()
        if "properties" in definition
    }
    return "\n" + "\n".join("\n".join(_table(name, each)) + "\n" for name, each in models.items())


def with_current_configuration(readme: str, model: type[AdapterConfig]) -> str:
    """Return ``readme`` with its configuration section as the model is now."""
    return _SECTION.sub(lambda _: configuration_section(model), readme)


def readme_of(name: str) -> tuple[Path, type[AdapterConfig]]:
    """Return where an adapter's README lies, and its configuration model."""
    adapter = load(name)
    return Path(inspect.getfile(adapter)).parent / "README.md", adapter.spec.config


def _table(name: str, schema: _Schema) -> Iterator[str]:
    yield f"`{name}`: {schema.get('description', '').splitlines()[0]}"
    yield ""
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for key, field in schema["properties"].items():
        is_needed = key in schema.get("required", ())
        default = "required" if is_needed else f"`{_json(field.get('default'))}`"
        meaning = field.get("description", "").replace("|", "\\|")
        yield f"| `{key}` | {_type(field)} | {default} | {meaning} |"


def _type(field: _Schema) -> str:
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "anyOf" in field:
        kinds = [_type(kind) for kind in field["anyOf"] if kind.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if field.get("type") == "object":
        return f"map to {_type(field['additionalProperties'])}"
    return str(field.get("format") or field.get("type", "any"))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    page, current = readme_of(sys.argv[1])
    page.write_text(with_current_configuration(page.read_text("utf-8"), current), "utf-8")
