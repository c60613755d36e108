"""Publish deliveries that are due: one bounded lane per destination."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import (
    JournalUnavailableError,
    KakehashiError,
    QueueFullError,
    TransientError,
    UnroutableError,
)
from gateway.domain.identifiers import ApplicationId, CopyId, DeliveryId, DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord, SealedDelivery
from gateway.ports.broker import Broker, destination_queue
from gateway.ports.clock import Clock
from gateway.ports.journal import DossierFilter, Journal
from gateway.services.destinations import Destinations
from gateway.services.flow import accepted_at
from gateway.services.relay_rules import asked_again_rule, due_rule, is_asked, published_rule
from gateway.services.spans import Carried, Spans
from gateway.services.tally import WAY_S, Histogram
from gateway.services.wire import delivery_message

log = structlog.get_logger()

COPIES_OUT: Final = 1000
"""The most copies of one destination that wait in the broker; the rest waits in the journal."""
LEASE_S: Final = 30.0
SWEEP_S: Final = 1.0
"""How often a lane looks for what has become due."""
_HOLD_S: Final = 2.0
_PUBLISHERS: Final = 16


def _is_out(record: DeliveryRecord) -> bool:
    """Tell whether a copy was out before: then only ``recover`` puts it back."""
    return record.state in (State.QUEUED, State.SENDING) or record.copy is not None


class Lane:
    """One destination's way to the broker; a full or missing queue holds up this lane only."""

    def __init__(
        self,
        *,
        name: DestinationName,
        destinations: Destinations,
        journal: Journal,
        broker: Broker,
        clock: Clock,
        new_copy: Callable[[], CopyId],
        sweep_s: float = SWEEP_S,
        spans: Spans | None = None,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._spans = spans or Spans()
        self._sweep_s = sweep_s
        self._name = name
        self._destinations = destinations
        self._queue = destination_queue(name)
        self._journal = journal
        self._broker = broker
        self._clock = clock
        self._new_copy = new_copy
        self._waiting: deque[tuple[SealedDelivery, CopyId | None]] = deque()
        self._held: set[DeliveryId] = set()
        self._done_since_sweep: set[DeliveryId] = set()
        self._room = COPIES_OUT
        self._work = asyncio.Event()
        self._sweep_now = asyncio.Event()
        self._troubles: dict[str, str] = {}
        self._undeclared: str | None = None
        self.lag_s = Histogram(WAY_S)
        """From when a copy was due (accepted, for a first attempt) until the broker had it."""

    def offer(self, delivery: SealedDelivery) -> None:
        """Publish ``delivery`` soon, if there is room and no order to keep; else a sweep does."""
        if delivery.record.order_key is not None:
            self._sweep_now.set()
        elif len(self._waiting) < min(self._room, COPIES_OUT) and self._is_open():
            self._take(delivery, None)

    def republish(self, delivery: SealedDelivery) -> None:
        """Publish another copy of what is queued and was found missing on the broker."""
        self._take(delivery, None)

    def nudge(self) -> None:
        """Look at once for what has become due: a turn has come, or the destination opened."""
        self._sweep_now.set()

    def _is_open(self) -> bool:
        return self._destinations.hold(self._name) is None

    def _take(self, delivery: SealedDelivery, copy: CopyId | None) -> None:
        if delivery.record.id not in self._held:
            self._held.add(delivery.record.id)
            self._waiting.append((delivery, copy))
            self._work.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep_for_ever())
            for _ in range(_PUBLISHERS):
                tasks.create_task(self._publish_for_ever())

    async def recover(self) -> None:
        """Put back what a broker without memory has lost, claimed copies under their old id.

        A copy that was claimed before the crash is then answered with ``resolve``:
        it is looked up, never blindly resent. Must end before anything is accepted or
        claimed; it is short, as no more than ``COPIES_OUT`` were out.
        """
        async for delivery in self._journal.unclaimed(self._name):
            self._take(delivery, delivery.record.copy)
        where = DossierFilter(destination=self._name, states=frozenset({State.IN_DOUBT}))
        before: ApplicationId | None = None
        while page := await self._journal.dossiers(where, before=before):
            for record in (record for dossier in page for record in dossier.deliveries):
                if is_asked(record) and record.destination == self._name:
                    await self._journal.decide(record.id, asked_again_rule(self._clock.now()))
            before = page[-1].application.id

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self._sweep()
            except TransientError as error:
                await self._report("sweep", error)
            self._sweep_now.clear()
            try:
                async with asyncio.timeout(self._sweep_s):
                    await self._sweep_now.wait()
            except TimeoutError:
                continue
            # Out of room in mid-second: look again at once, but do not spin.
            await asyncio.sleep(self._sweep_s / 20)

    async def _sweep(self) -> None:
        if not self._is_open():
            # Nothing is asked of the broker: whether it is back is not known.
            return
        self._room = COPIES_OUT - await self._broker.depth(self._queue)
        wanted = self._room - len(self._held)
        if wanted <= 0:
            self._note_success("sweep")
            return
        now = self._clock.now()
        self._done_since_sweep.clear()
        due = await self._journal.lease(
            self._name,
            limit=min(COPIES_OUT, wanted + len(self._held)),
            now=now,
            until=now + timedelta(seconds=LEASE_S),
        )
        # What was read as due may have been published while it was read.
        known = self._held | self._done_since_sweep
        fresh = [delivery for delivery in due if delivery.record.id not in known]
        for delivery in fresh[:wanted]:
            self._take(delivery, None)
        self._note_success("sweep")
        if not due and not self._held:
            # What could not be published has gone another way: cancelled, or done meanwhile.
            self._note_success("publish")

    async def _publish_for_ever(self) -> None:
        while True:
            while not self._waiting:
                self._work.clear()
                await self._work.wait()
            delivery, copy = self._waiting.popleft()
            try:
                await self._publish(delivery, copy)
            except TransientError as error:
                await self._report("publish", error)
                await asyncio.sleep(_HOLD_S)
                if _is_out(delivery.record):
                    # No sweep would find it again.
                    self._waiting.append((delivery, copy))
                    continue
                # Its lease runs out or its own node leases it again: nothing to undo.
            self._held.discard(delivery.record.id)
            self._done_since_sweep.add(delivery.record.id)

    async def _publish(self, delivery: SealedDelivery, copy: CopyId | None) -> None:
        record: DeliveryRecord | None = delivery.record
        if not _is_out(delivery.record) and not self._is_open():
            return
        if copy is None and delivery.record.state != State.PENDING:
            rule = due_rule(self._destinations[self._name], self._clock.now())
            record = await self._journal.decide(delivery.record.id, rule)
        if record is None:
            return
        copy = copy or self._new_copy()
        await self._send(replace(delivery, record=record), copy)
        self._room -= 1
        if self._room <= 0:
            self._sweep_now.set()
        self._note_lag(delivery, record)
        rule_published = published_rule(attempt=record.attempt, copy=copy, now=self._clock.now())
        await self._journal.decide(record.id, rule_published)
        self._note_success("publish")

    async def _send(self, delivery: SealedDelivery, copy: CopyId) -> None:
        record, size = delivery.record, len(delivery.sealed)
        carried = Carried(record.application_id, record.id, copy, self._name, record.attempt)
        span = self._spans.send_copy(self._queue, carried, delivery.traceparent, size)
        began = asyncio.get_running_loop().time()
        caused = replace(delivery, traceparent=span.context.traceparent)
        try:
            await self._broker.publish(
                self._queue, delivery_message(caused, copy=copy, node=self._journal.node)
            )
        except KakehashiError as error:
            span.end(error=error.code)
            raise
        span.end()
        log.info(
            "copy.published",
            application_id=str(record.application_id),
            delivery_id=str(record.id),
            destination=self._name,
            attempt=record.attempt,
            sealed_bytes=size,
            publish_ms=round((asyncio.get_running_loop().time() - began) * 1000, 1),
            age_ms=self._spans.age_ms(record.application_id),
            trace_id=span.context.trace_id,
        )

    def _note_lag(self, delivery: SealedDelivery, record: DeliveryRecord) -> None:
        is_first = record.attempt == 1
        since = accepted_at(record.id) if is_first else record.updated_at.timestamp()
        self.lag_s.observe(self._clock.now().timestamp() - since, delivery.traceparent)

    def _note_success(self, step: str) -> None:
        """Say once that nothing holds up the lane any more."""
        code = self._troubles.pop(step, None)
        if code is not None and not self._troubles:
            log.info("lane.recovered", destination=self._name, code=code)

    async def _report(self, step: str, error: KakehashiError) -> None:
        """Say once that the lane is held up; put right what can be put right from here."""
        is_known = error.code in self._troubles.values()
        self._troubles[step] = error.code
        if not is_known:
            log.warning("lane.held_up", destination=self._name, code=error.code)
            if isinstance(error, UnroutableError | QueueFullError):
                await self._note_return(error)
        if isinstance(error, UnroutableError):
            await self._declare()

    async def _declare(self) -> None:
        """Declare the queue that is gone; say once that it cannot be, and once that it was."""
        try:
            await self._broker.declare([self._name])
        except KakehashiError as problem:
            if problem.code != self._undeclared:
                log.warning("queue.not_declared", queue=self._queue, code=problem.code)
            self._undeclared = problem.code
        else:
            if self._undeclared is not None:
                log.info("queue.declared", queue=self._queue)
            self._undeclared = None

    async def _note_return(self, error: KakehashiError) -> None:
        entry = Entry(
            action=Action.DELIVERY_RETURNED,
            at=self._clock.now(),
            actor=Actor(ActorKind.GATEWAY, "relay"),
            municipality=self._destinations[self._name].municipality,
            facts={"destination": self._name, "code": error.code},
        )
        try:
            await self._journal.record([entry])
        except JournalUnavailableError as unavailable:
            log.warning("return.not_recorded", code=unavailable.code)


