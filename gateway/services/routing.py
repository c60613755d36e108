"""Where an application goes, and who may send it: grants and routes by pattern."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gateway.domain.identifiers import DestinationName, MunicipalityCode, ProcedureName


@dataclass(frozen=True, slots=True)
class Route:
    """One rule of the routing table.

    Attributes:
        municipality: The tenant it is for.
        procedure: ``area/procedure``, or a pattern such as ``childcare/*``.
        to: The destinations that get it; every one gets its own sealed delivery.
    """

    municipality: MunicipalityCode
    procedure: str
    to: tuple[DestinationName, ...]


class RoutingTable:
    """Finds the destinations of an application. The first route that matches decides."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Keep the routes in the order in which they stand in the configuration."""
        self._routes = tuple(routes)

    def destinations(
        self, municipality: MunicipalityCode, procedure: ProcedureName
    ) -> tuple[DestinationName, ...]:
        """Return where to deliver; empty when the municipality does not offer the procedure."""
        for route in self._routes:
            if route.municipality == municipality and fnmatchcase(procedure, route.procedure):
                return route.to
        return ()


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client may send; anything not named is denied.

    Attributes:
        municipalities: Codes it may send for.
        procedures: Names or patterns of what it may send.
    """

    municipalities: frozenset[MunicipalityCode]
    procedures: tuple[str, ...]

    def allows(self, municipality: MunicipalityCode, procedure: ProcedureName) -> bool:
        """Tell whether the client may send this procedure for this municipality."""
        return municipality in self.municipalities and any(
            fnmatchcase(procedure, pattern) for pattern in self.procedures
        )
