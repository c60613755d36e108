"""``kakehashi`` in a process that ends at a named step, on a clock that a test sets.

Never part of the product: it replaces drivers by the same ones with kill points, adds the
adapter ``counting``, and shifts the clock. What it runs otherwise is the installed command.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Final, NoReturn

import gateway.cli.commands.work  # noqa: F401 - loaded once, as the others, not in every life
from gateway.bootstrap import stores
from gateway.cli.commands import serve, up
from gateway.cli.main import app
from gateway.drivers import discovery, journal_postgres, rabbitmq, system_clock
from gateway.drivers.rabbitmq import topology
from gateway.drivers.system_clock import SystemClock
from gateway.schema.catalogue import Catalogue, load_catalogue, shipped_schemas
from gateway.sdk import Destination
from gateway.services import reconcile
from gateway.settings.model import Settings
from gateway.testing.kill_points import (
    EndingMemoryBroker,
    EndingPostgresJournal,
    EndingRabbitBroker,
    EndingSQLiteJournal,
    KillPoints,
)
from tests.fault.processes.counting import ADAPTER, CountingDestination

_LOOK_EVERY_S: Final = 0.5
"""How often what was lost or abandoned is looked for: no test waits half a minute for it."""
_DELIVERY_LIMIT: Final = 10
"""Returns of one copy before it is a dead letter; 50 lives of a worker would take a minute."""

_now = SystemClock.now
_time_ns = system_clock.time.time_ns
_load = discovery.load


@cache
def shipped_procedures() -> Catalogue:
    """Return the shipped procedures, read once."""
    return load_catalogue(shipped_schemas())


shipped_procedures()


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a program.

    Attributes:
        arguments: Of the command ``kakehashi``.
        folder: Orders to it (``KillPoints``), and the file ``clock``: seconds that its
            clock is wrong by.
        out: Its standard output, begun anew.
        log: Its standard error, appended to.
        echoes: Whether RabbitMQ is given everything twice.
    """

    arguments: Sequence[str]
    folder: Path
    out: Path
    log: Path
    echoes: bool = False


def live(life: Life) -> NoReturn:
    """Run one life to its end, however it comes."""
    for stream, path, mode in (
        (sys.stdout, life.out, os.O_TRUNC),
        (sys.stderr, life.log, os.O_APPEND),
    ):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o640)
        os.dup2(handle, stream.fileno())
        os.close(handle)
    _put_points(KillPoints(life.folder), echoes=life.echoes)
    _shift_clock(life.folder / "clock")
    app(args=list(life.arguments), prog_name="kakehashi")
    raise AssertionError(life.arguments)


def _put_points(points: KillPoints, *, echoes: bool) -> None:
    for ending in (
        EndingSQLiteJournal,
        EndingPostgresJournal,
        EndingMemoryBroker,
        EndingRabbitBroker,
        CountingDestination,
    ):
        ending.points = points
    EndingRabbitBroker.echoes = echoes
    stores.SQLiteJournal = EndingSQLiteJournal
    stores.MemoryBroker = EndingMemoryBroker
    journal_postgres.PostgresJournal = EndingPostgresJournal
    rabbitmq.RabbitBroker = EndingRabbitBroker
    discovery.load = _with_counting
    reconcile.EVERY_S = _LOOK_EVERY_S
    topology.DELIVERY_LIMIT = _DELIVERY_LIMIT
    serve.open_catalogue = up.open_catalogue = _procedures


def _with_counting(name: str) -> type[Destination]:
    return CountingDestination if name == ADAPTER else _load(name)


def _procedures(_: Settings) -> Catalogue:
    return shipped_procedures()


def _shift_clock(wrong_by: Path) -> None:
    def shift_s() -> float:
        return float(wrong_by.read_text()) if wrong_by.exists() else 0.0

    def now(clock: SystemClock) -> datetime:
        return _now(clock) + timedelta(seconds=shift_s())

    SystemClock.now = now
    system_clock.time = SimpleNamespace(time_ns=lambda: _time_ns() + int(shift_s() * 1e9))
