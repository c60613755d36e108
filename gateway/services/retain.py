"""Forget what is final and was kept for long enough: every hour, a little at a time.

One gateway of a journal does it at a time (``Retention.take_turn``). Each page is a transaction
with its audit entries, so that whoever is killed has deleted all of a page and said so, or nothing
of it; the next turn begins from the start and finds what is left.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import structlog

from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import MunicipalityCode
from gateway.domain.retention import Cursor, Cutoffs, Expired, Kept, Past, Term
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal

log = structlog.get_logger()

EVERY: Final = timedelta(hours=1)
LOOK_S: Final = 300.0
"""So often a gateway asks whether it is time; also how long after its start it first does."""
PAGE: Final = 50
"""Rows that one transaction looks at, for which steps of others wait. A hundred took 8 to 45 ms
(docs/adr/0018)."""
PAUSE_S: Final = 0.05
"""Between two pages: others write then."""
_TURN: Final = timedelta(minutes=10)
"""Whoever is not heard of for so long has lost its turn. A page takes seconds at most."""

_GATEWAY: Final = Actor(ActorKind.GATEWAY, "retention")

Told = Callable[[int, int], None]
"""Told how many things went so far, and 0: nobody knows of how many."""

Counts = Mapping[Kept, Mapping[MunicipalityCode | None, int]]
"""How many of each class, by municipality; words may concern none."""


class Retain:
    """Looks through the journal and forgets."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        terms: Mapping[Kept, Term],
        pause_s: float = PAUSE_S,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: What is looked through.
            clock: The time of day.
            terms: How long each class is kept.
            pause_s: How long others are let between two pages.
        """
        self._journal = journal
        self._clock = clock
        self._terms = terms
        self._pause_s = pause_s

    @property
    def terms(self) -> Mapping[Kept, Term]:
        """How long each class is kept."""
        return self._terms

    async def plan(self) -> Counts:
        """Return how many things are over their terms now; changes nothing."""
        now = self._clock.now()
        counts: dict[Kept, Counter[MunicipalityCode | None]] = {}
        for kept, term in self._terms.items():
            counts[kept] = Counter()
            after: Cursor | None = None
            while True:
                page = await self._journal.expirable(
                    kept, term.cutoffs(now), after=after, limit=PAGE
                )
                counts[kept].update(each.municipality for each in page.expired)
                if (after := page.after) is None:
                    break
                await asyncio.sleep(0)
        return counts

    async def once(
        self,
        *,
        actor: Actor = _GATEWAY,
        not_within: timedelta = timedelta(),
        told: Told | None = None,
    ) -> Counts | None:
        """Forget everything whose term is over.

        Args:
            actor: Who says so, in the audit log.
            not_within: Not if that was done so short a time ago, by whomever.
            told: Told how far it is.

        Returns:
            How many went; ``None`` if it is another process's turn, or was lost to one.

        Raises:
            JournalUnavailableError: What was committed until then is gone; it may be tried again.
        """
        began = self._clock.now()
        counts: dict[Kept, Counter[MunicipalityCode | None]] = {}
        for kept, term in self._terms.items():
            counts[kept] = Counter()
            entries = _entries(kept, term, began, actor)
            after: Cursor | None = None
            while True:
                if not await self._is_our_turn(began - not_within):
                    return None
                page = await self._journal.expire(
                    kept, term.cutoffs(began), after=after, limit=PAGE, entries=entries
                )
                counts[kept].update(each.municipality for each in page.expired)
                if told is not None:
                    told(sum(each.total() for each in counts.values()), 0)
                if (after := page.after) is None:
                    break
                await asyncio.sleep(self._pause_s)
        past = await self._forget_past(began, actor)
        if any(counts.values()):
            await self._journal.record(_summary(counts, began, self._clock.now(), actor))
        if past or any(counts.values()):
            await self._journal.let_go()
        await self._journal.end_turn(self._clock.now())
        if any(counts.values()):
            log.info(
                "retention.done",
                payloads=counts[Kept.PAYLOADS].total(),
                applications=counts[Kept.APPLICATIONS].total(),
                details=counts[Kept.WORDS].total(),
            )
        return counts

    async def run(self) -> None:
        """Do it every hour until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.once(not_within=EVERY)
            except JournalUnavailableError as error:
                log.warning("retention.not_done", code=error.code)

    async def _is_our_turn(self, ended_before: datetime) -> bool:
        now = self._clock.now()
        return await self._journal.take_turn(now=now, until=now + _TURN, ended_before=ended_before)

    async def _forget_past(self, began: datetime, actor: Actor) -> int:
        """Forget what belongs to nobody, once applications of then would be gone."""
        days = self._terms[Kept.APPLICATIONS].days
        before = began - timedelta(days=days)

        def entries(past: Past) -> Sequence[Entry]:
            facts: dict[str, Fact] = {
                "replays": past.replays,
                "approvals": past.approvals,
                "notes": past.notes,
                "before": _text(before),
                "term_days": days,
            }
            return [Entry(action=Action.RECORDS_EXPIRED, at=began, actor=actor, facts=facts)]

        total = 0
        while gone := await self._journal.forget_past(before, entries):
            total += gone
            await asyncio.sleep(self._pause_s)
        return total


