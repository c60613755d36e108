"""Do statuses come back, none of them lost, and does reading them end when it is told to?"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final, cast

from gateway.sdk import Feedback, GivesFeedback, Receipt
from gateway.testing.adapter_kit.bench import Bench, does_not_apply, fail, told
from gateway.testing.adapter_kit.peer import PeerThatTells
from gateway.testing.adapter_kit.watch import PATIENCE_S

_LONGEST_ID: Final = 200


class FeedbackChecks:
    """Of ``feedback``."""

    async def test_feedback_comes_again_until_it_is_kept(self, bench: Bench) -> None:
        """Take a status away, or note how far you came, when you are asked for the next one.

        Before that the gateway does not have it: after a crash it must come again, with the
        same id, made of what the status says. Two that say different things have two ids.
        """
        peer = _peer(bench)
        config = peer.config_that_tells()
        async with bench.opened(config) as destination:
            keys = [bench.new_key(), bench.new_key()]
            for key in keys:
                delivery = bench.delivery(idempotency_key=key)
                result = await bench.send(destination, delivery)
                if not isinstance(result, Receipt):
                    fail(f"With feedback switched on, a send came to {told(result)}.")
                await peer.tell(key)
            [first] = await bench.ended(_read(destination, 1), "feedback, waiting for one status,")
        async with bench.opened(config) as destination:
            again = await bench.ended(_read(destination, 2), "feedback, begun again for two,")
        found = {each.id: each.idempotency_key for each in again}
        if found.get(first.id) != first.idempotency_key:
            fail("A status that nobody had kept did not come again with its id.")
        if sorted(found.values()) != sorted(keys):
            fail("Two statuses of two deliveries came back as something else.")
        for each in again:
            if not 0 < len(each.id) <= _LONGEST_ID or each.at.tzinfo is None:
                fail(f"A status has no usable id (1 to {_LONGEST_ID} characters) or time (aware).")

    async def test_feedback_stops_when_cancelled(self, bench: Bench) -> None:
        """Let ``CancelledError`` out of ``feedback``, wherever it waits, and leave nothing open.

        The worker cancels it when it stops; what was not asked for again is not kept.
        """
        peer = _peer(bench)
        before = bench.watch.open_now()
        key, came = bench.new_key(), asyncio.Event()
        async with bench.opened(peer.config_that_tells()) as destination:
            await bench.send(destination, bench.delivery(idempotency_key=key))
            await peer.tell(key)

            async def read() -> None:
                async with aclosing(_statuses(destination)) as statuses:
                    async for _ in statuses:
                        came.set()

            reading = asyncio.create_task(read())
            await bench.ended(came.wait(), "feedback, waiting for a status,")
            await asyncio.sleep(bench.deadline_s / 10)
            reading.cancel()
            await asyncio.wait({reading}, timeout=PATIENCE_S)
            if not reading.done():
                fail(f"feedback went on for {PATIENCE_S:g} s after it was cancelled.")
            if not reading.cancelled():
                error = reading.exception()
                fail(f"feedback was cancelled and came to {told(error) if error else 'its end'}.")
        left = await bench.watch.left_open(before)
        if left is not None:
            fail(f"After feedback was cancelled it left open: {left}.")


def _peer(bench: Bench) -> PeerThatTells:
    if not bench.features.feedback:
        does_not_apply("it gives no feedback")
    if not isinstance(bench.peer, PeerThatTells):
        fail("It promises feedback, and its peer has no methods tell and config_that_tells.")
    return bench.peer


def _statuses(destination: object) -> AsyncGenerator[Feedback, None]:
    if not isinstance(destination, GivesFeedback):
        fail("It promises feedback and has no method feedback.")
    return cast("AsyncGenerator[Feedback, None]", destination.feedback())


async def _read(destination: object, count: int) -> list[Feedback]:
    """Return ``count`` different statuses, and end before the next is asked for."""
    found: Mapping[str, Feedback] = {}
    try:
        async with aclosing(_statuses(destination)) as statuses:
            async for each in statuses:
                found = {**found, each.id: each}
                if len(found) == count:
                    break
    except Exception as error:  # noqa: BLE001 - an adapter may raise anything
        fail(f"feedback raised {told(error)}.")
    return list(found.values())
