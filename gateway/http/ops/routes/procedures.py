"""Procedures: the catalogue, and each version as a form."""

from typing import Any, Final

from gateway.http.ops.answers import Answer, Count
from gateway.http.ops.route import Items, Route
from gateway.services.operate.procedures import ShowProcedures


class Procedure(Answer):
    """A procedure as its newest version is."""

    name: str
    area: str
    title: dict[str, str]
    source: str
    versions: list[Count]
    routed: list[dict[str, Any]]
    accepted: Count
    is_all: bool


class ProcedureVersion(Procedure):
    """One version of a procedure."""

    version: Count
    fields: list[dict[str, Any]]
    conditions: list[dict[str, Any]]
    example: dict[str, Any]
    compared_with: Count | None
    changes: list[Any]


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
