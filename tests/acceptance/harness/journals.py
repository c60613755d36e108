"""What is in a journal, past the gateway: its rows, and the bytes of its files."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import asyncpg

from gateway.testing.postgres import PostgresNode


class SQLiteFiles:
    """A SQLite journal."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def entries(self) -> bytes:
        """Return the bytes of every entry."""
        return b"\n".join(row[0] for row in self._rows("SELECT data FROM entries"))

    async def tables(self) -> bytes:
        """Return every value of every table."""
        names = self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        return b"\n".join(
            value if isinstance(value, bytes) else str(value).encode()
            for (table,) in names
            for row in self._rows(f'SELECT * FROM "{table}"')  # noqa: S608 - its own names
            for value in row
        )

    async def keys(self, application: UUID) -> list[bytes]:
        """Return the keys of an application's details, as they are now."""
        chosen = "SELECT key FROM detail_keys WHERE application_id = ?"
        return [row[0] for row in self._rows(chosen, application.bytes)]

    async def files(self) -> bytes:
        """Return the bytes of the database, its WAL and its index."""
        return b"\n".join(
            path.read_bytes() for path in self._path.parent.glob(f"{self._path.name}*")
        )

    def _rows(self, query: str, *values: object) -> list[tuple[bytes, ...]]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()


class PostgresFiles:
    """A PostgreSQL journal and its server."""

    def __init__(self, url: str, server: PostgresNode) -> None:
        self._url = url
        self._server = server

    async def entries(self) -> bytes:
        """Return the bytes of every entry."""
        return b"\n".join(row["data"] for row in await self._rows("SELECT data FROM entries"))

    async def tables(self) -> bytes:
        """Return every row of every table, as the database itself sees them."""
        content: list[bytes] = []

        async def take(part: bytes) -> None:
            content.append(part)

        connection = await asyncpg.connect(self._url)
        try:
            for row in await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ):
                await connection.copy_from_table(row["tablename"], output=take, format="binary")
        finally:
            await connection.close()
        return b"".join(content)

    async def keys(self, application: UUID) -> list[bytes]:
        """Return the keys of an application's details, as they are now."""
        chosen = "SELECT key FROM detail_keys WHERE application_id = $1"
        return [row["key"] for row in await self._rows(chosen, application)]

    async def files(self) -> bytes:
        """Return the bytes of every table's and index's files, none of them in memory only."""
        await self._rows("CHECKPOINT")
        relations = await self._rows(
            "SELECT pg_relation_filepath(c.oid) AS path FROM pg_class c WHERE relkind IN"
            " ('r', 'i', 't', 'S') AND (relnamespace = 'public'::regnamespace OR oid IN"
            " (SELECT reltoastrelid FROM pg_class WHERE relnamespace = 'public'::regnamespace))"
        )
        data = self._server.folder / "data"
        return b"\n".join((data / row["path"]).read_bytes() for row in relations)

    async def _rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._url)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()
