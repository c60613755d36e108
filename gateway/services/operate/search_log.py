"""Search the audit log, and write down who searched it for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from pydantic import ConfigDict

from gateway.audit.verify import read
from gateway.crypto.pseudonym import Pseudonyms, year_of
from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact
from gateway.domain.entry_outcome import OUTCOMES, EntryOutcome
from gateway.domain.identifiers import ApplicationId, MunicipalityCode
from gateway.ports.audit_log import EntryFilter, FoundEntry
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.erasure import Erasures
from gateway.services.operate.refusals import OperationError, parse_id, printable
from gateway.services.operate.selection import parse_moment
from gateway.services.track import words_of

LARGEST_PAGE: Final = 500
_MAX_POSITION: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which entries an operator looks for; what is not said may be anything.

    Attributes:
        municipality: Only this one's, six digits.
        application: Only about the application with this id.
        receipt_number: Only about this 受付番号, as the front end sent it.
        actor: Only by whoever has this name.
        actor_kind: ``client``, ``worker``, ``operator``, ``gateway`` or ``nobody``.
        actions: Names, or beginnings of names that end in a dot, as ``delivery.``.
        outcomes: ``domain.entry_outcome.EntryOutcome``.
        since: Not before this time; ISO 8601, Japan's time if it names no other.
        until: Before this time.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    municipality: str | None = None
    application: str | None = None
    receipt_number: str | None = None
    actor: str | None = None
    actor_kind: str | None = None
    actions: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None


class SearchLog:
    """Finds entries. What was asked for is an entry itself, but never a 受付番号."""

    def __init__(
        self,
        *,
        journal: Journal,
        pseudonyms: Pseudonyms,
        municipalities: frozenset[MunicipalityCode],
        clock: Clock,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._pseudonyms = pseudonyms
        self._municipalities = municipalities
        self._clock = clock

    async def __call__(
        self, *, where: Sought, before: int | None = None, limit: int = 50, actor: Actor
    ) -> dict[str, object]:
        """Return one page, latest first.

        Args:
            where: What is looked for.
            before: Only what is older than this position.
            limit: How many at most, 1 to ``LARGEST_PAGE``.
            actor: Who looks.

        Returns:
            ``entries``: the members of each, with ``index`` (``null`` until it is sealed),
            ``position``, ``words`` (what the detail says), ``erased`` (whether somebody
            erased that) and ``erasure`` (``at``, ``by``), ``words_lost`` (whether it cannot be
            read although nobody did). ``before``: the position to go on from, ``null`` when
            there may be no more.

        Raises:
            NotFoundError: ``application`` is not an id.
            OperationError: Nothing can be looked for in this way; in words.
        """
        limit = max(1, min(limit, LARGEST_PAGE))
        if before is not None and not 0 <= before <= _MAX_POSITION:
            raise OperationError("before: no such position")
        wanted = await self._filter(where)
        found = [] if wanted is None else await self._found(wanted, before, limit)
        erasures = Erasures(self._journal)
        entries = [await _view(each, erasures) for each in found]
        await self._journal.record([self._noted(where, entries, actor)])
        full = len(found) == limit
        return {"entries": entries, "before": found[-1].position if full else None}

    async def _filter(self, where: Sought) -> EntryFilter | None:
        """Return what to ask the journal, ``None`` if nothing can be it."""
        since, until = parse_moment("since", where.since), parse_moment("until", where.until)
        if since is not None and until is not None and since >= until:
            raise OperationError("since must be before until: nothing happened between them")
        actions = _actions(where.actions, where.outcomes)
        if actions is not None and not actions:
            return None
        municipality = _municipality(where.municipality)
        subjects: tuple[bytes, ...] = ()
        if where.receipt_number is not None:
            number = printable(where.receipt_number, "receipt number")
            subjects = await self._subjects(number, municipality)
            if not subjects:
                return None
        return EntryFilter(
            actions=actions or frozenset(),
            municipality=municipality,
            application=None
            if where.application is None
            else ApplicationId(parse_id(where.application)),
            subjects=subjects,
            actor=None if where.actor is None else printable(where.actor, "actor"),
            actor_kind=_kind(where.actor_kind),
            since=since,
            until=until,
        )

    async def _found(self, wanted: EntryFilter, before: int | None, limit: int) -> list[FoundEntry]:
        """Return one page; of a 受付番号 also what names only the applications that have it."""
        filters = [wanted]
        if wanted.subjects:
            named = EntryFilter(subjects=wanted.subjects)
            about = await self._journal.find_entries(named, limit=LARGEST_PAGE)
            filters += [
                replace(wanted, subjects=(), application=application)
                for application in sorted({*map(_application, about)} - {None}, key=str)
                if wanted.application in (None, application)
            ]
        found = {
            each.position: each
            for where in filters
            for each in await self._journal.find_entries(where, before=before, limit=limit)
        }
        return [found[position] for position in sorted(found, reverse=True)[:limit]]

    async def _subjects(
        self, number: str, municipality: MunicipalityCode | None
    ) -> tuple[bytes, ...]:
        """Return what stands for a number, in every year of the log and one more on both sides.

        Of all years, and not those that are asked for: a clock may have been wrong.
        """
        years = range(await self._first_year() - 1, year_of(self._clock.now()) + 2)
        whose = self._municipalities if municipality is None else {municipality}
        return tuple(
            self._pseudonyms.subject(each, year, number) for each in sorted(whose) for year in years
        )

    async def _first_year(self) -> int:
        async for entry in self._journal.sealed_entries():
            try:
                return year_of(datetime.fromisoformat(str(read(entry.data)["at"])))
            except ValueError:
                break
        return year_of(self._clock.now())

    def _noted(self, where: Sought, found: Sequence[Mapping[str, object]], actor: Actor) -> Entry:
        """Return the entry of a search: which it was, without anything that may name somebody.

        Whatever was typed is free text. It is written only where it is a word of the
        configuration, or found in the log, so that it is there already.
        """
        said = [each.name for each in fields(where) if getattr(where, each.name)]
        municipality = _municipality(where.municipality)
        if not found and municipality not in self._municipalities:
            municipality = None
        facts: dict[str, Fact] = {
            "purpose": "search",
            "entries": len(found),
            "filter": " ".join(said),
            "actions": " ".join(sorted({*where.actions})) or None,
            "outcomes": " ".join(sorted({*where.outcomes})) or None,
            "actor": where.actor and printable(where.actor, "actor") if found else None,
            "actor_kind": where.actor_kind,
            "since": _iso(parse_moment("since", where.since)),
            "until": _iso(parse_moment("until", where.until)),
        }
        return Entry(
            action=Action.LOG_READ,
            at=self._clock.now(),
            actor=actor,
            municipality=municipality,
            application=ApplicationId(parse_id(where.application))
            if where.application is not None and found
            else None,
            subject=self._looked_for(where, found),
            facts=facts,
        )

    def _looked_for(self, where: Sought, found: Sequence[Mapping[str, object]]) -> bytes | None:
        """Return what stands for the 受付番号 that was found, so that the search is found by it."""
        if where.receipt_number is None:
            return None
        whose = {each.get("municipality") for each in found}
        if len(whose) != 1 or not isinstance(one := whose.pop(), str):
            return None
        number = printable(where.receipt_number, "receipt number")
        return self._pseudonyms.subject(MunicipalityCode(one), year_of(self._clock.now()), number)


def _application(found: FoundEntry) -> ApplicationId | None:
    try:
        named = read(found.entry.data).get("application")
    except ValueError:
        return None
    return None if named is None else ApplicationId(UUID(str(named)))


async def _view(found: FoundEntry, erasures: Erasures) -> dict[str, object]:
    try:
        members = dict(read(found.entry.data))
    except ValueError:
        # It was tampered with; verification says where. That it is there is worth showing.
        members = {"unreadable": True, "node": found.entry.node, "nseq": found.entry.nseq}
    detail = members.get("detail")
    words = words_of(detail, found.detail_key) if isinstance(detail, str) else None
    return {
        "index": found.index,
        "position": found.position,
        **members,
        "words": words,
        **await erasures.view(found, words, has_words=detail is not None),
    }


def _actions(named: Sequence[str], outcomes: Sequence[str]) -> frozenset[Action] | None:
    """Return the actions that are meant; ``None`` for any."""
    if not named and not outcomes:
        return None
    chosen = {action for name in named for action in _of_name(name)} if named else set(Action)
    if outcomes:
        known = ", ".join(EntryOutcome)
        try:
            wanted = {EntryOutcome(outcome) for outcome in outcomes}
        except ValueError:
            raise OperationError(f"unknown outcome; known: {known}") from None
        chosen = {action for action in chosen if OUTCOMES[action] in wanted}
    return frozenset(chosen)


def _of_name(name: str) -> set[Action]:
    found = {
        action
        for action in Action
        if action == name or (name[-1:] == "." and action.startswith(name))
    }
    if not found:
        subjects = ", ".join(dict.fromkeys(action.partition(".")[0] + "." for action in Action))
        raise OperationError(f"no such action; name one, or all of a subject: {subjects}")
    return found


def _municipality(text: str | None) -> MunicipalityCode | None:
    if text is None:
        return None
    # Not repeated: whoever types a My Number here shall not find it in a log.
    if len(text) != len("131016") or not (text.isascii() and text.isdigit()):
        raise OperationError("a municipality is six digits")
    return MunicipalityCode(text)


def _kind(text: str | None) -> ActorKind | None:
    if text is None:
        return None
    try:
        return ActorKind(text)
    except ValueError:
        raise OperationError(f"unknown kind of actor; known: {', '.join(ActorKind)}") from None


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
