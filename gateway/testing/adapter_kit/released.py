"""What the last release of an adapter accepted as its configuration, kept beside it.

``python -m gateway.testing.adapter_kit.released FOLDER`` writes the schema of the
installed adapter whose manifest lies in FOLDER: run it when a version is released.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.drivers.discovery import load, manifest_in

_FOLDER: Final = "released"
_NAME: Final = re.compile(r"config-(\d+)\.(\d+)\.(\d+)\.schema\.json")

_Schema = Mapping[str, Any]

# A keyword's old and new value, and whether the new one accepts less.
_NARROWER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "minimum": lambda old, new: old is None or new > old,
    "exclusiveMinimum": lambda old, new: old is None or new > old,
    "minLength": lambda old, new: new > (old or 0),
    "minItems": lambda old, new: new > (old or 0),
    "maximum": lambda old, new: old is None or new < old,
    "exclusiveMaximum": lambda old, new: old is None or new < old,
    "maxLength": lambda old, new: old is None or new < old,
    "maxItems": lambda old, new: old is None or new < old,
    "pattern": lambda old, new: old != new,
    "format": lambda old, new: old != new,
    "const": lambda old, new: old != new,
    "type": lambda old, new: new != old and (old, new) != ("integer", "number"),
    "enum": lambda old, new: old is None or not set(map(str, old)) <= set(map(str, new)),
}


def released_schema(folder: Path) -> dict[str, Any] | None:
    """Return the newest released schema in an adapter's folder, or ``None``."""
    found = {
        tuple(map(int, match.groups())): path
        for path in (folder / _FOLDER).glob("config-*.schema.json")
        if (match := _NAME.fullmatch(path.name))
    }
    if not found:
        return None
    schema: dict[str, Any] = json.loads(found[max(found)].read_text(encoding="utf-8"))
    return schema


def narrowed(old: _Schema, new: _Schema) -> Iterator[str]:
    """Yield the paths at which ``new`` refuses a value that ``old`` accepts."""
    return _narrowed(old, new, (old, new), "config")


def _narrowed(old: _Schema, new: _Schema, roots: tuple[_Schema, _Schema], at: str) -> Iterator[str]:
    old, new = _resolved(old, roots[0]), _resolved(new, roots[1])
    if "anyOf" in old:
        for kind in old["anyOf"]:
            yield from _narrowed(kind, new, roots, at)
    elif "anyOf" in new:
        if all(any(_narrowed(old, kind, roots, at)) for kind in new["anyOf"]):
            yield at
    elif any(key in new and is_less(old.get(key), new[key]) for key, is_less in _NARROWER.items()):
        yield at
    else:
        yield from _narrowed_inside(old, new, roots, at)


def _narrowed_inside(
    old: _Schema, new: _Schema, roots: tuple[_Schema, _Schema], at: str
) -> Iterator[str]:
    fields, now = old.get("properties", {}), new.get("properties", {})
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{at}.{name}"
    for name, field in fields.items():
        if name in now:
            yield from _narrowed(field, now[name], roots, f"{at}.{name}")
        elif new.get("additionalProperties") is False:
            yield f"{at}.{name}"
    for key in ("items", "additionalProperties"):
        if isinstance(old.get(key), Mapping) and isinstance(new.get(key), Mapping):
            yield from _narrowed(old[key], new[key], roots, f"{at}.*")


def _resolved(schema: _Schema, root: _Schema) -> _Schema:
    """Follow a ``$ref`` into the document's own ``$defs``."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def main(folder: Path) -> None:
    """Write the schema of the adapter in ``folder`` as that of its present version."""
    manifest = manifest_in(folder)
    schema = load(manifest.name).spec.config.model_json_schema()
    path = folder / _FOLDER / f"config-{manifest.version}.schema.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{json.dumps(schema, ensure_ascii=False, indent=1)}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
