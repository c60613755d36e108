"""Does it open, stop and close as the runtime asks, and leave nothing behind?"""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final

from gateway.sdk import ConfigError, Receipt, TransientError
from gateway.testing.adapter_kit.bench import Bench, Result, claims_no_effect, fail, told
from gateway.testing.adapter_kit.peer import Fault, PeerOnALine
from gateway.testing.adapter_kit.watch import PATIENCE_S
from gateway.testing.proxy import ProxiedLine

_UNDER_WAY: Final = 0.3
"""How long a send is under way while it is closed, as a part of the deadline."""

_LOOK_EVERY_S: Final = 0.01


class LifecycleChecks:
    """Of ``open``, ``close`` and cancellation."""

    async def test_opens_and_closes_twice(self, bench: Bench) -> None:
        """Let ``open`` and ``close`` do nothing the second time, and ``close`` without ``open``.

        The runtime closes what failed to open, and closes again when it ends in a hurry.
        """
        never = bench.construct()
        await _calmly(never.close(), "close, without open")
        destination = bench.construct()
        await _calmly(destination.open(bench.context()), "open")
        await _calmly(destination.open(bench.context()), "open, the second time")
        result = await bench.send(destination)
        await _calmly(destination.close(), "close")
        await _calmly(destination.close(), "close, the second time")
        if not isinstance(result, Receipt):
            fail(f"After it was opened twice, send came to {told(result)}.")

    async def test_closes_while_opening(self, bench: Bench) -> None:
        """Let ``close`` give back what a running ``open`` already has, and let ``open`` end.

        A worker that is told to stop does not wait for a core system that is slow to open.
        """
        config = bench.config(bench.samples[0])
        for steps in (0, 1, 2, 5, 20):
            await _close_while_opening(bench, config, steps)
        peer = bench.peer
        if isinstance(peer, PeerOnALine):
            with bench.watch.not_watching():
                line = await ProxiedLine.start(peer.port)
            line.black_hole()
            through = peer.config_through(line.port)
            try:
                await _close_while_opening(bench, through, 0, seconds=_UNDER_WAY * bench.deadline_s)
            finally:
                await line.close()

    async def test_close_leaves_nothing_open(self, bench: Bench) -> None:
        """Let ``close`` end, or wait for, what still runs: tasks, threads, sockets.

        A send that it ends raises ``UnknownOutcomeError`` if anything may have been sent.
        """
        before = bench.watch.open_now()
        sends: set[asyncio.Task[Result]] = set()
        async with bench.opened() as destination:
            await bench.send(destination)
            if Fault.SLOW in bench.faults:
                under_way_s = _UNDER_WAY * bench.deadline_s
                await bench.behave(Fault.SLOW, seconds=under_way_s)
                deliveries = [bench.delivery() for _ in range(min(3, bench.spec.max_in_flight))]
                for each in deliveries:
                    send = bench.send(destination, each)
                    sends.add(asyncio.create_task(send, name=each.idempotency_key))
                await asyncio.sleep(under_way_s / 3)
            await _calmly(destination.close(), "close, while sends run,")
        if sends:
            _, hanging = await asyncio.wait(sends, timeout=PATIENCE_S)
            if hanging:
                fail(f"A send went on for {PATIENCE_S:g} s after close.")
        for task in sends:
            result = task.result()
            if claims_no_effect(result) and bench.arrived(task.get_name()):
                fail(f"A send that close ended came to {told(result)}, and yet it had arrived.")
        left = await bench.watch.left_open(before)
        if left is not None:
            fail(f"After close it left open: {left}.")

    async def test_cancellation_goes_through(self, bench: Bench) -> None:
        """Let ``CancelledError`` out of ``send``, and leave nothing half done.

        Catch ``Exception``, never ``BaseException``; give back a connection that was in use
        by closing it: the late answer on it belongs to a delivery that nobody waits for.
        """
        bench.needs(Fault.SILENT)
        before = bench.watch.open_now()
        async with bench.opened() as destination:
            await bench.behave(Fault.SILENT)
            sending = asyncio.create_task(destination.send(bench.application(), bench.delivery()))
            await _taken(bench)
            sending.cancel()
            await asyncio.wait({sending}, timeout=PATIENCE_S)
            if not sending.done():
                fail(f"send went on for {PATIENCE_S:g} s after it was cancelled.")
            if not sending.cancelled():
                came_to = sending.exception() or sending.result()
                fail(f"send was cancelled and came to {told(came_to)}.")
            await bench.behave(Fault.NONE)
            result = await bench.send(destination)
            if not isinstance(result, Receipt):
                fail(f"The send after one that was cancelled came to {told(result)}.")
        left = await bench.watch.left_open(before)
        if left is not None:
            fail(f"After a send was cancelled it left open: {left}.")


async def _close_while_opening(
    bench: Bench, config: Mapping[str, object], steps: int, *, seconds: float = 0.0
) -> None:
    """Close an adapter after some steps of the loop, and some time, of its ``open``."""
    before = bench.watch.open_now()
    destination = bench.construct(config)
    opening = asyncio.create_task(destination.open(bench.context()))
    for _ in range(steps):
        await asyncio.sleep(0)
    if seconds:
        await asyncio.wait({opening}, timeout=seconds)
    await _calmly(destination.close(), "close, while open runs,")
    await asyncio.wait({opening}, timeout=PATIENCE_S)
    if not opening.done():
        opening.cancel()
        fail(f"open went on for {PATIENCE_S:g} s after close.")
    error = None if opening.cancelled() else opening.exception()
    if error is not None and not isinstance(error, TransientError | ConfigError):
        fail(f"open, closed while it ran, raised {told(error)}.")
    await _calmly(destination.close(), "close, after it was closed while it opened,")
    left = await bench.watch.left_open(before)
    if left is not None:
        fail(f"Closed while it opened, it left open: {left}.")


async def _taken(bench: Bench) -> None:
    """Wait until the peer has an application, but not for ever: it may be on its way yet."""
    loop = asyncio.get_running_loop()
    end = loop.time() + bench.deadline_s
    while not bench.peer.arrivals() and loop.time() < end:  # noqa: ASYNC110 - a peer tells nobody
        await asyncio.sleep(_LOOK_EVERY_S)


async def _calmly(call: Coroutine[Any, Any, None], what: str) -> None:
    """Make a call that must end soon and must not raise."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await call
    except TimeoutError:
        fail(f"{what} did not end within {PATIENCE_S:g} s.")
    except Exception as error:  # noqa: BLE001 - an adapter may raise anything
        fail(f"{what} raised {told(error)}.")
