"""Procedure files: YAML in, JSON values out, with nothing that YAML guesses.

YAML reads ``1989-01-08`` as a date and takes a key twice without a word; a schema
means neither.
"""

from pathlib import Path
from typing import TypeAlias

import yaml

from gateway.domain.errors import ConfigError

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
"""A JSON value."""


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, but a key may stand only once in a mapping."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002  # PyYAML's signature
    ) -> dict[object, object]:
        """Build the mapping, refusing a repeated key."""
        mapping: dict[object, object] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            raise yaml.constructor.ConstructorError(
                None, None, "a key stands twice", node.start_mark
            )
        return mapping


def read_yaml(path: Path) -> dict[str, JSON]:
    """Return the mapping that the file at ``path`` holds.

    Raises:
        ConfigError: It is not UTF-8 YAML, not a mapping, or holds a value JSON has not
            (a date that was not quoted, a key that is not text).
    """
    try:
        document: object = yaml.load(path.read_text("utf-8"), _StrictLoader)  # noqa: S506  # safe
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), str(error)) from error
    value = _json(document, path)
    if not isinstance(value, dict):
        raise ConfigError(str(path), "not a mapping")
    return value


def _json(value: object, path: Path) -> JSON:
    if isinstance(value, dict):
        return {_key(key, path): _json(member, path) for key, member in value.items()}
    if isinstance(value, list):
        return [_json(item, path) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ConfigError(str(path), f"{type(value).__name__} must be quoted")


def _key(key: object, path: Path) -> str:
    if not isinstance(key, str):
        raise ConfigError(str(path), f"key {key!r} must be quoted")
    return key
