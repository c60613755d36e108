"""The SQLite journal as an audit log: the contract, and what a shredded key leaves behind."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.crypto.detail import conceal
from gateway.domain.identifiers import ApplicationId, NodeName
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.testing.builders import an_entry, an_id
from gateway.testing.contracts.journal import NodeMaker, RawSQL
from gateway.testing.contracts.journal_audit import AuditLogContract


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "journal.db"


class TestSQLiteAuditLog(AuditLogContract):
    unguarded = tuple(f"DROP TRIGGER entries_{name}" for name in ("remain", "stay", "place"))

    @pytest.fixture
    def a_node(self, path: Path) -> NodeMaker:
        return lambda name: SQLiteJournal(path, node=NodeName(name))

    @pytest.fixture
    def behind(self, path: Path) -> RawSQL:
        async def run(statement: str) -> None:
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute(statement)

        return run


async def test_a_shredded_key_is_in_none_of_the_files(path: Path) -> None:
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()
    concerned = [ApplicationId(an_id()) for _ in range(3)]
    entries = [
        an_entry(application=concerned[number % 3], detail=conceal({"reason": "x" * 40}))
        for number in range(400)
    ]
    for start in range(0, 400, 40):
        await journal.record(entries[start : start + 40])
    keys = {
        application: [
            entry.detail.key
            for entry in entries
            if entry.application == application
            if entry.detail
        ]
        for application in concerned
    }

    def kept(application: ApplicationId) -> int:
        files = b"".join(file.read_bytes() for file in path.parent.iterdir())
        return sum(key in files for key in keys[application])

    before = [kept(application) for application in concerned]
    for application in concerned[:2]:
        await journal.shred(application, lambda _: an_entry())

    assert before == [len(keys[application]) for application in concerned]
    assert [kept(application) for application in concerned] == [0, 0, before[2]]
    await journal.close()


async def test_shredding_beside_a_backup_keeps_nobody_from_writing(path: Path) -> None:
    journal = SQLiteJournal(path, node=NodeName("gw-1"))
    await journal.open()
    concerned, detail = ApplicationId(an_id()), conceal({"reason": "here"})
    await journal.record([an_entry(application=concerned, detail=detail)])
    with closing(sqlite3.connect(path, isolation_level=None)) as backup:
        backup.execute("BEGIN")
        backup.execute("SELECT count(*) FROM entries").fetchone()

        shredding = asyncio.create_task(journal.shred(concerned, lambda _: an_entry()))
        for _ in range(3):
            await asyncio.sleep(0.1)
            await journal.record([an_entry()])

        assert not shredding.done()
    assert await shredding == 1
    assert not any(detail.key in file.read_bytes() for file in path.parent.iterdir())
    await journal.close()
