"""The page of every setting and the example file, from the one model of the configuration."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.settings.model import Settings
from reference.source import GENERATED, table

_SOURCE: Final = "`gateway/settings/model.py`"
_INTRODUCTION: Final = """# Configuration

One YAML file, named by `--config` or `KAKEHASHI_CONFIG`. Every scalar outside a mapping of names
can be set by the environment instead, which wins: `journal.url` is `KAKEHASHI_JOURNAL__URL`.
An address with a password belongs into the environment, not into the file. An unknown key or
`KAKEHASHI_` variable is an error. `kakehashi config check` reads a file and says what is wrong.

"""
_EXAMPLE_HEAD: Final = """\
# The whole configuration with its defaults, generated from gateway/settings/model.py.
# Take the first character away from a line like `#node: gw-1` to set it; passwords belong into
# the environment (KAKEHASHI_JOURNAL__URL, KAKEHASHI_BROKER__URL), not into this file.
"""

# Names and values shown where the model has no default.
_NAMES: Final = {
    "municipalities": "131016",
    "clients": "portal",
    "destinations": "jido-teate",
    "workers": "worker-1",
}
_SHOWN: Final[dict[str, object]] = {
    "name": "千代田区",
    "municipality": "131016",
    "municipalities": ["131016"],
    "procedures": ["childcare/*"],
    "procedure": "childcare/*",
    "adapter": "file",
    "to": ["jido-teate"],
    "destinations": ["jido-teate"],
    "url": "https://portal.example.lg.jp/webhooks",
}


def page() -> str:
    """Return the reference page."""
    rows = [
        [f"`{key}`", field.description or "", _type(field.annotation), _default(field)]
        for key, field in _walk(Settings, "")
    ]
    return (
        GENERATED.format(source=_SOURCE)
        + _INTRODUCTION
        + table(["key", "meaning", "type", "default"], rows)
    )


def example() -> str:
    """Return the example file: every key, commented out, with what it means."""
    return _EXAMPLE_HEAD + "\n".join(_lines(Settings, "")) + "\n"


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        inner, kind = _inner(field.annotation)
        if inner is None:
            yield prefix + name, field
        else:
            yield from _walk(
                inner, prefix + name + {"": ".", "dict": ".NAME.", "tuple": ".N."}[kind]
            )


def _lines(model: type[BaseModel], indent: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner, kind = _inner(field.annotation)
        if not indent:
            yield ""
        yield f"{indent}# {field.description}"
        if inner is None:
            yield f"{indent}#{name}: {_yaml(_value(name, field))}"
            continue
        yield f"{indent}#{name}:"
        deeper = indent + "  "
        if kind == "dict":
            yield f"{deeper}#{_yaml(_NAMES[name])}:"
            deeper += "  "
        if kind == "tuple":
            first, *others = _flow(inner)
            yield f"{deeper}#- {{{', '.join([first, *others])}}}"
            continue
        yield from _lines(inner, deeper)


def _flow(model: type[BaseModel]) -> list[str]:
    return [f"{name}: {_yaml(_value(name, field))}" for name, field in model.model_fields.items()]


def _inner(annotation: object) -> tuple[type[BaseModel] | None, str]:
    """Return the model in an annotation, and what it stands in: nothing, a dict or a tuple.

    One that may be missing stands in nothing too.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    for argument in get_args(annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            if type(None) in get_args(annotation):
                return argument, ""
            return argument, "dict" if "dict" in str(annotation) else "tuple"
    return None, ""


def _value(name: str, field: FieldInfo) -> Any:
    return _SHOWN[name] if field.is_required() else field.get_default(call_default_factory=True)


def _yaml(value: object) -> str:
    if isinstance(value, str):
        plain = value.replace("-", "").replace("_", "")
        return (
            value if plain.isalnum() and plain.isascii() and not plain.isdigit() else _quoted(value)
        )
    if isinstance(value, Path):
        return str(value)
    return _quoted(list(value) if isinstance(value, tuple) else value)


def _quoted(value: object) -> str:
    # JSON is YAML 1.2's flow style, and reads the same in YAML 1.1 for these types.
    return json.dumps(value, ensure_ascii=False, default=str)


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else f"`{_yaml(_value('', field))}`"


def _type(annotation: object) -> str:
    names = str(getattr(annotation, "__name__", annotation))
    if get_origin(annotation) is tuple and "Literal" in str(annotation):
        return f"list of {_type(get_args(annotation)[0])}"
    if "Literal" in str(annotation):
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    if names == "Annotated":
        return _type(get_args(annotation)[0])
    return {
        "str": "text",
        "int": "integer",
        "float": "number",
        "bool": "true or false",
        "Path": "path",
        "tuple": "list",
        "dict": "mapping",
        "Idempotency": "`none` or `lookup` or `native`",
    }.get(names, names)
