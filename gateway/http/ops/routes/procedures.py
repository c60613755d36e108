"""Procedures: the catalogue, and each version as a form."""

from typing import Any, Final

from pydantic import Field

from gateway.http.ops.answers import Answer, Count
from gateway.http.ops.route import Items, Route
from gateway.services.operate.procedures import ShowProcedures


class Routed(Answer):
    """Where one municipality's applications go."""

    municipality: str
    destinations: list[str]


class FormField(Answer):
    """One member of a body, or the items of a list."""

    pointer: str = Field(description="With `*` for any item of a list.")
    depth: Count
    title: dict[str, str]
    type: str
    required: bool
    format: str | None
    limits: dict[str, str | int | float | bool]
    choices: dict[str, str]
    sensitivity: str | None
    source: str | None


class Bound(Answer):
    """A bound that holds under a condition."""

    pointer: str
    keyword: str
    value: str


class Condition(Answer):
    """What a body must be when it is something."""

    when: dict[str, list[str]]
    required: list[str]
    forbidden: list[str]
    limits: list[Bound]


class CrossCheck(Answer):
    """A check across fields."""

    pointer: str
    name: str


class Change(Answer):
    """One difference to the version before."""

    pointer: str
    kind: str
    breaking: bool
    before: str | None
    after: str | None


class Procedure(Answer):
    """A procedure as its newest version is."""

    name: str
    area: str
    title: dict[str, str]
    source: str
    versions: list[Count]
    routed: list[Routed]
    accepted: Count
    is_all: bool


class ProcedureVersion(Procedure):
    """One version of a procedure."""

    version: Count
    fields: list[FormField]
    conditions: list[Condition]
    checks: list[CrossCheck]
    example: dict[str, Any]
    compared_with: Count | None
    changes: list[Change]


ROUTES: Final = (
    Route(
        method="GET",
        path="/procedures",
        operation="procedure.list",
        does=ShowProcedures.list,
        summary="Every procedure by name, as its newest version is.",
        answer=Procedure,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/procedures/{area}/{procedure}/v{version}",
        operation="procedure.show",
        does=ShowProcedures.show,
        summary="One version of a procedure.",
        answer=ProcedureVersion,
        joined={"name": ("area", "procedure")},
    ),
)