class Relay:
    """All lanes together."""

    def __init__(
        self,
        *,
        destinations: Destinations,
        journal: Journal,
        broker: Broker,
        clock: Clock,
        new_copy: Callable[[], CopyId],
        sweep_s: float = SWEEP_S,
        spans: Spans | None = None,
    ) -> None:
        """Build one lane per destination; opens nothing."""
        self._lanes = {
            name: Lane(
                name=name,
                destinations=destinations,
                journal=journal,
                broker=broker,
                clock=clock,
                new_copy=new_copy,
                sweep_s=sweep_s,
                spans=spans,
            )
            for name in destinations
        }

    def offer(self, deliveries: Iterable[SealedDelivery]) -> None:
        """Publish what was just accepted, without waiting for a sweep."""
        for delivery in deliveries:
            self._lanes[delivery.record.destination].offer(delivery)

    def republish(self, delivery: SealedDelivery) -> None:
        """Publish another copy of what is queued and was found missing on the broker."""
        lane = self._lanes.get(delivery.record.destination)
        if lane is not None:
            lane.republish(delivery)

    @property
    def lag_s(self) -> dict[DestinationName, Histogram]:
        """Each lane's ``lag_s``."""
        return {name: lane.lag_s for name, lane in self._lanes.items()}

    def nudge(self, destination: DestinationName) -> None:
        """Look at once for what a destination's lane may publish now."""
        lane = self._lanes.get(destination)
        if lane is not None:
            lane.nudge()

    async def recover(self) -> None:
        """Give a broker without memory back what it held before the last stop."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes.values():
                tasks.create_task(lane.recover())

    async def run(self) -> None:
        """Publish until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes.values():
                tasks.create_task(lane.run())
