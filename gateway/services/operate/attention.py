"""Look after what waits for a person: by groups, with notes, until nothing waits any more."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.crypto.at_rest import WordsAtRest
from gateway.crypto.detail import conceal
from gateway.domain.attention import AttentionGroup, AttentionNote, AttentionState
from gateway.domain.entry import Action, Actor, Entry, Fact
from gateway.domain.identifiers import DeliveryId
from gateway.domain.lifecycle import NEEDS_A_PERSON, State
from gateway.domain.records import DeliveryRecord
from gateway.domain.repair import WaitingFilter, WaitingGroup
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.causes import cause_of
from gateway.services.operate.refusals import NotFoundError, OperationError, parse_id, printable
from gateway.services.operate.selection import (
    Wanted,
    group_id,
    parse_moment,
    selected,
)

TREND_HOURS: Final = 24
RESOLVED_SHOWN: Final = timedelta(days=7)
"""For how long a group is listed after nothing waits in it any more."""
LONGEST: Final = timedelta(days=31)
"""For how long a group may be acknowledged."""
_HOUR_S: Final = 3600
_LARGEST_PAGE: Final = 500
_TRIES: Final = 3
_CURSOR: Final = "~"


class Attend:
    """Shows groups with what people made of them; a group's state follows from what waits.

    Whenever somebody looks, and once a minute (``keep_attention``), groups in which nothing
    waits are resolved, and those in which something waits again, or still after the time for
    which they were acknowledged, are open.
    """

    def __init__(
        self, *, journal: Journal, clock: Clock, new_id: Callable[[], UUID], at_rest: WordsAtRest
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._clock = clock
        self._new_id = new_id
        self._at_rest = at_rest

    async def settle(self) -> None:
        """Resolve groups in which nothing waits any more, and open those in which it does again.

        Raises:
            JournalUnavailableError: Perhaps not all of them stand as they should.
        """
        await self._settled(await self._waiting())

    async def groups(self) -> dict[str, object]:
        """Return what waits, by its cause, largest first, and what was resolved lately.

        Returns:
            ``groups``: each with ``trend``, how many of those that wait began to wait in each
            of the last 24 hours, oldest first; what the code means and what to do; how it stands.
            ``resolved``: groups in which nothing has waited for at most seven days.
        """
        waiting = await self._waiting()
        kept = await self._settled(waiting)
        trends = await self._trends()
        since = self._clock.now() - RESOLVED_SHOWN
        gone = [
            group
            for group in kept.values()
            if group.id not in waiting
            and group.state == AttentionState.RESOLVED
            and group.since >= since
        ]
        return {
            "groups": [_view(kept[id_], group, trends.get(id_)) for id_, group in waiting.items()],
            "resolved": [
                _view(group, None, None)
                for group in sorted(gone, key=lambda one: one.since, reverse=True)
            ],
        }

    async def show(
        self,
        group: str,
        *,
        since: str | None = None,
        until: str | None = None,
        municipality: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> dict[str, object]:
        """Return one group, its notes, and a page of what waits in it, latest first.

        Args:
            group: Its id.
            since: Only those that have waited since this time or a later one.
            until: Only those that began to wait before this time.
            municipality: Only this tenant's.
            after: Where the page before ended (``next``).
            limit: So many at most; 500.

        Returns:
            ``group``; ``notes``, newest first; ``selected``, how many fit; ``deliveries``; ``next``
            for the next page, ``None`` after the last.

        Raises:
            NotFoundError: No group has ever had this id.
            OperationError: What was said cannot be.
        """
        waiting = await self._waiting()
        kept = await self._settled(waiting)
        if group not in kept:
            raise NotFoundError(f"no group has this id: {group}")
        place = None if after is None else _place(after)
        limit = max(1, min(limit, _LARGEST_PAGE))
        deliveries: list[DeliveryRecord] = []
        count = 0
        if group in waiting:
            wanted = Wanted(
                group=group,
                since=since,
                until=until,
                municipality=municipality,
                in_doubt=waiting[group].state == State.IN_DOUBT,
            )
            where = await selected(self._journal, wanted, frozenset({waiting[group].state}))
            count = sum(one.deliveries for one in await self._journal.waiting_groups(where))
            found = await self._journal.waiting_deliveries(where, after=place, limit=limit + 1)
            deliveries = list(found)
        shown = deliveries[:limit]
        trends = await self._trends()
        return {
            "group": _view(kept[group], waiting.get(group), trends.get(group)),
            "notes": [
                {
                    "at": _iso(note.at),
                    "by": note.by,
                    "text": self._at_rest.open(note.text),
                }
                for note in await self._journal.attention_notes(group)
            ],
            "selected": count,
            "deliveries": [_delivery(delivery) for delivery in shown],
            "next": _cursor(shown[-1]) if len(deliveries) > limit else None,
        }

    async def note(self, group: str, *, actor: Actor, note: str) -> dict[str, object]:
        """Write a note on a group; it stands there for whoever comes next.

        Raises:
            NotFoundError: No group has ever had this id.
            OperationError: It is not of 1 to 200 printable characters.
        """
        note = printable(note, "note")
        return await self._write(group, actor, note, Action.ATTENTION_NOTED, lambda kept: kept)

    async def acknowledge(
        self, group: str, *, actor: Actor, note: str, until: str | None = None
    ) -> dict[str, object]:
        """Say that somebody looks after a group.

        Args:
            group: Its id.
            actor: Who does.
            note: What is being done; 1 to 200 printable characters.
            until: Open again then if something still waits; at most 31 days. If nothing is
                said, as soon as something new waits.

        Raises:
            NotFoundError: No group has ever had this id.
            OperationError: Nothing waits in it, or what was said cannot be.
        """
        note, now = printable(note, "note"), self._clock.now()
        end = parse_moment("until", until)
        if end is not None and not now < end <= now + LONGEST:
            raise OperationError(f"until must be within the next {LONGEST.days} days")

        def become(kept: AttentionGroup) -> AttentionGroup:
            if kept.state == AttentionState.RESOLVED:
                raise OperationError("nothing waits in this group any more")
            return replace(
                kept,
                state=AttentionState.ACKNOWLEDGED,
                since=now,
                acknowledged_by=actor.name,
                acknowledged_until=end,
            )

        return await self._write(group, actor, note, Action.ATTENTION_ACKNOWLEDGED, become)

    async def _write(
        self,
        group: str,
        actor: Actor,
        note: str,
        action: Action,
        become: Callable[[AttentionGroup], AttentionGroup],
    ) -> dict[str, object]:
        for _ in range(_TRIES):
            waiting = await self._waiting()
            kept = (await self._settled(waiting)).get(group)
            if kept is None:
                raise NotFoundError(f"no group has this id: {group}")
            changed = replace(become(kept), version=kept.version + 1)
            now = self._clock.now()
            noted = AttentionNote(
                id=self._new_id(), group=group, at=now, by=actor.name, text=self._at_rest.seal(note)
            )
            entry = _entry(action, changed, actor, note, now)
            if await self._journal.put_attention(changed, note=noted, entry=entry):
                return _view(replace(changed, notes=kept.notes + 1), waiting.get(group), None)
        raise OperationError("somebody else changed this group at the same time; look again")

    async def _waiting(self) -> dict[str, WaitingGroup]:
        found = await self._journal.waiting_groups(WaitingFilter(states=NEEDS_A_PERSON))
        return {group_id(group): group for group in found}

    async def _settled(self, waiting: Mapping[str, WaitingGroup]) -> dict[str, AttentionGroup]:
        """Return every group as it stands now, and store what has changed by itself."""
        now = self._clock.now()
        kept = {group.id: group for group in await self._journal.attention()}
        changed = False
        for id_ in waiting.keys() | kept.keys():
            settled = _settle(id_, kept.get(id_), waiting.get(id_), now)
            if settled != kept.get(id_):
                # Another process that was quicker has stored the same.
                await self._journal.put_attention(settled)
                changed = True
        if not changed:
            return kept
        return {group.id: group for group in await self._journal.attention()}

    async def _trends(self) -> dict[str, list[int]]:
        now = self._clock.now()
        this_hour = int(now.timestamp()) // _HOUR_S
        first = this_hour - TREND_HOURS + 1
        since = datetime.fromtimestamp(first * _HOUR_S, UTC)
        counts: Counter[tuple[str, int]] = Counter()
        for one in await self._journal.waiting_hours(since=since):
            id_ = group_id(
                WaitingGroup(
                    state=one.state,
                    destination=one.destination,
                    code=one.code,
                    adapter=one.adapter,
                    deliveries=one.deliveries,
                    first_at=one.hour,
                    last_at=one.hour,
                )
            )
            counts[id_, int(one.hour.timestamp()) // _HOUR_S] += one.deliveries
        hours = range(first, this_hour + 1)
        return {id_: [counts[id_, hour] for hour in hours] for id_ in _names(counts)}


def _names(counts: Iterable[tuple[str, int]]) -> set[str]:
    return {id_ for id_, _ in counts}


def _settle(
    id_: str, kept: AttentionGroup | None, waiting: WaitingGroup | None, now: datetime
) -> AttentionGroup:
    """Return how a group stands now; ``kept`` itself if nothing has changed."""
    if kept is None:
        if waiting is None:
            raise AssertionError(id_)
        return AttentionGroup(
            id=id_,
            version=1,
            waits=waiting.state,
            destination=waiting.destination,
            code=waiting.code,
            adapter=waiting.adapter,
            state=AttentionState.OPEN,
            since=now,
        )
    if waiting is None:
        becomes = AttentionState.RESOLVED
    elif kept.state == AttentionState.ACKNOWLEDGED and not _is_over(kept, waiting, now):
        becomes = AttentionState.ACKNOWLEDGED
    else:
        becomes = AttentionState.OPEN
    if becomes == kept.state:
        return kept
    return replace(
        kept,
        version=kept.version + 1,
        state=becomes,
        since=now,
        acknowledged_by=None,
        acknowledged_until=None,
        reopened_at=now if becomes == AttentionState.OPEN else kept.reopened_at,
    )


def _is_over(kept: AttentionGroup, waiting: WaitingGroup, now: datetime) -> bool:
    if waiting.first_at > kept.since:
        return True  # All that was acknowledged is gone; this came afterwards.
    if kept.acknowledged_until is not None:
        return now >= kept.acknowledged_until
    return waiting.last_at > kept.since


def _entry(action: Action, group: AttentionGroup, actor: Actor, note: str, now: datetime) -> Entry:
    facts: dict[str, Fact] = {
        "group": group.id,
        "state": group.waits.value,
        "destination": group.destination,
        "code": group.code,
        "adapter": group.adapter,
    }
    if action == Action.ATTENTION_ACKNOWLEDGED:
        until = group.acknowledged_until
        facts["until"] = None if until is None else _iso(until)
    return Entry(action=action, at=now, actor=actor, detail=conceal({"note": note}), facts=facts)


def _view(
    kept: AttentionGroup, waiting: WaitingGroup | None, trend: list[int] | None
) -> dict[str, object]:
    cause = cause_of(kept.code, kept.waits)
    until = kept.acknowledged_until
    return {
        "id": kept.id,
        "state": kept.waits.value,
        "destination": kept.destination,
        "code": kept.code,
        "adapter": kept.adapter,
        "deliveries": 0 if waiting is None else waiting.deliveries,
        "first_at": None if waiting is None else _iso(waiting.first_at),
        "last_at": None if waiting is None else _iso(waiting.last_at),
        "trend": trend or [0] * TREND_HOURS,
        "meaning": {"ja": cause.meaning[0], "en": cause.meaning[1]},
        "action": {"ja": cause.action[0], "en": cause.action[1]},
        "attention": kept.state.value,
        "attention_since": _iso(kept.since),
        "acknowledged_by": kept.acknowledged_by,
        "acknowledged_until": None if until is None else _iso(until),
        "reopened_at": None if kept.reopened_at is None else _iso(kept.reopened_at),
        "notes": kept.notes,
    }


def _delivery(record: DeliveryRecord) -> dict[str, object]:
    return {
        "id": str(record.id),
        "application": str(record.application_id),
        "municipality": record.municipality,
        "attempt": record.attempt,
        "pointer": record.pointer,
        "reference": record.reference,
        "updated_at": _iso(record.updated_at),
    }


def _cursor(record: DeliveryRecord) -> str:
    return f"{record.updated_at.isoformat()}{_CURSOR}{record.id}"


def _place(cursor: str) -> tuple[datetime, DeliveryId]:
    at, _, id_ = cursor.partition(_CURSOR)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise NotFoundError(f"no page begins there: {cursor!r}") from None
    if moment.tzinfo is None:
        raise NotFoundError(f"no page begins there: {cursor!r}")
    return moment, DeliveryId(parse_id(id_))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