def _summary(counts: Counts, began: datetime, now: datetime, actor: Actor) -> Sequence[Entry]:
    """Return one entry for each municipality, so that nobody has to count the others."""
    codes = {code for each in counts.values() for code, count in each.items() if count}
    return [
        Entry(
            action=Action.RETENTION_FINISHED,
            at=now,
            actor=actor,
            municipality=code,
            facts={
                "payloads": counts[Kept.PAYLOADS].get(code, 0),
                "applications": counts[Kept.APPLICATIONS].get(code, 0),
                "details": counts[Kept.WORDS].get(code, 0),
                "began_at": _text(began),
            },
        )
        for code in sorted(codes, key=lambda each: each or "")
    ]


def _entries(
    kept: Kept, term: Term, now: datetime, actor: Actor
) -> Callable[[Sequence[Expired]], Sequence[Entry]]:
    cutoffs = term.cutoffs(now)

    def entries(expired: Sequence[Expired]) -> Sequence[Entry]:
        if kept is Kept.APPLICATIONS:
            return [_of_application(each, term, now, actor) for each in expired]
        return list(_of_many(kept, expired, term, cutoffs, now, actor))

    return entries


def _of_application(one: Expired, term: Term, now: datetime, actor: Actor) -> Entry:
    return Entry(
        action=Action.APPLICATION_EXPIRED,
        at=now,
        actor=actor,
        municipality=one.municipality,
        application=one.application,
        facts={
            "deliveries": " ".join(str(each) for each in one.deliveries),
            "since": _text(one.since),
            "term_days": term.of(one.municipality),
        },
    )


def _of_many(
    kept: Kept,
    expired: Sequence[Expired],
    term: Term,
    cutoffs: Cutoffs,
    now: datetime,
    actor: Actor,
) -> Iterator[Entry]:
    """Yield one entry for each municipality."""
    action, name = {
        Kept.PAYLOADS: (Action.PAYLOADS_EXPIRED, "payloads"),
        Kept.WORDS: (Action.WORDS_EXPIRED, "details"),
    }[kept]
    codes = sorted((each.municipality or "") for each in expired)
    for code, same in groupby(codes):
        municipality = MunicipalityCode(code) if code else None
        yield Entry(
            action=action,
            at=now,
            actor=actor,
            municipality=municipality,
            facts={
                name: len(list(same)),
                "before": _text(cutoffs.of(municipality)),
                "term_days": term.of(municipality),
            },
        )


def _text(at: datetime) -> str:
    """Return a time as entries have it, cut to milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
