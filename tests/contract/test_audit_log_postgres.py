"""The PostgreSQL journal as an audit log: the contract, and what several processes may do."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.crypto.detail import conceal
from gateway.domain.entry import Actor, ActorKind, Detail
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ApplicationId, NodeName
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.ports.audit_log import EntryFilter
from gateway.testing.builders import an_entry, an_id
from gateway.testing.contracts.journal import NodeMaker, RawSQL
from gateway.testing.contracts.journal_audit import (
    SharedAuditLogContract,
    places,
    recorded,
    sealing,
)
from gateway.testing.postgres import PostgresNode

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresNode]:
    server = PostgresNode.start()
    yield server
    server.remove()


@pytest.fixture
def url(server: PostgresNode) -> str:
    return server.database()


class TestPostgresAuditLog(SharedAuditLogContract):
    unguarded = (
        "DROP TRIGGER entries_stay ON entries",
        "ALTER TABLE entries DROP CONSTRAINT entries_place",
    )

    @pytest.fixture
    def a_node(self, url: str) -> NodeMaker:
        return lambda name: PostgresJournal(url, node=NodeName(name))

    @pytest.fixture
    def behind(self, url: str) -> RawSQL:
        async def run(statement: str) -> None:
            connection = await asyncpg.connect(url)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        return run


LATE_ENTRY = """
INSERT INTO entries (node, nseq, at, action, data, series)
SELECT 'gw-9', 1, now(), 'node.started', 'late', max(series) FROM entries
"""


async def test_what_is_committed_late_is_not_passed_over(url: str) -> None:
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    await recorded(journal, 2)
    late = await asyncpg.connect(url)
    await late.execute("BEGIN")
    await late.execute(LATE_ENTRY)
    await recorded(journal, 2)

    early = await journal.seal(sealing(), limit=100)
    await late.execute("COMMIT")
    await recorded(journal, 1)
    await journal.seal(sealing(), limit=100)

    assert early is not None
    assert early.size == 4
    assert await places(journal) == [
        *(("gw-1", nseq) for nseq in (1, 2, 3, 4)),
        ("gw-9", 1),
        ("gw-1", 5),
    ]
    await late.close()
    await journal.close()


async def test_nobody_seals_while_another_one_does(url: str) -> None:
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    await recorded(journal, 2)
    other = await asyncpg.connect(url)
    await other.execute("BEGIN")
    await other.execute("SELECT pg_advisory_xact_lock($1)", 0x6B616B65_7365616C)

    meanwhile = await journal.seal(sealing(), limit=100)
    await other.execute("ROLLBACK")
    afterwards = await journal.seal(sealing(), limit=100)

    assert meanwhile is None
    assert afterwards is not None
    await other.close()
    await journal.close()


async def test_a_head_that_somebody_else_replaced_is_not_replaced_again(url: str) -> None:
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    await recorded(journal, 2)
    await journal.seal(sealing(), limit=1)
    intruder = await asyncpg.connect(url)
    # What a second sequencer would do that got past the lock: here, just before the head is set.
    await intruder.execute(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF new.size = 2 THEN RETURN NULL; END IF; RETURN new; END'"
    )
    await intruder.execute(
        "CREATE TRIGGER meddle BEFORE UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION meddle()"
    )

    with pytest.raises(JournalUnavailableError, match="log_head"):
        await journal.seal(sealing(), limit=1)

    await intruder.execute("DROP TRIGGER meddle ON log_head")
    assert await places(journal) == [("gw-1", 1)]
    await journal.seal(sealing(), limit=1)
    assert await places(journal) == [("gw-1", 1), ("gw-1", 2)]
    await intruder.close()
    await journal.close()


async def test_sealing_goes_on_after_its_connection_was_lost(url: str) -> None:
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    await recorded(journal, 2)
    await journal.seal(sealing(), limit=1)
    other = await asyncpg.connect(url)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE query = 'COMMIT' AND datname = current_database() AND pid <> pg_backend_pid()"
    )

    async with asyncio.timeout(60):
        while (head := await journal.log_head()) is None or head.size < 2:
            try:
                await journal.seal(sealing(), limit=1)
            except JournalUnavailableError:
                await asyncio.sleep(0.01)

    assert await places(journal) == [("gw-1", 1), ("gw-1", 2)]
    await other.close()
    await journal.close()


async def test_a_shredded_key_is_in_no_file_of_a_table(server: PostgresNode, url: str) -> None:
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    concerned, other = ApplicationId(an_id()), ApplicationId(an_id())
    details = [conceal({"reason": "here"}) for _ in range(60)]
    await journal.record(
        [
            an_entry(application=(concerned, other)[number % 2], detail=detail)
            for number, detail in enumerate(details)
        ]
    )
    observer = await asyncpg.connect(url)
    # Deleted rows would be kept for whoever began earlier.
    await observer.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    await observer.fetch("SELECT * FROM nodes")
    checkpoint = await asyncpg.connect(url)

    # Not those of other tests' databases, of which there are many.
    its_own = await checkpoint.fetchval(
        "SELECT oid::text FROM pg_database WHERE datname = current_database()"
    )

    async def kept() -> list[int]:
        await checkpoint.execute("CHECKPOINT")
        tables = server.folder / "data" / "base" / its_own
        files = b"".join(file.read_bytes() for file in tables.rglob("*") if file.is_file())
        return [sum(detail.key in files for detail in details[start::2]) for start in (0, 1)]

    before = await kept()
    await journal.shred(concerned, lambda _: an_entry())

    assert before == [30, 30]
    assert await kept() == [0, 30]
    await observer.close()
    await checkpoint.close()
    await journal.close()


def _written(segment: Path) -> bytes:
    """Return a segment of the WAL without its empty pages, which are nearly all of its 16 MiB."""
    return segment.read_bytes().replace(bytes(8192), b"")


async def test_a_shredded_key_is_in_the_wal_until_its_segment_is_written_over(
    server: PostgresNode, url: str
) -> None:
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    concerned = ApplicationId(an_id())
    details = [conceal({"reason": "here"}) for _ in range(30)]
    await journal.record([an_entry(application=concerned, detail=detail) for detail in details])
    database = await asyncpg.connect(url)

    async def kept() -> tuple[int, int]:
        """Count the keys in segments in use, and in those that wait to be written over."""
        last = await database.fetchval("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
        wal = [each for each in (server.folder / "data/pg_wal").iterdir() if each.is_file()]
        used = b"".join(_written(each) for each in wal if each.name <= last)
        waiting = b"".join(_written(each) for each in wal if each.name > last)
        first, second = (sum(one.key in files for one in details) for files in (used, waiting))
        return first, second

    before = await kept()
    await journal.shred(concerned, lambda _: an_entry())
    after = await kept()

    # A key that the head of a page of the WAL cuts in two is not found.
    assert 25 <= before[0] <= 30
    assert after == (0, before[0])
    # How many segments wait before these is up to the server: ``max_wal_size`` is 64 of them.
    for _ in range(8):
        for _ in range(8):
            await database.execute("SELECT pg_logical_emit_message(false, '', '')")
            await database.execute("SELECT pg_switch_wal()")
        if await kept() == (0, 0):
            break
    assert await kept() == (0, 0)
    await database.close()
    await journal.close()


async def test_shredding_beside_a_backup_keeps_nobody_from_writing_or_sealing(url: str) -> None:
    # With little patience whoever waited for the table alone would give up before others came.
    journal = PostgresJournal(url, node=NodeName("gw-1"), timeout_s=1.5)
    await journal.open()
    concerned, detail = ApplicationId(an_id()), conceal({"reason": "here"})
    await journal.record([an_entry(application=concerned, detail=detail)])
    backup = await asyncpg.connect(url)
    await backup.execute("BEGIN")
    await backup.execute("LOCK TABLE detail_keys IN ACCESS SHARE MODE")

    shredding = asyncio.create_task(journal.shred(concerned, lambda _: an_entry()))
    for _ in range(3):
        await asyncio.sleep(0.1)
        await journal.record([an_entry(detail=conceal({"reason": "there"}))])
        assert await journal.seal(sealing(), limit=10)

    assert not shredding.done()
    await backup.close()
    assert await shredding == 1
    await journal.close()


async def test_whoever_may_not_checkpoint_shreds_all_the_same(url: str) -> None:
    owner = await asyncpg.connect(url)
    await owner.execute("CREATE ROLE plain LOGIN")
    await owner.execute("GRANT ALL ON SCHEMA public TO plain")
    await owner.close()
    plain = url.replace("//postgres@", "//plain@")
    journal = PostgresJournal(plain, node=NodeName("gw-1"))
    await journal.open()
    concerned = ApplicationId(an_id())
    await journal.record([an_entry(application=concerned, detail=conceal({"reason": "here"}))])

    with capture_logs() as logs:
        destroyed = await journal.shred(concerned, lambda _: an_entry())

    assert destroyed == 1
    assert [each["event"] for each in logs] == ["journal.wal_kept"] * 2
    await journal.close()


async def test_a_series_that_was_rolled_back_is_not_taken_for_stored(url: str) -> None:
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    new = an_entry(actor=Actor(ActorKind.OPERATOR, "tanaka"))
    # Found out when everything else has been written.
    unstorable = an_entry(detail=Detail(key=None, sealed=b""))

    with pytest.raises(ValueError, match="contradicts"):
        await journal.record([new, unstorable])
    await journal.record([new])

    by_tanaka = await journal.find_entries(EntryFilter(actor="tanaka"))
    assert [one.entry.nseq for one in by_tanaka] == [1]
    await journal.close()
