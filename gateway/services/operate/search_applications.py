"""Search applications: what an operator knows of one, and a page of those it may be."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final, Literal, TypeVar

from pydantic import ConfigDict

from gateway.crypto.pseudonym import Pseudonyms
from gateway.domain.entry import Action, Actor, Entry, Fact
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
)
from gateway.domain.lifecycle import ApplicationState, State
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.records import Dossier
from gateway.domain.search import ApplicationFilter
from gateway.ports.applications import ApplicationCount
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.in_order import InOrder, changed_at
from gateway.services.operate.refusals import OperationError, parse_id, printable
from gateway.services.operate.selection import parse_moment
from gateway.services.track import summary

LARGEST_PAGE: Final = 500
MOST_COUNTED: Final = 10_000
MOST_EXPORTED: Final = 100_000
"""What a spreadsheet opens without trouble; Excel has 1,048,576 rows at most."""
_MOST_NAMED: Final = 50
_COUNTING_BESIDE_S: Final = 0.03
"""How long is counted beside a page."""
_COUNTING_S: Final = 10.0
"""How long what is to be exported is counted; the page itself is not so patient."""
_DATE: Final = len("2026-11-20")

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoughtApplications:
    """What is known of an application, as it was typed; ``None``, or nothing, is anything.

    Attributes:
        applications: Ids; at most 50.
        receipt_number: A 受付番号, as the front end sent it; not kept and not written down.
        municipality: Six digits.
        procedure: ``area/name``, or a pattern with ``*``.
        client: A front end's name.
        destination: A destination's name.
        states: States of a delivery.
        status: How it stands as a whole: ``accepted``, ``needs_attention``, ``delivered`` or
            ``cancelled``.
        code: The last outcome's code of a delivery.
        feedback: A status that has come back: ``accepted``, ``returned``, ``rejected``,
            ``withdrawn`` or ``completed``.
        since: Accepted then or later, ISO 8601; in Japan, if it names no other time zone.
        until: Accepted before; a date alone is that whole day.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    applications: tuple[str, ...] = ()
    receipt_number: str | None = None
    municipality: str | None = None
    procedure: str | None = None
    client: str | None = None
    destination: str | None = None
    states: tuple[str, ...] = ()
    status: str | None = None
    code: str | None = None
    feedback: str | None = None
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an operator may choose from.

    Attributes:
        municipalities: Code to name.
        procedures: Name to the latest version's title, by language.
        clients: Names.
        destinations: Names.
        trace_url: Where a trace is shown, with ``{trace_id}``; ``None`` if nowhere.
    """

    municipalities: Mapping[MunicipalityCode, str]
    procedures: Mapping[ProcedureName, Mapping[str, str]]
    clients: Sequence[ClientName]
    destinations: Sequence[DestinationName]
    trace_url: str | None = None


class SearchApplications:
    """Finds applications; changes nothing. Who takes many of them away is written down."""

    def __init__(
        self, *, journal: Journal, pseudonyms: Pseudonyms, known: Known, clock: Clock
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._pseudonyms = pseudonyms
        self._known = known
        self._clock = clock
        # A count of seconds keeps one of the journal's few readers, which front ends need, too.
        self._counting = asyncio.Lock()

    async def choices(self) -> dict[str, object]:
        """Return what may be chosen: ``municipalities`` and ``procedures`` with their names,
        ``clients``, ``destinations``; and ``trace_url``.
        """  # noqa: D205 - one sentence
        known = self._known
        return {
            "municipalities": dict(known.municipalities),
            "procedures": {name: dict(title) for name, title in known.procedures.items()},
            "clients": list(known.clients),
            "destinations": list(known.destinations),
            "trace_url": known.trace_url,
        }

    async def search(
        self,
        *,
        where: SoughtApplications = SoughtApplications(),
        sort: Literal["accepted", "changed"] = "accepted",
        order: Literal["newest", "oldest"] = "newest",
        after: str | None = None,
        before: str | None = None,
        limit: int = 50,
        count: bool = False,
    ) -> dict[str, object]:
        """Return one page, in the order in which they were accepted, or last changed.

        Args:
            where: What is known of them.
            sort: By which time: that of acceptance, or that of the latest change of a delivery.
            order: Which come first.
            after: The page behind this place, as ``next`` told it of the same order.
            before: Or else the page that ends before this one, as ``previous`` did.
            limit: How many at most, 1 to 500.
            count: Whether to count all of them, up to 10,000.

        Returns:
            ``applications``: a line of each. ``next`` and ``previous``: what to give as ``after``
            and ``before`` for the pages beside this one, ``null`` at the ends. ``searched_to``:
            the time, of those that it is sorted by, up to which everything has been looked
            through, when the search stopped there before the page was full (go on with
            ``next``). ``total``: if
            it was asked for, ``applications`` and ``is_all`` (``false``: there are more, or
            counting took too long).

        Raises:
            NotFoundError: One of the ids is none.
            OperationError: Nothing can be looked for in this way; in words.
        """
        if after is not None and before is not None:
            raise OperationError("after or before, not both")
        wanted = self._filter(where)
        backwards = before is not None
        edge = before if backwards else after
        limit = max(1, min(limit, LARGEST_PAGE))
        in_order = InOrder(self._journal, (order == "newest") != backwards, limit)
        look = in_order.changed if sort == "changed" else in_order.accepted
        if wanted is None:
            return _page([], None, None, None, ApplicationCount(0, is_all=True) if count else None)
        page = await look(wanted, edge)
        counted = None
        if count and edge is None and page.reached is None:
            counted = ApplicationCount(len(page.dossiers), is_all=True)
        elif count:
            counted = await self._journal.count_applications(
                wanted, at_most=MOST_COUNTED, patience_s=_COUNTING_BESIDE_S
            )
        found = list(reversed(page.dossiers)) if backwards else list(page.dossiers)
        first = page.place_of(found[0]) if found else edge
        last = page.place_of(found[-1]) if found else edge
        next_, previous = (
            (last, page.reached) if backwards else (page.reached, None if edge is None else first)
        )
        cut_short = page.reached is not None and len(found) < limit
        return _page(found, next_, previous, page.reached_at if cut_short else None, counted)

    async def export(
        self,
        *,
        where: SoughtApplications = SoughtApplications(),
        actor: Actor,
    ) -> dict[str, object]:
        """Write down that somebody takes a list away, and how long it is; the pages come after.

        Returns:
            ``applications``, at most 100,000, and ``is_all``.

        Raises:
            NotFoundError: One of the ids is none.
            OperationError: Nothing can be looked for in this way; in words.
        """
        wanted = self._filter(where)
        counted = ApplicationCount(0, is_all=True)
        if wanted is not None:
            async with self._counting:
                counted = await self._journal.count_applications(
                    wanted, at_most=MOST_EXPORTED, patience_s=_COUNTING_S
                )
        await self._journal.record([self._noted(where, counted, actor)])
        return {"applications": counted.applications, "is_all": counted.is_all}

    def _noted(self, where: SoughtApplications, counted: ApplicationCount, actor: Actor) -> Entry:
        """Return the entry of an export: by what, but no word that somebody typed.

        A municipality is written only where it is configured, so that nothing is written down
        that was pasted into the wrong field.
        """
        named = [each.name for each in fields(where) if getattr(where, each.name)]
        municipality = None
        if where.municipality in self._known.municipalities and where.municipality is not None:
            municipality = MunicipalityCode(where.municipality)
        facts: dict[str, Fact] = {
            "purpose": "messages.export",
            "entries": counted.applications,
            "filter": " ".join(named),
            "since": _iso(_moment("since", where.since)),
            "until": _iso(_moment("until", where.until)),
        }
        return Entry(
            action=Action.LOG_READ,
            at=self._clock.now(),
            actor=actor,
            municipality=municipality,
            facts=facts,
        )

    def _filter(self, where: SoughtApplications) -> ApplicationFilter | None:
        """Return what to ask the journal, ``None`` if nothing can be it."""
        since, until = _moment("since", where.since), _moment("until", where.until)
        if since is not None and until is not None and since >= until:
            raise OperationError("since must be before until: nothing was accepted between them")
        if len(where.applications) > _MOST_NAMED:
            raise OperationError(f"at most {_MOST_NAMED} ids")
        municipality = _municipality(where.municipality)
        macs: tuple[bytes, ...] = ()
        if where.receipt_number is not None:
            number = printable(where.receipt_number, "receipt number")
            whose = set(self._known.municipalities) if municipality is None else {municipality}
            macs = tuple(self._pseudonyms.receipt_mac(each, number) for each in sorted(whose))
            if not macs:
                return None
        wanted = ApplicationFilter(
            applications=tuple(ApplicationId(parse_id(one)) for one in where.applications),
            receipt_macs=macs,
            municipality=municipality,
            procedure=_text(where.procedure, "procedure"),
            states=frozenset(_one_of(State, one, "state") for one in where.states),
            code=_text(where.code, "code"),
            since=since,
            until=until,
        )
        if where.status is not None:
            wanted = replace(wanted, status=_one_of(ApplicationState, where.status, "status"))
        if where.feedback is not None:
            wanted = replace(wanted, feedback=_one_of(FeedbackStatus, where.feedback, "feedback"))
        if (client := _text(where.client, "client")) is not None:
            wanted = replace(wanted, client=ClientName(client))
        if (destination := _text(where.destination, "destination")) is not None:
            wanted = replace(wanted, destination=DestinationName(destination))
        return wanted


def _page(
    found: Sequence[Dossier],
    following: str | None,
    previous: str | None,
    searched_to: str | None,
    counted: ApplicationCount | None,
) -> dict[str, object]:
    total: dict[str, object] | None = None
    if counted is not None:
        total = {"applications": counted.applications, "is_all": counted.is_all}
    return {
        "applications": [_line(dossier) for dossier in found],
        "next": following,
        "previous": previous,
        "searched_to": searched_to,
        "total": total,
    }


def _line(dossier: Dossier) -> dict[str, object]:
    return {
        **summary(dossier),
        "client": dossier.application.client,
        "version": dossier.application.version,
        "changed_at": changed_at(dossier).isoformat(timespec="milliseconds"),
    }


def _moment(name: str, text: str | None) -> datetime | None:
    try:
        moment = parse_moment(name, text)
    except OperationError:
        # Not repeated: whoever types something else here shall not find it in a log.
        raise OperationError(f"{name} must look like 2026-11-20 or 2026-11-20T09:30") from None
    if moment is not None and text is not None and name == "until" and len(text) == _DATE:
        return moment + timedelta(days=1)
    return moment


def _municipality(text: str | None) -> MunicipalityCode | None:
    if text is None:
        return None
    if len(text) != len("131016") or not (text.isascii() and text.isdigit()):
        raise OperationError("a municipality is six digits")
    return MunicipalityCode(text)


def _text(text: str | None, what: str) -> str | None:
    return None if text is None else printable(text, what)


def _one_of(values: Callable[[str], E] | type[E], text: str, what: str) -> E:
    try:
        return values(text)
    except ValueError:
        raise OperationError(f"no such {what}") from None


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
