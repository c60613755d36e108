"""The SQLite journal keeps the contract, and a few promises of its own."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit.head import Head, Position
from gateway.domain.errors import (
    JournalUnavailableError,
    JournalUnusableError,
    NodeNameTakenError,
)
from gateway.domain.identifiers import ApplicationId, NodeName
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.journal_sqlite.checkpointing import EVERY_CHANGES, Checkpointer
from gateway.testing.builders import an_entry, an_id
from gateway.testing.contracts.journal import (
    JournalContract,
    NodeMaker,
    RawSQL,
    accepted,
    chain_of,
)
from gateway.testing.contracts.journal_accounts import AccountsContract
from gateway.testing.contracts.journal_attention import AttentionContract
from gateway.testing.contracts.journal_controls import ControlsContract
from gateway.testing.contracts.journal_measured import MeasuredContract
from gateway.testing.contracts.journal_order import OrderContract
from gateway.testing.contracts.journal_repairs import RepairsContract
from gateway.testing.contracts.journal_retention import RetentionContract
from gateway.testing.contracts.journal_search import SearchContract
from gateway.testing.contracts.journal_totals import TotalsContract
from gateway.testing.contracts.journal_webhooks import WebhooksContract

_WRITERS_LIMIT = 16_000 * 4096
"""From here on a commit brings the WAL into the database itself (``WRITER_SETTINGS``)."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "journal.db"


class TestSQLiteJournal(
    JournalContract,
    OrderContract,
    ControlsContract,
    MeasuredContract,
    RepairsContract,
    RetentionContract,
    SearchContract,
    TotalsContract,
    WebhooksContract,
    AttentionContract,
    AccountsContract,
):
    @pytest.fixture
    def a_node(self, path: Path) -> NodeMaker:
        return lambda name: SQLiteJournal(path, node=NodeName(name))

    @pytest.fixture
    def behind(self, path: Path) -> RawSQL:
        async def run(statement: str) -> None:
            with sqlite3.connect(path) as connection:
                connection.execute(statement)
            connection.close()

        return run


async def test_a_file_is_held_by_one_node_whatever_its_name(path: Path) -> None:
    journal, rival = (SQLiteJournal(path, node=NodeName(name)) for name in ("gw-1", "gw-2"))
    await journal.open()

    with pytest.raises(NodeNameTakenError):
        await rival.open()

    await journal.close()


async def test_the_files_are_for_their_owner_alone(path: Path) -> None:
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()
    await accepted(journal)

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert set(modes.values()) == {0o600}
    assert {"journal.db", "journal.db-wal", "journal.db.lock"} <= modes.keys()
    await journal.close()


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"This is no database, but it is long enough to be looked at." * 20)
    journal = SQLiteJournal(path, node=NodeName("gw-1"))

    with pytest.raises(JournalUnusableError):
        await journal.open()


async def test_a_full_disk_refuses_and_recovers_by_itself(path: Path) -> None:
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()
    await accepted(journal)
    # The writer's own limit: what SQLite says at it (SQLITE_FULL) is what it says of a full disk.
    await journal._write(lambda connection, _: connection.execute("PRAGMA max_page_count = 1"))
    application = ApplicationId(an_id())
    small, large = (
        an_entry(application=application, facts={"text": "x" * length}) for length in (1, 60_000)
    )

    with pytest.raises(JournalUnavailableError, match="SQLITE_FULL"):
        await journal.record([small, large])

    assert await journal.entries_about(application) == []
    await journal._write(
        lambda connection, _: connection.execute("PRAGMA max_page_count = 1000000")
    )
    await accepted(journal)
    assert await chain_of(journal) == {"gw-1": 2}
    await journal.close()


async def test_what_somebody_wrote_in_its_name_is_not_followed_after_an_error_either(
    path: Path,
) -> None:
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()
    await journal._write(lambda connection, _: connection.execute("PRAGMA busy_timeout = 1"))
    await accepted(journal)
    place = journal.chain_head
    assert place is not None
    foreign = Head(NodeName("gw-1"), Position(*place)).append(an_entry())
    with closing(sqlite3.connect(path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        intruder.execute(
            "INSERT INTO entries (node, nseq, at, action, data, series)"
            " SELECT node, ?, at, action, ?, series FROM entries",
            (foreign.nseq, foreign.data),
        )

        with pytest.raises(JournalUnavailableError, match="SQLITE_BUSY"):
            await accepted(journal)
        intruder.execute("COMMIT")

    for _ in range(2):
        with pytest.raises(JournalUnavailableError, match="chain"):
            await accepted(journal)
    assert journal.chain_head == place
    assert await chain_of(journal) == {"gw-1": 2}
    await journal.close()


async def test_a_locked_database_refuses_and_recovers_by_itself(path: Path) -> None:
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()
    await journal._write(lambda connection, _: connection.execute("PRAGMA busy_timeout = 1"))
    intruder = sqlite3.connect(path, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")

    with pytest.raises(JournalUnavailableError, match="SQLITE_BUSY"):
        await journal.ping()

    intruder.execute("ROLLBACK")
    intruder.close()
    await accepted(journal)
    assert await chain_of(journal) == {"gw-1": 1}
    await journal.close()


async def test_the_wal_reaches_the_database_while_commits_go_on(path: Path) -> None:
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()
    empty = path.stat().st_size

    for _ in range(6):
        await journal.record([an_entry() for _ in range(EVERY_CHANGES // 5)])
    wal = path.with_name("journal.db-wal").stat().st_size
    async with asyncio.timeout(10):
        while path.stat().st_size < empty + EVERY_CHANGES * 100:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.02)
    await journal.close()

    assert wal < _WRITERS_LIMIT, "the commits may have done it"


async def test_a_reader_keeps_the_wal_and_nobody_waits_for_it(path: Path) -> None:
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        seen = reader.execute("SELECT count(*) FROM entries").fetchone()

        for _ in range(6):
            await journal.record([an_entry() for _ in range(EVERY_CHANGES // 5)])

        assert reader.execute("SELECT count(*) FROM entries").fetchone() == seen
    await journal.close()

    assert not path.with_name("journal.db-wal").exists()


async def test_a_count_of_rows_that_begins_again_from_below_still_asks_for_a_checkpoint(
    path: Path,
) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as writing:
        writing.execute("PRAGMA journal_mode = WAL")
        writing.execute("PRAGMA wal_autocheckpoint = 0")
        checkpointer = Checkpointer(path)
        checkpointer.note(2**31 - 1)
        await asyncio.sleep(0.2)  # for the checkpoint that this asks for, of nothing
        writing.execute("CREATE TABLE filled (bytes BLOB)")
        writing.execute("INSERT INTO filled VALUES (zeroblob(1000000))")

        checkpointer.note(-(2**31))

        async with asyncio.timeout(10):
            while path.stat().st_size < 1_000_000:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
        await asyncio.to_thread(checkpointer.close)


def test_a_checkpointer_whose_file_cannot_be_opened_says_so_as_the_journal_does(
    tmp_path: Path,
) -> None:
    with pytest.raises(JournalUnavailableError):
        Checkpointer(tmp_path / "missing" / "journal.db")
