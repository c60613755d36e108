"""Carry out orders to send a selection again: the canary first, the rest at its rate."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import Enum, auto
from typing import Final

import structlog

from gateway.crypto.at_rest import WordsAtRest
from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.lifecycle import FINAL, Event, State
from gateway.domain.records import DeliveryRecord
from gateway.domain.repair import (
    ReplayId,
    ReplayItem,
    ReplayOrder,
    ReplayResult,
    ReplayState,
    ReplayTally,
    waits_for_a_person,
)
from gateway.ports.clock import Clock
from gateway.ports.journal import Decision, Journal
from gateway.services.operate.decide import replay_rule
from gateway.services.operate.trace_decision import trace_decision
from gateway.services.spans import Spans

log = structlog.get_logger()

TICK_S: Final = 1.0
"""How often is looked for orders; an order sends at most what its rate allows in this time."""
_LEASE: Final = timedelta(seconds=30)
_AT_ONCE: Final = 50
"""Items decided together, so that they share commits; also the most that may still begin
when an order has just been stopped."""
_UNREADABLE: Final = "(sealed under another key)"
_ACTOR: Final = Actor(ActorKind.GATEWAY, "replay")


class CarryOutReplays:
    """Begins new attempts of the deliveries of running orders.

    A delivery that does not wait any more, or not in the attempt in which it was selected,
    is left alone. What was done with an item is stored in the transaction that begins its
    attempt: whoever goes on after a crash does nothing twice, and nothing breaks when two
    processes carry out one order, though each would do so at its rate; a lease sees to
    it that one does.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        at_rest: WordsAtRest,
        monotonic: Callable[[], float] = time.monotonic,
        spans: Spans | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: Where orders and deliveries are.
            clock: For what is written down.
            at_rest: Reads why it was ordered.
            monotonic: Seconds that never go backwards, for the rate.
            spans: Where what is begun is traced.
        """
        self._spans = spans or Spans()
        self._journal = journal
        self._clock = clock
        self._at_rest = at_rest
        self._monotonic = monotonic
        self._paces: dict[ReplayId, _Pace] = {}
        self._arrived: set[ReplayId] = set()

    async def run(self) -> None:
        """Look once a second until cancelled."""
        is_reported = False
        while True:
            try:
                await self.look()
                is_reported = False
            except* JournalUnavailableError as errors:
                # What was begun is known by its result; the rest is begun at the next look.
                if not is_reported:
                    code = _first(errors).code
                    log.warning("replays.put_off", code=code)
                is_reported = True
            await asyncio.sleep(TICK_S)

    async def look(self) -> None:
        """Take every running order one step further.

        Raises:
            JournalUnavailableError: Alone or in a group: not all was done; look again later.
        """
        now = self._clock.now()
        orders = await self._journal.lease_replays(now=now, until=now + _LEASE)
        running = {order.id for order in orders}
        self._paces = {id_: pace for id_, pace in self._paces.items() if id_ in running}
        self._arrived &= running
        for order in orders:
            await self._carry(order)

    async def _carry(self, order: ReplayOrder) -> None:
        pace = self._paces.get(order.id)
        if pace is None:
            pace = self._paces[order.id] = _Pace(order.rate_per_s, self._monotonic)
        allowed = pace.allowed()
        items = await self._journal.replay_items(order.id, limit=max(1, allowed))
        if not items:
            await self._finish(order)
            return
        if order.canary and order.id not in self._arrived:
            tally = await self._journal.replay_tally(order.id)
            match judged(tally):
                case Canary.FAILED:
                    await self._halt(order, tally)
                    return
                case Canary.ON_ITS_WAY:
                    items = [item for item in items if item.position <= order.canary]
                case Canary.ARRIVED:
                    self._arrived.add(order.id)
        await self._begin(order, items[:allowed], pace)

    async def _begin(self, order: ReplayOrder, items: Sequence[ReplayItem], pace: "_Pace") -> None:
        for start in range(0, len(items), _AT_ONCE):
            if start and not await self._runs(order):
                return
            chunk = items[start : start + _AT_ONCE]
            # Before, not after: an answer that is lost must not make it faster.
            pace.spend(len(chunk))
            async with asyncio.TaskGroup() as tasks:
                for item in chunk:
                    tasks.create_task(self._replay(order, item))

    async def _replay(self, order: ReplayOrder, item: ReplayItem) -> None:
        since = self._clock.now()
        begun = await self._journal.decide(item.delivery, self._rule(order, item))
        if begun is not None:
            await trace_decision(self._spans, self._journal, begun, Event.REPLAYED, since=since)

    def _rule(
        self, order: ReplayOrder, item: ReplayItem
    ) -> Callable[[DeliveryRecord], Decision[DeliveryRecord | None]]:
        begin = replay_rule(
            actor=Actor(ActorKind.OPERATOR, order.ordered_by),
            reason=self._at_rest.open(order.reason) or _UNREADABLE,
            now=self._clock.now(),
            order=order.id,
        )

        def rule(record: DeliveryRecord) -> Decision[DeliveryRecord | None]:
            if record.attempt != item.attempt or not waits_for_a_person(record):
                left = replace(item, result=ReplayResult.LEFT_ALONE)
                return Decision(answer=None, item=left)
            begun = begin(record)
            return Decision(
                answer=begun.answer,
                record=begun.record,
                entries=begun.entries,
                item=replace(item, result=ReplayResult.REPLAYED),
            )

        return rule

    async def _runs(self, order: ReplayOrder) -> bool:
        found = await self._journal.replay_order(order.id)
        return found is not None and found.state == ReplayState.RUNNING

    async def _finish(self, order: ReplayOrder) -> None:
        tally = await self._journal.replay_tally(order.id)
        facts = {
            result.value: sum(one.deliveries for one in tally if one.result == result)
            for result in ReplayResult
        }
        if await self._become(order, ReplayState.FINISHED, Action.REPLAY_FINISHED, facts):
            replayed = facts[ReplayResult.REPLAYED.value]
            log.info("replay.finished", order_id=str(order.id), deliveries=replayed)

    async def _halt(self, order: ReplayOrder, tally: Iterable[ReplayTally]) -> None:
        canary = [one for one in tally if one.is_canary]
        facts = {
            state.value: sum(one.deliveries for one in canary if one.state == state)
            for state in (State.DELIVERED, State.PARKED, State.IN_DOUBT, State.CANCELLED)
        }
        if await self._become(order, ReplayState.HALTED, Action.REPLAY_HALTED, facts):
            # It waits for somebody.
            log.warning("replay.halted", order_id=str(order.id), deliveries=sum(facts.values()))

    async def _become(
        self, order: ReplayOrder, state: ReplayState, action: Action, facts: dict[str, int]
    ) -> bool:
        told: dict[str, Fact] = {"order": str(order.id), **facts}
        now = self._clock.now()
        return await self._journal.change_replay(
            order.id,
            was={ReplayState.RUNNING},
            becomes=state,
            at=now,
            entry=Entry(action=action, at=now, actor=_ACTOR, facts=told),
        )


class Canary(Enum):
    """What the first deliveries of an order tell of the rest."""

    ON_ITS_WAY = auto()
    ARRIVED = auto()
    FAILED = auto()


def judged(tally: Iterable[ReplayTally]) -> Canary:
    """Return what an order's canary tells, by where its deliveries stand now.

    Only what was sent again tells anything. One that needs a person again is enough to fail;
    so is that none has arrived at all, because all were cancelled or had been dealt with
    otherwise: nothing is known of the rest then. One in doubt that is still looked up by
    itself tells nothing yet.
    """
    canary = [one for one in tally if one.is_canary]
    replayed = [one for one in canary if one.result == ReplayResult.REPLAYED]
    begun = {one.state for one in replayed}
    if any(one.waits for one in replayed):
        return Canary.FAILED
    if begun - FINAL or any(one.result is None for one in canary):
        return Canary.ON_ITS_WAY
    return Canary.ARRIVED if State.DELIVERED in begun else Canary.FAILED


def _first(errors: "BaseExceptionGroup[JournalUnavailableError]") -> JournalUnavailableError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


class _Pace:
    """How many attempts an order may begin now: its rate, without hurrying afterwards."""

    def __init__(self, rate_per_s: float, monotonic: Callable[[], float]) -> None:
        """Allow one at first."""
        self._rate_per_s = rate_per_s
        self._monotonic = monotonic
        self._most = max(1.0, rate_per_s * TICK_S)
        self._credit = 1.0
        self._at = monotonic()

    def allowed(self) -> int:
        """Return how many may begin now, at most those of one tick."""
        now = self._monotonic()
        self._credit = min(self._most, self._credit + (now - self._at) * self._rate_per_s)
        self._at = now
        return int(self._credit)

    def spend(self, begun: int) -> None:
        """Note that so many begin."""
        self._credit -= begun
