"""Somebody with every right over a journal's database, and perhaps with the log's keys.

Takes whole tables, changes them in memory and puts them back, past all triggers and references.
"""

import re
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import asyncpg

from gateway.audit import note, tiles
from gateway.audit.chain import GENESIS, leaf
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.runs import runs_of
from gateway.domain.entry import Action, StoredEntry
from gateway.ports.audit_log import TileId
from gateway.testing.notes import NoteSigner
from gateway.testing.postgres import PostgresNode

Row = dict[str, Any]
Tables = dict[str, list[Row]]
TABLES: Final = (
    "applications", "deliveries", "payloads", "entry_series", "entries", "log_head", "log_runs",
    "log_tiles", "log_checkpoints", "detail_keys",
)  # fmt: skip
_LINK: Final = re.compile(
    rb'"node":"[a-z0-9-]+","nprev":"[0-9a-f]{64}","nseq":[0-9]+(?=,("subject":"[^"]*",)?"v":)'
)


class Store(Protocol):
    """Where a journal is, past the journal. Copy it only while no journal is open on it."""

    url: str

    async def take(self) -> Tables: ...
    async def put(self, tables: Mapping[str, Sequence[Row]]) -> None: ...
    async def copied(self, name: str) -> "Store": ...


@dataclass
class SQLiteStore:
    """A file, opened with nothing but ``sqlite3``."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    async def take(self) -> Tables:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            return {
                table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 - a constant
                for table in TABLES
            }

    async def put(self, tables: Mapping[str, Sequence[Row]]) -> None:
        with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
            for guard in ("entries_stay", "entries_remain"):
                connection.execute(f"DROP TRIGGER IF EXISTS {guard}")
            for table, rows in tables.items():
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
                if rows:
                    names = ", ".join(rows[0])
                    marks = ", ".join(f":{name}" for name in rows[0])
                    insert = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - as above
                    connection.executemany(insert, rows)

    async def copied(self, name: str) -> "SQLiteStore":
        shutil.copytree(self.path.parent, self.path.parent.with_name(name))
        return SQLiteStore(self.path.parent.with_name(name) / self.path.name)


@dataclass
class PostgresStore:
    """A database, opened as superuser."""

    server: PostgresNode
    url: str

    async def take(self) -> Tables:
        connection = await asyncpg.connect(self.url)
        try:
            return {
                table: [dict(row) for row in await connection.fetch(f"SELECT * FROM {table}")]  # noqa: S608 - a constant
                for table in TABLES
            }
        finally:
            await connection.close()

    async def put(self, tables: Mapping[str, Sequence[Row]]) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            # Neither triggers nor references are looked at.
            await connection.execute("SET session_replication_role = replica")
            async with connection.transaction():
                for table, rows in tables.items():
                    await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
                    if rows:
                        names = ", ".join(rows[0])
                        marks = ", ".join(f"${n}" for n in range(1, len(rows[0]) + 1))
                        insert = (
                            f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE"  # noqa: S608 - as above
                            f" VALUES ({marks})"
                        )
                        await connection.executemany(insert, [tuple(row.values()) for row in rows])
        finally:
            await connection.close()

    async def copied(self, name: str) -> "PostgresStore":
        parts = urlsplit(self.url)
        template = parts.path.removeprefix("/")
        connection = await asyncpg.connect(parts._replace(path="/postgres").geturl())
        try:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        finally:
            await connection.close()
        return PostgresStore(self.server, parts._replace(path=f"/{name}").geturl())


@dataclass
class Loot:
    """The tables as they were taken, and what one can do to them.

    Attributes:
        tables: All of them.
        log: Rows of the sealed entries, by index.
        rest: Those of the others, by node and place.
    """

    tables: Tables
    log: list[Row] = field(init=False)
    rest: list[Row] = field(init=False)

    def __post_init__(self) -> None:
        by_place = {(row["node"], row["nseq"]): row for row in self.tables["entries"]}
        runs = sorted(self.tables["log_runs"], key=lambda run: int(run["first_index"]))
        self.log = [
            by_place.pop((run["node"], run["first_nseq"] + number))
            for run in runs
            for number in range(run["length"])
        ]
        self.rest = [by_place[place] for place in sorted(by_place)]

    def find(self, action: Action, start: int) -> int:
        """Return the index of the first entry about this from an index."""
        return next(
            index
            for index, row in enumerate(self.log)
            if index >= start and row["action"] == action
        )

    def about(self, index: int) -> list[int]:
        """Return the indices of all entries about the application of one."""
        application = self.log[index]["application_id"]
        return [at for at, row in enumerate(self.log) if row["application_id"] == application]

    def copy_of(self, row: Row) -> Row:
        """Return a second row of the same, with a number of its own; not yet in the table."""
        number = "seq" if "seq" in row else "id"
        return {**row, number: max(each[number] for each in [*self.log, *self.rest]) + 1000}

    def edit(self, row: Row) -> None:
        """Change a fact, and nothing that the entry is searched by."""
        assert row["data"].count(b'"facts":{"') == 1
        row["data"] = row["data"].replace(b'"facts":{"', b'"facts":{"a":0,"')

    def stored(self) -> Tables:
        """Return the tables to put back."""
        return {**self.tables, "entries": [*self.log, *self.rest]}

    # What needs no key

    def rechain(self) -> None:
        """Number and chain all entries anew, and give them runs and the keys that they had."""
        ends: dict[str, tuple[int, bytes]] = {}
        had = {(key["node"], key["nseq"]): key for key in self.tables["detail_keys"]}
        keys: list[Row] = []
        for row in [*self.log, *self.rest]:
            nseq, nprev = ends.get(row["node"], (0, GENESIS))
            link = f'"node":"{row["node"]}","nprev":"{nprev.hex()}","nseq":{nseq + 1}'
            row["data"], found = _LINK.subn(link.encode(), row["data"])
            assert found == 1
            if (key := had.get((row["node"], row["nseq"]))) is not None:
                number = {"id": len(keys) + 1} if "id" in key else {}
                keys.append({**key, **number, "nseq": nseq + 1})
            row["nseq"] = nseq + 1
            ends[row["node"]] = (nseq + 1, leaf(row["data"]))
        self.tables["detail_keys"] = keys
        self.reindex()

    def reindex(self) -> None:
        """Write runs for the log's order."""
        self.tables["log_runs"] = [
            {
                "first_index": run.first_index,
                "node": run.node,
                "first_nseq": run.first_nseq,
                "length": run.length,
            }
            for run in runs_of([_entry(row) for row in self.log], 0)
        ]

    def regrow(self) -> None:
        """Make the tiles of the log anew."""
        self.tables["log_tiles"] = [
            {"level": tile.level, "position": tile.position, "hashes": hashes}
            for tile, hashes in self._grown(len(self.log)).tiles.items()
        ]

    # What needs one

    def resign(self, by: NoteSigner) -> None:
        """Sign head and kept checkpoints anew, of their sizes or as many as there are."""
        for row in self.tables["log_checkpoints"]:
            row["size"] = min(row["size"], len(self.log))
            row["checkpoint"] = self.sign(row["size"], by)
        last = max(row["size"] for row in self.tables["log_checkpoints"])
        assert [row["size"] for row in self.tables["log_checkpoints"]].count(last) == 1
        self.tables["log_checkpoints"][-1]["size"] = len(self.log)
        self.tables["log_checkpoints"][-1]["checkpoint"] = self.sign(len(self.log), by)
        self.resign_head(by)

    def resign_head(self, by: NoteSigner) -> None:
        [head] = self.tables["log_head"]
        size = len(self.log)
        head |= {
            "size": size,
            "root": self._grown(size).root,
            "checkpoint": self.sign(size, by),
        }

    def sign(self, size: int, by: NoteSigner) -> str:
        text = Checkpoint(by.name, size, self._grown(size).root).text()
        return note.sign(text, by.name, by.key.public, by.sign).decode()

    def forge(self, by: NoteSigner) -> None:
        """Make all that was changed the one and only history."""
        self.rechain()
        self.regrow()
        self.resign(by)

    def tile(self, level: int, position: int) -> Row:
        return next(
            row
            for row in self.tables["log_tiles"]
            if (row["level"], row["position"]) == (level, position)
        )

    def _grown(self, size: int) -> tiles.Grown:
        return tiles.grow(0, {}, [leaf(row["data"]) for row in self.log[:size]])


def size_of(checkpoint: str) -> int:
    """Return how many entries a checkpoint stands for."""
    return int(checkpoint.split("\n")[1])


def tile_ids(size: int) -> list[TileId]:
    """Return every tile of a log of this size."""
    found, level = [], 0
    while width := size >> (8 * level):
        found += [TileId(level, position) for position in range((width + 255) // 256)]
        level += 1
    return found


def _entry(row: Row) -> StoredEntry:
    return StoredEntry(node=row["node"], nseq=row["nseq"], data=row["data"])
