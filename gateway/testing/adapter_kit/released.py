"""What the last release of an adapter accepted as its configuration, kept beside it.

``kakehashi adapter release PATH`` writes it. The schema cannot say everything that a model's
validators ask, so the configurations of the samples are kept, too, and must still be valid.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from gateway.drivers.discovery import load, manifest, manifest_in
from gateway.sdk import AdapterConfig, ConfigError

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
    newest = _newest(folder)
    if newest is None:
        return None
    schema: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
    return schema


def _newest(folder: Path) -> Path | None:
    found = {
        tuple(map(int, match.groups())): path
        for path in (folder / _FOLDER).glob("config-*.schema.json")
        if (match := _NAME.fullmatch(path.name))
    }
    return found[max(found)] if found else None


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


def released_samples(folder: Path) -> list[dict[str, Any]]:
    """Return the configurations that the newest release in an adapter's folder kept."""
    newest = _newest(folder)
    path = newest and newest.with_name(newest.name.replace(".schema.", ".samples."))
    if path is None or not path.exists():
        return []
    samples: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return samples


def release(folder: Path) -> list[Path]:
    """Write what the adapter in ``folder`` accepts now as that of its present version.

    Returns:
        The files, which are there afterwards.

    Raises:
        ConfigError: It is not installed as it is in the folder, or this version was released
            with something else.
    """
    here = manifest_in(folder)
    if manifest(here.name) != here:
        raise ConfigError(f"adapter {here.name}: another is installed than that in {folder}")
    config = load(here.name).spec.config
    written = {
        f"config-{here.version}.schema.json": config.model_json_schema(),
        f"config-{here.version}.samples.json": [*_valid(config, folder / "samples")],
    }
    paths = []
    for name, content in written.items():
        path = folder / _FOLDER / name
        text = f"{json.dumps(content, ensure_ascii=False, indent=1)}\n"
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise ConfigError(f"{path}: {here.version} was released with something else")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _valid(config: type[AdapterConfig], samples: Path) -> Iterator[dict[str, Any]]:
    """Yield the samples' configurations that are whole by themselves."""
    for path in sorted(samples.rglob("*.config.json")):
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        with suppress(ValidationError):
            config.model_validate(document)
            yield document
