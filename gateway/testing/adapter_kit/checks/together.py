"""What happens when several are under way?"""

import asyncio
import itertools
import threading
import time
from collections.abc import Coroutine
from typing import Any, Final

from gateway.sdk import Receipt, RejectedError, SendsBatch
from gateway.testing.adapter_kit.bench import Bench, does_not_apply, fail, told
from gateway.testing.adapter_kit.peer import Fault
from gateway.testing.adapter_kit.samples import with_every_text

_MOST_SENDS: Final = 32
_HELD: Final = 0.2
"""How long the peer holds each, as a part of the deadline."""

_IN_A_ROW: Final = 8

_LONGEST_BLOCK_S: Final = 0.05
_TRIES: Final = 3
_TICK_S: Final = 0.005


class TogetherChecks:
    """Of concurrency, order, batches and the event loop that all adapters of a worker share."""

    async def test_max_in_flight_is_true(self, bench: Bench) -> None:
        """Hand over as many at once as the manifest says, and never more.

        No second request for the same send; no lock that lets one through at a time.
        """
        sends = min(bench.features.max_in_flight, _MOST_SENDS)
        async with bench.opened() as destination:
            if Fault.SLOW in bench.faults:
                await bench.behave(Fault.SLOW, seconds=_HELD * bench.deadline_s)
            results = await asyncio.gather(*(bench.send(destination) for _ in range(sends)))
        for result in results:
            if not isinstance(result, Receipt):
                fail(f"With {sends} sends at once, one came to {told(result)}.")
        most = bench.peer.most_at_once()
        if most > sends:
            fail(f"With {sends} sends at once, the core system had {most} in hand.")
        if most == 1 < sends and Fault.SLOW in bench.faults:
            fail(f"It promises {sends} or more at once and hands over one at a time.")

    async def test_order_is_kept(self, bench: Bench) -> None:
        """Return only when the core system has it, so that the next one comes behind it.

        An ordering key (one resident's applications) rests on this.
        """
        async with bench.opened() as destination:
            deliveries = [bench.delivery() for _ in range(_IN_A_ROW)]
            for number, delivery in enumerate(deliveries, start=1):
                result = await bench.send(destination, delivery)
                if not isinstance(result, Receipt):
                    fail(f"Of {_IN_A_ROW} in a row, number {number} came to {told(result)}.")
        arrived = [each.key for each in bench.peer.arrivals()]
        if arrived != [delivery.idempotency_key for delivery in deliveries]:
            fail("Applications that were sent one after another arrived in another order.")

    async def test_batch_answers_for_each_item(self, bench: Bench) -> None:
        """Return one result for each item, in their order; let a refused one keep back none."""
        if bench.features.max_batch == 1:
            does_not_apply("it takes no batches")
        good = bench.application()
        bad = with_every_text(good, lambda text: f"{text}\ud842")
        applications = [good, bad, good] if bench.features.max_batch > 2 else [bad, good]
        items = [(each, bench.delivery()) for each in applications]
        async with bench.opened() as destination:
            if not isinstance(destination, SendsBatch):
                fail("It promises batches and has no method send_batch.")
            results = await bench.ended(destination.send_batch(items), "send_batch")
        if len(results) != len(items):
            fail(f"A batch of {len(items)} came to {len(results)} results.")
        for (application, delivery), result in zip(items, results, strict=True):
            expected = RejectedError if application is bad else Receipt
            if not isinstance(result, expected):
                fail(f"In a batch, {expected.__name__} was due and {told(result)} came.")
            times = len(bench.arrived(delivery.idempotency_key))
            if times != (application is not bad):
                fail(f"In a batch, an item with {told(result)} arrived {times} times.")

    async def test_event_loop_is_never_blocked(self, bench: Bench) -> None:
        """Await everything that waits: files and blocking libraries in threads of their own.

        While one adapter blocks the loop for 50 ms, no other delivery of the worker moves.
        """
        longest: dict[str, float] = {}
        for _ in range(_TRIES):
            destination = bench.construct()
            try:
                opening = bench.ended(destination.open(bench.context()), "open")
                longest["open"] = await _blocked_s(opening)
                checking = bench.ended(destination.check(), "check")
                longest["check"] = await _blocked_s(checking)
                longest["send"] = await _blocked_s(bench.send(destination))
            finally:
                closing = bench.ended(destination.close(), "close")
                longest["close"] = await _blocked_s(closing)
            if max(longest.values()) <= _LONGEST_BLOCK_S + _TICK_S:
                return
        name = max(longest, key=lambda method: longest[method])
        fail(f"{name} blocks the event loop for {longest[name] * 1000:.0f} ms.")


async def _blocked_s(call: Coroutine[Any, Any, object]) -> float:
    """Return the longest time in which nothing else ran during ``call``.

    Only what the machine had time for counts: what the loop's thread computed, or, while it
    waited, the ticks of a thread beside it, which a busy machine keeps back as well.
    """
    ticks = [(time.perf_counter(), time.thread_time())]
    beside: list[float] = []
    is_over = threading.Event()

    def tick_beside() -> None:
        while not is_over.wait(_TICK_S):
            beside.append(time.perf_counter())

    async def tick() -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            ticks.append((time.perf_counter(), time.thread_time()))

    thread = threading.Thread(target=tick_beside, daemon=True)
    thread.start()
    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        await call
        await asyncio.sleep(2 * _TICK_S)
    finally:
        ticking.cancel()
        is_over.set()
        thread.join()
    return max(
        max(computed - before, _TICK_S * sum(began < each <= ended for each in beside))
        for (began, before), (ended, computed) in itertools.pairwise(ticks)
    )
