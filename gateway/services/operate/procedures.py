"""Which applications can be sent, what each asks, and how many came lately."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from gateway.domain.search import ApplicationFilter
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.schema.catalogue import Catalogue
from gateway.schema.describe import Description, describe
from gateway.schema.difference import changes
from gateway.schema.procedure import Procedure
from gateway.services.operate.refusals import NotFoundError
from gateway.services.routing import Route, RoutingTable

VOLUME_DAYS: Final = 30
MOST_COUNTED: Final = 10_000
"""More applications of one procedure are not counted one by one for a page."""
_KEPT_S: Final = 60.0
"""What was counted is good for everybody who asks within that time."""


class ShowProcedures:
    """Shows the catalogue and its versions."""

    def __init__(
        self,
        *,
        catalogue: Callable[[], Catalogue],
        routes: Sequence[Route],
        journal: Journal,
        clock: Clock,
    ) -> None:
        """Keep what it works with; ``catalogue`` is asked when it is needed."""
        self._catalogue = catalogue
        self._routes = routes
        self._journal = journal
        self._clock = clock
        self._volumes: dict[str, tuple[float, dict[str, Any]]] = {}

    async def list(self) -> list[dict[str, Any]]:
        """Return every procedure by name, as its newest version is.

        Returns:
            ``name``, ``area``, ``title`` and ``source`` (of the newest version), ``versions``
            (numbers), ``routed`` (``municipality`` and ``destinations`` each), ``accepted`` (in
            the last 30 days, at most 10,000 counted, as of a minute ago at most), ``is_all``
            (whether these are all).
        """
        named: dict[str, list[Procedure]] = {}
        for procedure in self._catalogue().procedures():
            named.setdefault(procedure.name, []).append(procedure)
        await asyncio.gather(*map(self._volume, named))
        return [
            {
                "name": name,
                "area": name.partition("/")[0],
                "title": dict(versions[-1].title),
                "source": versions[-1].source,
                "versions": [each.version for each in versions],
                "routed": self._routed(versions[-1]),
                **await self._volume(name),
            }
            for name, versions in named.items()
        ]

    async def show(self, name: str, version: int) -> dict[str, Any]:
        """Return one version.

        Returns:
            The members of ``list``, and ``version``, ``fields``, ``conditions``, ``checks`` (as
            ``schema.describe`` has them), ``example`` (a whole valid body, invented),
            ``compared_with`` (the version before, ``None`` for the first) and ``changes``
            (``schema.difference``).

        Raises:
            NotFoundError: There is no such version.
        """
        catalogue = self._catalogue()
        procedure = catalogue.get(name, version)
        if procedure is None:
            raise NotFoundError("there is no such version of a procedure")
        versions = [each.version for each in catalogue.procedures() if each.name == name]
        before = max((each for each in versions if each < version), default=None)
        described = describe(procedure)
        earlier = None if before is None else catalogue.get(name, before)
        return {
            "name": name,
            "area": name.partition("/")[0],
            "version": version,
            "versions": versions,
            "title": dict(procedure.title),
            "source": procedure.source,
            "routed": self._routed(procedure),
            **await self._volume(name),
            **_view(described),
            "example": procedure.example,
            "compared_with": before,
            "changes": []
            if earlier is None
            else [asdict(change) for change in changes(describe(earlier), described)],
        }

    def _routed(self, procedure: Procedure) -> Sequence[dict[str, Any]]:
        table = RoutingTable(self._routes)
        municipalities = sorted({route.municipality for route in self._routes})
        found = [(each, table.destinations(each, procedure.name)) for each in municipalities]
        return [{"municipality": each, "destinations": [*to]} for each, to in found if to]

    async def _volume(self, name: str) -> dict[str, Any]:
        at, known = asyncio.get_running_loop().time(), self._volumes.get(name)
        if known is not None and at - known[0] <= _KEPT_S:
            return known[1]
        since = self._clock.now() - timedelta(days=VOLUME_DAYS)
        where = ApplicationFilter(procedure=name, since=since)
        counted = await self._journal.count_applications(where, at_most=MOST_COUNTED)
        volume = {"accepted": counted.applications, "is_all": counted.is_all}
        self._volumes[name] = (at, volume)
        return volume


def _view(described: Description) -> dict[str, Any]:
    return {
        "fields": [asdict(field) for field in described.fields],
        "conditions": [
            {
                "when": {place: [*values] for place, values in each.when.items()},
                "required": [*each.required],
                "forbidden": [*each.forbidden],
                "limits": [
                    {"pointer": place, "keyword": keyword, "value": value}
                    for (place, keyword), value in each.limits.items()
                ],
            }
            for each in described.conditions
        ],
        "checks": [{"pointer": place, "name": name} for place, name in described.checks],
    }
