"""Bring the database to the version this gateway was written for."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import structlog
from asyncpg import Connection

from gateway.domain.errors import JournalUnusableError
from gateway.drivers.journal_postgres.connections import SESSION

log = structlog.get_logger()

LONGEST_S: Final = 3600.0
"""How long a script may take: some read every row of a large journal."""
SCHEMA_LOCK: Final = 0x6B616B65_68617368
"""Advisory lock of migrations: two processes that start together migrate one by one."""
_LOOKS: Final = 30
_PAUSE_S: Final = 0.1
"""A session that begins, or whose process has just ended, is gone from the list within this."""


# Of the session's statement and lock timeouts; whoever waits is bounded by its client.
_NO_TIMEOUT: Final = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"
_LOCK_SCHEMA: Final = "SELECT pg_advisory_xact_lock($1)"
_CREATE_MIGRATIONS: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL
)
"""
_MIGRATIONS: Final = "SELECT version, sha256 FROM schema_migrations"
# Who is about to migrate too holds the lock or waits for it, and writes nothing yet. The view is
# read once a transaction, unless it is cleared.
_FORGET_ACTIVITY: Final = "SELECT pg_stat_clear_snapshot()"
_RUNNING_GATEWAYS: Final = """
SELECT DISTINCT application_name FROM pg_stat_activity a
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE $1
AND NOT EXISTS (
    SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory'
    AND l.classid::bigint << 32 | l.objid::bigint = $2 AND l.objsubid = 1
)
ORDER BY application_name
"""
_INSERT_MIGRATION: Final = """
INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered script, ``NNNN_name.sql``."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """What tells that it is still what it was when it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> list[Migration]:
    """Return the scripts of this version of the gateway, in order."""
    scripts = []
    for file in (files(__package__) / "migrations").iterdir():
        number, _, name = file.name.removesuffix(".sql").partition("_")
        scripts.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    return sorted(scripts, key=lambda migration: migration.version)


async def migrate(connection: Connection) -> None:
    """Apply the scripts that are missing, in one transaction, while nobody else writes.

    Raises:
        JournalUnusableError: A script was changed after it had been applied, the database
            was written by a newer gateway, or gateways use it that know nothing of a script.
    """
    async with connection.transaction():
        await connection.execute(_NO_TIMEOUT)
        await connection.execute(_LOCK_SCHEMA, SCHEMA_LOCK, timeout=LONGEST_S)
        await connection.execute(_CREATE_MIGRATIONS)
        found = await connection.fetch(_MIGRATIONS)
        applied = {row["version"]: row["sha256"] for row in found}
        scripts = shipped()
        if unknown := applied.keys() - {script.version for script in scripts}:
            raise JournalUnusableError("schema_newer", max(unknown))
        for script in scripts:
            if applied.get(script.version, script.sha256) != script.sha256:
                raise JournalUnusableError("migration_changed", script.version)
        missing = [script for script in scripts if script.version not in applied]
        if missing and applied:
            await _require_alone(connection)
            log.info("journal.migrating", versions=[script.version for script in missing])
        await _apply(connection, missing)


async def _require_alone(connection: Connection) -> None:
    """See that no gateway runs: its steps would deadlock with the scripts, and fail after them.

    Raises:
        JournalUnusableError: Some do.
    """
    names = [""]
    for _ in range(_LOOKS):
        await connection.execute(_FORGET_ACTIVITY)
        found = await connection.fetch(_RUNNING_GATEWAYS, f"{SESSION}%", SCHEMA_LOCK)
        names = [row["application_name"].removeprefix(SESSION) for row in found]
        if not names:
            return
        await asyncio.sleep(_PAUSE_S)
    raise JournalUnusableError("gateways_running", ", ".join(names))


async def _apply(connection: Connection, scripts: Sequence[Migration]) -> None:
    for script in scripts:
        await connection.execute(script.sql, timeout=LONGEST_S)
        await connection.execute(_INSERT_MIGRATION, script.version, script.name, script.sha256)
