"""``kakehashi audit accept-restore``: the log goes on after a restore, and says so."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.bootstrap.embedded import embedded_document
from gateway.bootstrap.log_signing import kept_checkpoint, log_signing
from gateway.bootstrap.stores import open_journal, open_keys
from gateway.cli import loop
from gateway.drivers.system_clock import SystemClock
from gateway.services.seal_log import SealLog
from gateway.settings.load import build
from tests.unit.cli.conftest import Terminal


@pytest.fixture
def start(grow: Callable[[int], None]) -> Callable[[], bool]:
    """Return a function that lets a gateway start; it says whether the log is usable then."""
    grow(3)
    settings = build(embedded_document(Path("var")))

    async def check() -> bool:
        journal = open_journal(settings)
        await journal.open()
        seal = SealLog(
            journal=journal,
            signing=log_signing(open_keys(settings)),
            origin=None,
            new_origin="kakehashi/test",
            clock=SystemClock(),
            kept=kept_checkpoint(settings),
        )
        await journal.record(await seal.check())
        await seal.finish()
        standing = await seal.standing()
        await journal.close()
        return standing.usable

    return lambda: loop.run(check())


def test_a_restore_is_accepted_by_hand_and_only_where_there_was_one(
    terminal: Terminal, start: Callable[[], bool]
) -> None:
    assert start()
    assert Path("var/log-checkpoint").stat().st_mode & 0o777 == 0o600
    assert "nothing to accept" in terminal.run("audit", "accept-restore", "--reason", "x", code=1)
    with closing(sqlite3.connect("var/journal.db")) as database, database:
        for table in ("log_head", "log_runs", "log_tiles", "log_checkpoints"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
    assert not start()

    told = terminal.run("audit", "accept-restore", "--reason", "昨夜のバックアップから復元")

    assert "goes on from 0 entries; 3 had been signed" in told
    [aside] = Path("var").glob("log-checkpoint.before-restore-*")
    assert str(aside) in "".join(told.split())
    assert start()
    found = terminal.ask("audit", "search", "--action", "log.restored")
    assert "昨夜のバックアップから復元" in str(found)
    terminal.run("audit", "accept-restore", code=2)
