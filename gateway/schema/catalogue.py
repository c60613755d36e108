"""Which procedures a gateway knows: the shipped ones, and a municipality's own.

A folder holds ``AREA/PROCEDURE/vN.yaml`` with ``examples/valid/*.json`` beside it, and
``shared/NAME.yaml`` for what several procedures ask. Files refer to each other by
``$id`` only, within the folders loaded; nothing is ever fetched.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import jsonschema_rs
from jsonschema_rs import Registry

from gateway.domain.errors import ConfigError
from gateway.domain.identifiers import ProcedureName
from gateway.schema.procedure import Procedure, compile_schema, refuse
from gateway.schema.rules import broken_rules
from gateway.schema.source import JSON, read_yaml

_VERSION_FILE: Final = re.compile(r"v([1-9][0-9]{0,3})\.yaml")
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")
_SHARED: Final = "shared"
_BRANCHES: Final = ("allOf", "then", "else")


class Catalogue:
    """Procedures by name and version; immutable once made."""

    def __init__(self, procedures: Iterable[Procedure]) -> None:
        """Index ``procedures``; a later one takes the place of an equal earlier one."""
        self._versions: dict[str, dict[int, Procedure]] = {}
        for procedure in procedures:
            self._versions.setdefault(procedure.name, {})[procedure.version] = procedure

    def get(self, name: str, version: int) -> Procedure | None:
        """Return that version of a procedure, or ``None``."""
        return self._versions.get(name, {}).get(version)

    def latest(self, name: str) -> Procedure | None:
        """Return the newest version of a procedure, or ``None``."""
        versions = self._versions.get(name)
        return versions[max(versions)] if versions else None

    def procedures(self) -> tuple[Procedure, ...]:
        """Return every version of every procedure, by name and then version."""
        return tuple(
            versions[version]
            for _, versions in sorted(self._versions.items())
            for version in sorted(versions)
        )


def shipped_schemas() -> Path:
    """Return the folder of procedures that comes with the gateway.

    In a wheel it lies inside the package, in a checkout beside it.
    """
    package = Path(__file__).parents[1]
    packed = package / "_data" / "schemas"
    return packed if packed.is_dir() else package.parent / "schemas"


def load_catalogue(*folders: Path) -> Catalogue:
    """Read and compile every procedure in ``folders``.

    Args:
        folders: Later ones add to earlier ones; none means the shipped ones.

    Raises:
        ConfigError: A file is not a procedure, breaks a rule, refers to what is not
            there, has no valid example, or a name and version stand in two folders.
    """
    roots = folders or (shipped_schemas(),)
    shared = [_checked(path) for root in roots for path in sorted((root / _SHARED).glob("*.yaml"))]
    registry = Registry([(_identifier(schema), schema) for schema in shared], retriever=refuse)
    procedures: dict[tuple[str, int], Procedure] = {}
    for root in roots:
        for path in procedure_files(root):
            procedure = load_procedure(path, registry)
            key = (procedure.name, procedure.version)
            if key in procedures:
                raise ConfigError(str(path), "stands in two folders")
            procedures[key] = procedure
    return Catalogue(procedures.values())


def procedure_files(root: Path) -> list[Path]:
    """Return the procedure files below ``root``, sorted."""
    return sorted(
        path
        for path in root.glob("*/*/v*.yaml")
        if _VERSION_FILE.fullmatch(path.name) and path.parts[-3] != _SHARED
    )


def load_procedure(path: Path, registry: Registry) -> Procedure:
    """Read and compile one ``AREA/PROCEDURE/vN.yaml``.

    Raises:
        ConfigError: As in ``load_catalogue``.
    """
    match = _VERSION_FILE.fullmatch(path.name)
    name = "/".join(path.parts[-3:-1])
    if match is None or _NAME.fullmatch(name) is None:
        raise ConfigError(str(path), "not AREA/PROCEDURE/vN.yaml")
    version = int(match[1])
    source = _checked(path)
    try:
        schema = jsonschema_rs.dereference(source, registry=registry, retriever=refuse)
        validator = compile_schema(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise ConfigError(str(path), error.message) from error
    return Procedure(
        name=ProcedureName(name),
        version=version,
        title=_texts(source.get("x-title"), path),
        source=str(source.get("x-source", "")),
        json_schema=schema,
        example=_example(path, name, version),
        sensitive=dict(_sensitive("", schema)),
        member_names=frozenset(_member_names(schema)),
        longest_list=max(_list_lengths(schema), default=0),
        validator=validator,
    )


def _checked(path: Path) -> dict[str, JSON]:
    schema = read_yaml(path)
    for fault in broken_rules(schema):
        raise ConfigError(str(path), fault)
    return schema


def _identifier(schema: Mapping[str, JSON]) -> str:
    return str(schema.get("$id", ""))


def _texts(title: JSON, path: Path) -> Mapping[str, str]:
    if not isinstance(title, dict) or {"ja", "en"} - title.keys():
        raise ConfigError(str(path), "x-title in ja and en is missing")
    return {language: str(text) for language, text in title.items()}


def _example(path: Path, name: str, version: int) -> Mapping[str, JSON]:
    for file in sorted((path.parent / "examples" / "valid").glob("*.json")):
        example: dict[str, JSON] = json.loads(file.read_bytes())
        if (example.get("procedure"), example.get("version")) == (name, version):
            return example
    raise ConfigError(str(path), "has no valid example")


def _sensitive(place: str, schema: JSON) -> Iterator[tuple[str, str]]:
    for part in _branches(schema):
        if "x-sensitive" in part:
            yield place, str(part["x-sensitive"])
        members = part.get("properties")
        for name, member in members.items() if isinstance(members, dict) else ():
            yield from _sensitive(f"{place}/{name}", member)
        if "items" in part:
            yield from _sensitive(f"{place}/*", part["items"])


def _member_names(schema: JSON) -> Iterator[str]:
    for part in _branches(schema):
        members = part.get("properties")
        for name, member in members.items() if isinstance(members, dict) else ():
            yield name
            yield from _member_names(member)
        required = part.get("required")
        yield from (str(name) for name in required) if isinstance(required, list) else ()
        yield from _member_names(part.get("items"))


def _list_lengths(schema: JSON) -> Iterator[int]:
    for part in _branches(schema):
        length = part.get("maxItems")
        if isinstance(length, int):
            yield length
        members = part.get("properties")
        for member in members.values() if isinstance(members, dict) else ():
            yield from _list_lengths(member)
        yield from _list_lengths(part.get("items"))


def _branches(schema: JSON) -> Iterator[dict[str, JSON]]:
    """Yield a schema and whatever else applies to the same value."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in _BRANCHES:
        inner = schema.get(keyword)
        for part in inner if isinstance(inner, list) else [inner]:
            yield from _branches(part)
