"""Copy a filled SQLite journal into PostgreSQL: the same rows, the same log."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg

from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import PostgresJournal, beside, schema
from gateway.testing.postgres import PostgresNode

_TABLES: Final = (
    "application_groups",
    "applications",
    "deliveries",
    "payloads",
    "entry_series",
    "entries",
    "delivery_counts",
    "log_head",
    "log_runs",
    "log_tiles",
    "log_checkpoints",
)
_LOADING: Final = ("fsync=off", "full_page_writes=off", "max_wal_size=8GB", "autovacuum=off")
"""While it is filled; a gateway would refuse to start on such a server."""
# The numbers came with the rows: new ones begin behind them.
_AFTER: Final = """
SELECT setval(pg_get_serial_sequence('entry_series', 'id'), max(id)) FROM entry_series
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE: Final = 1000
_THERE: Final = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_MIGRATIONS: Final = """
CREATE TABLE schema_migrations (
    version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL
)
"""
_COLUMNS: Final = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = $1
"""


async def copy(
    source: Path,
    node: PostgresNode,
    node_name: str,
    say: Callable[[str], None],
    *,
    version: int | None = None,
) -> str:
    """Return the URL of a new database with all that ``source`` holds, vacuumed and analysed.

    Args:
        source: A SQLite journal of the latest schema.
        node: The server.
        node_name: Under which name the database is opened.
        say: Told what was copied.
        version: Of the schema; the latest by default. What an older one has no place for is left.
    """
    url = node.database()
    if version is None:
        journal = PostgresJournal(url, node=NodeName(node_name))
        await journal.open()
        await journal.close()
    else:
        await _make_older(url, version)
    node.restart(*_LOADING)
    with closing(sqlite3.connect(source)) as rows:
        connection = await asyncpg.connect(url)
        # References held in the source.
        await connection.execute("SET session_replication_role = replica")
        there = {row["tablename"] for row in await connection.fetch(_THERE)}
        for table in (each for each in _TABLES if each in there):
            await _copy(rows, connection, table)
            await connection.execute(f"VACUUM (ANALYZE) {table}")
            say(f"  {table} copied")
        if "entry_series" in there:
            await connection.execute(_AFTER)
        await connection.close()
    node.restart()
    return url


async def _make_older(url: str, version: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(_MIGRATIONS)
    for script in schema.shipped()[:version]:
        await connection.execute(beside.in_a_transaction(script.sql))
        await connection.execute(schema.INSERT_MIGRATION, *script.row)
    await connection.close()


async def duplicate(url: str, name: str) -> str:
    """Return the URL of a new database that is a copy of another, to which nobody is connected."""
    parts = urlsplit(url)
    connection = await asyncpg.connect(parts._replace(path="/postgres").geturl())
    template = parts.path.removeprefix("/")
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    # What is still to be written of the copy would slow the commits that are measured.
    await connection.execute("CHECKPOINT")
    await connection.close()
    return parts._replace(path=f"/{name}").geturl()


async def drop(url: str) -> None:
    """Delete a database to which nobody is connected."""
    parts = urlsplit(url)
    connection = await asyncpg.connect(parts._replace(path="/postgres").geturl())
    await connection.execute(f'DROP DATABASE "{parts.path.removeprefix("/")}"')
    await connection.close()


async def _copy(rows: sqlite3.Connection, connection: asyncpg.Connection, table: str) -> None:
    types = dict(await connection.fetch(_COLUMNS, table))
    names = [row[1] for row in rows.execute(f"PRAGMA table_info({table})") if row[1] in types]
    converters = [_CONVERTERS.get(types[name], _as_is) for name in names]
    order = "seq" if table == "entries" else "1"
    found = rows.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {order}")  # noqa: S608 - our own names
    await connection.copy_records_to_table(
        table, records=_converted(found, converters), columns=names
    )


def _converted(
    found: sqlite3.Cursor, converters: Sequence[Callable[[object], object]]
) -> Iterator[tuple[object, ...]]:
    while page := found.fetchmany(_PAGE):
        for row in page:
            yield tuple(
                None if value is None else convert(value)
                for value, convert in zip(row, converters, strict=True)
            )


def _as_is(value: object) -> object:
    return value


def _to_uuid(value: object) -> UUID:
    return UUID(bytes=value)  # type: ignore[arg-type] - the column says so


def _to_time(value: object) -> datetime:
    return _EPOCH + timedelta(microseconds=value)  # type: ignore[arg-type] - the column says so


_CONVERTERS: Final[dict[str, Callable[[object], object]]] = {
    "uuid": _to_uuid,
    "timestamp with time zone": _to_time,
    "boolean": bool,
}
