"""Where a gateway process listens: for front ends, for operators, and for commands beside it."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from gateway.bootstrap.console import add_operators_door
from gateway.bootstrap.gateway import Gateway
from gateway.bootstrap.machine import look_at_machine
from gateway.domain.errors import ConfigError, JournalUnavailableError
from gateway.domain.identifiers import ClientName
from gateway.drivers.system_clock import SystemClock
from gateway.http.body import BodyLimits
from gateway.http.door import FrontServices, front_app
from gateway.http.exposed.lost import Lost
from gateway.http.metrics import Metrics
from gateway.http.operations import operations_app
from gateway.http.problems import AT_THE_DOOR, OPERATORS_ONLY
from gateway.http.protocol import Answered, FrontRunner
from gateway.services.observe import Observe
from gateway.services.operate.by_name import operations
from gateway.settings.model import SOCKET_NAME

DRAIN_S: Final = 8.0
"""How long what is in hand may take to finish after SIGTERM; a container gets 10 s."""

READY_S: Final = 2.0
"""A journal that has not answered by then does not take applications in time either."""

_MAX_SOCKET_PATH_BYTES: Final = 107
"""``sun_path`` of unix(7) holds 108 with the zero at its end."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running gateway listens.

    Attributes:
        front: URL of the front-end API.
        operations: URL of health and metrics.
        socket: Path of the operations socket.
    """

    front: str
    operations: str
    socket: Path


@asynccontextmanager
async def listening(gateway: Gateway, stop: asyncio.Event) -> AsyncIterator[Addresses]:
    """Listen for front ends, operators and commands, until the block ends.

    Raises:
        ConfigError: Another gateway uses this one's ``home``, or its path is too long.
        OSError: A port or the socket's folder cannot be used.
    """
    http = gateway.settings.http
    metrics = Metrics(
        gateway.hops,
        is_connected=lambda: gateway.broker.is_connected,
        most_unfinished=gateway.settings.journal.max_unfinished,
        lost=lambda: Lost(
            spans=gateway.spans.telemetry.dropped,
            log_fields=0 if gateway.levels is None else gateway.levels.unknown_fields,
        ),
    )
    observe_destinations = Observe(
        journal=gateway.journal,
        destinations=gateway.destinations,
        clock=SystemClock(),
        log=gateway.seal_log.standing,
        machine=look_at_machine(gateway.settings),
        journal_disk_bytes=gateway.settings.journal.disk_bytes,
    )

    async def ready() -> Mapping[str, bool]:
        try:
            async with asyncio.timeout(READY_S):
                await gateway.journal.ping()
        except (JournalUnavailableError, TimeoutError):
            return {"journal": False, "running": not stop.is_set()}
        return {"journal": True, "running": not stop.is_set()}

    def observe_operator(answered: Answered) -> None:
        if answered.code in OPERATORS_ONLY:
            gateway.denials.count(answered.code, door="operations")

    def observe(answered: Answered) -> None:
        metrics.observe(answered)
        if answered.code in AT_THE_DOOR:
            gateway.denials.count(
                answered.code, None if answered.client is None else ClientName(answered.client)
            )

    front = FrontRunner(
        front_app(
            FrontServices(
                accept=gateway.accept,
                authenticate=gateway.authenticate,
                limit=gateway.limit,
                track=gateway.track.status,
                prove=gateway.prove.acceptance,
                catalogue=gateway.catalogue,
                spans=gateway.spans,
            ),
            BodyLimits(body_bytes=http.max_body_bytes, body_timeout_s=http.body_timeout_s),
        ),
        observe=observe,
        shutdown_timeout_s=DRAIN_S / 2,
    )
    for_people, for_commands = (
        operations_app(
            ready=ready,
            observe=observe_destinations,
            metrics=metrics,
            operations=offered,
            spans=gateway.spans,
        )
        for offered in ({}, operations(gateway.operate, at_the_machine=True))
    )
    add_operators_door(for_people, gateway, stop)
    health, commands = (
        FrontRunner(app, observe=observe_operator, shutdown_timeout_s=1.0)
        for app in (for_people, for_commands)
    )
    socket = await _free_socket(gateway.settings.home)
    runners = (front, health, commands)
    try:
        for runner in runners:
            await runner.setup()
        front_site = web.TCPSite(front, http.host, http.port)
        health_site = web.TCPSite(health, http.operations_host, http.operations_port)
        await front_site.start()
        await health_site.start()
        await web.UnixSite(commands, str(socket)).start()
        socket.chmod(0o600)
        yield Addresses(
            front=_url(front, http.host),
            operations=_url(health, http.operations_host),
            socket=socket,
        )
    finally:
        for runner in runners:
            await runner.cleanup()
        socket.unlink(missing_ok=True)


async def _free_socket(home: Path) -> Path:
    """Return the operations socket's path, cleared of what a killed gateway left there.

    Raises:
        ConfigError: Another gateway listens there: with one journal for several
            processes each needs a ``home`` of its own. Or its path is too long.
    """
    home.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - once, at start
    path = home / SOCKET_NAME
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        raise ConfigError(
            f"home: {path} is longer than the {_MAX_SOCKET_PATH_BYTES} bytes of a socket's path"
        )
    try:
        _, writer = await asyncio.open_unix_connection(str(path))
    except OSError:
        path.unlink(missing_ok=True)
        return path
    writer.close()
    raise ConfigError(f"home: another gateway uses {home}")


def _url(runner: web.BaseRunner, host: str) -> str:
    port = runner.addresses[0][1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
