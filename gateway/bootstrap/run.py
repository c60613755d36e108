"""How gateway and worker processes start, run and stop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from gateway import __version__
from gateway.bootstrap.ending import close, given_up_after, opened
from gateway.bootstrap.gateway import Gateway
from gateway.bootstrap.listening import DRAIN_S, Addresses, listening
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import (
    ConfigError,
    JournalUnavailableError,
    TopologyMismatchError,
    TransientError,
)
from gateway.drivers.system_clock import SystemClock
from gateway.ports.broker import Broker
from gateway.services.deliver import Deliver

log = structlog.get_logger()

_SEAL_S: Final = 1.0
"""How long a gateway that stops may take to seal its own last entries."""

_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 10.0


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_gateway(
    gateway: Gateway,
    *,
    stop: asyncio.Event,
    workers: Sequence[Deliver] = (),
    started: Callable[[Addresses], Awaitable[None]],
) -> None:
    """Run a gateway until ``stop`` is set; with ``workers`` in the same process, if any.

    Stops in order: no new connections, answers what was asked, lets workers finish
    what they hold, writes down what they report, and closes the journal last. What hangs
    meanwhile, or while it starts, is given up in time.

    Raises:
        NodeNameTakenError: Another process runs under this node's name.
        JournalUnusableError: The journal must not be used as it is.
        JournalUnavailableError: It cannot be reached at start.
        LogUnusableError: The audit log's head is signed by none of this gateway's keys.
        ConfigError: The configured origin of the log is another than its own.
        OSError: A port or the socket's folder cannot be used.
    """
    if not await opened(gateway.journal, stop):
        return
    try:
        async with given_up_after(stop):
            await _run(gateway, stop=stop, workers=workers, started=started)
    finally:
        await close(gateway.broker, gateway.journal, gateway.spans.telemetry)


async def _run(
    gateway: Gateway,
    *,
    stop: asyncio.Event,
    workers: Sequence[Deliver],
    started: Callable[[Addresses], Awaitable[None]],
) -> None:
    await gateway.authenticate.reload()
    await gateway.watch_backlog.look()
    await gateway.destinations.refresh()
    key_changed = await gateway.seal_log.check()
    await gateway.journal.record(
        [
            *await gateway.note_keys.entries(),
            *key_changed,
            _node_entry(Action.NODE_STARTED, configuration=gateway.configuration),
        ]
    )
    await gateway.seal_log.begin()
    if gateway.broker_forgets:
        await _connect(gateway)
        await gateway.relay.recover()
    async with asyncio.TaskGroup() as tasks:
        services: list[asyncio.Task[None] | asyncio.Task[ConfigError | None]] = [
            tasks.create_task(_carry(gateway))
        ]
        services += [
            tasks.create_task(service())
            for service in (
                gateway.authenticate.run,
                gateway.denials.run,
                gateway.sessions.run,
                gateway.keep_attention.run,
                gateway.destinations.run,
                gateway.watch_backlog.run,
                gateway.carry_out_replays.run,
                gateway.send_webhooks.run,
                gateway.seal_log.run,
                gateway.observe_clock.run,
                gateway.retain.run,
                gateway.share_flow.run,
                gateway.watch_growth.run,
                gateway.watch_loop.run,
            )
        ]
        delivering = [tasks.create_task(_deliver(worker, stop)) for worker in workers]
        async with listening(gateway, stop) as addresses:
            await started(addresses)
            await stop.wait()
            drained_at = asyncio.get_running_loop().time() + DRAIN_S
        if delivering:
            left_s = max(0.0, drained_at - asyncio.get_running_loop().time())
            _, late = await asyncio.wait(delivering, timeout=left_s)
            services += late
        for service in services:
            service.cancel()
    with suppress(JournalUnavailableError):
        await gateway.denials.write()
        await gateway.share_flow.finish()
        await gateway.journal.record([_node_entry(Action.NODE_STOPPED)])
    with suppress(TimeoutError):
        async with asyncio.timeout(_SEAL_S):
            await gateway.seal_log.finish()


async def _connect(gateway: Gateway) -> None:
    """Connect to the broker and declare what is missing, however long it takes."""
    await _open_broker(gateway.broker)
    pause_s = _PAUSE_S
    while True:
        try:
            await gateway.broker.declare(list(gateway.settings.destinations))
        except TopologyMismatchError as error:
            # Everything else stands, and must not wait until somebody has put this right
            # (``topology apply --recreate``); what is for it waits in the journal.
            log.error("topology.differs", code=error.code, subject=str(error))  # noqa: TRY400 - its own words say it
            return
        except TransientError as error:
            log.warning("topology.not_declared", code=error.code, subject=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        else:
            return


async def _carry(gateway: Gateway) -> None:
    """Relay and listen. Accepting does not wait for it: the journal keeps what comes."""
    await _connect(gateway)
    async with asyncio.TaskGroup() as tasks:
        for service in (
            gateway.relay.run,
            gateway.answer_claims.run,
            gateway.record_outcomes.run,
            gateway.record_heartbeats.run,
            gateway.bury_dead_letters.run,
            gateway.reconcile.run,
        ):
            tasks.create_task(service())


async def _open_broker(broker: Broker) -> None:
    pause_s, is_reported = _PAUSE_S, False
    while True:
        try:
            await broker.open()
        except TransientError as error:
            if not is_reported:
                is_reported = True
                log.warning("broker.not_reached", code=error.code)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        else:
            return


def _node_entry(action: Action, **facts: str) -> Entry:
    return Entry(
        action=action,
        at=SystemClock().now(),
        actor=Actor(ActorKind.GATEWAY, "process"),
        facts={"version": __version__, **facts},
    )


async def _deliver(worker: Deliver, stop: asyncio.Event) -> ConfigError | None:
    """Run one worker; its mistake in the configuration must not stop the others."""
    try:
        await worker.run(stop)
    except ConfigError as error:
        log.error("destination.stopped", destination=worker.destination, reason=str(error))  # noqa: TRY400 - its own words say it
        return error
    return None


async def run_workers(workers: Sequence[Deliver], broker: Broker, *, stop: asyncio.Event) -> None:
    """Run workers over ``broker`` until ``stop`` is set, then finish what they hold.

    What is not finished within ``DRAIN_S`` goes back to the broker; who gets it next
    finds out what became of it.

    A destination that cannot work as configured stops alone.

    Raises:
        ConfigError: None of the destinations can work as configured.
    """
    connecting = asyncio.ensure_future(_open_broker(broker))
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({connecting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            return
        await connecting
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(_deliver(worker, stop)) for worker in workers]
            all_ended = asyncio.ensure_future(asyncio.wait(running))
            await asyncio.wait({stopped, all_ended}, return_when=asyncio.FIRST_COMPLETED)
            done, late = await asyncio.wait(running, timeout=DRAIN_S)
            all_ended.cancel()
            for task in late:
                task.cancel()
        errors = [error for task in done if (error := task.result()) is not None]
        if len(errors) == len(workers):
            raise errors[0]
    finally:
        connecting.cancel()
        stopped.cancel()
        await close(broker, *{worker.spans.telemetry for worker in workers})
