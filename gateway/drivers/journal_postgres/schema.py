"""Bring the database to the version this gateway was written for."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import structlog
from asyncpg import Connection

from gateway.domain.errors import JournalUnavailableError, JournalUnusableError
from gateway.drivers.journal_postgres import beside
from gateway.drivers.journal_postgres.connections import SESSION

log = structlog.get_logger()

LONGEST_S: Final = 3600.0
"""How long a script may take: some read every row of a large journal."""
LAST_STOPPED: Final = 8
"""Scripts up to this one are for gateways that are stopped: what ran before does not write what
they add (8: whose feedback it is). Later ones only add what older gateways need not know of."""
SCHEMA_LOCK: Final = 0x6B616B65_68617368
"""Advisory lock of migrations: two processes that start together migrate one by one."""
WAITING_LOCK: Final = SCHEMA_LOCK + 1
"""Shared by all who hold or want the other one. Nobody waits in a statement for that one: an index
that grows beside them would wait for that statement in its turn."""
_LOOKS: Final = 30
_PAUSE_S: Final = 0.1
"""A session that begins, or whose process has just ended, is gone from the list within this."""


# Of the session's statement and lock timeouts; whoever waits is bounded by its client.
_NO_TIMEOUT: Final = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"
_WANT_SCHEMA: Final = "SELECT pg_advisory_lock_shared($1)"
_WANT_NO_MORE: Final = "SELECT pg_advisory_unlock_shared($1)"
_TRY_SCHEMA: Final = "SELECT pg_try_advisory_lock($1)"
_UNLOCK_SCHEMA: Final = "SELECT pg_advisory_unlock($1)"
_CREATE_MIGRATIONS: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL
)
"""
_MIGRATIONS: Final = "SELECT version, sha256 FROM schema_migrations"
# Who is about to migrate too holds a lock or waits for one, and writes nothing yet. The view is
# read once a transaction, unless it is cleared.
_FORGET_ACTIVITY: Final = "SELECT pg_stat_clear_snapshot()"
_RUNNING_GATEWAYS: Final = """
SELECT DISTINCT application_name FROM pg_stat_activity a
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE $1
AND NOT EXISTS (
    SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory'
    AND l.classid::bigint << 32 | l.objid::bigint IN ($2, $3) AND l.objsubid = 1
)
ORDER BY application_name
"""
INSERT_MIGRATION: Final = """
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

    @property
    def row(self) -> tuple[int, str, str]:
        """What is stored of it."""
        return self.version, self.name, self.sha256


def shipped() -> list[Migration]:
    """Return the scripts of this version of the gateway, in order."""
    scripts = []
    for file in (files(__package__) / "migrations").iterdir():
        number, _, name = file.name.removesuffix(".sql").partition("_")
        scripts.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    return sorted(scripts, key=lambda migration: migration.version)


async def migrate(connection: Connection) -> None:
    """Apply the scripts that are missing.

    A new database gets all of them in one transaction. An older one gets those up to
    ``LAST_STOPPED`` while no gateway runs, and each one after it beside gateways that go on
    (``beside``).

    Raises:
        JournalUnusableError: A script was changed after it had been applied, the database
            was written by a newer gateway, or gateways use it that know nothing of a script.
        JournalUnavailableError: A table was in use all the time.
    """
    # The session's: scripts that are applied beside others have transactions of their own.
    await connection.execute(_WANT_SCHEMA, WAITING_LOCK)
    try:
        await _have_turn(connection)
        try:
            await _migrate(connection)
        finally:
            if not connection.is_closed():
                await connection.execute(_UNLOCK_SCHEMA, SCHEMA_LOCK)
    finally:
        if not connection.is_closed():
            await connection.execute(_WANT_NO_MORE, WAITING_LOCK)


async def _have_turn(connection: Connection) -> None:
    given_up_at = time.monotonic() + LONGEST_S
    while not await connection.fetchval(_TRY_SCHEMA, SCHEMA_LOCK):
        if time.monotonic() > given_up_at:
            raise JournalUnavailableError("schema_in_use")
        await asyncio.sleep(_PAUSE_S)


async def _migrate(connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute(_NO_TIMEOUT)
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
            log.info("journal.migrating", versions=[script.version for script in missing])
        # Nobody has anything in a new one. CONCURRENTLY is for those that are in use.
        at_once = [each for each in missing if not applied or each.version <= LAST_STOPPED]
        if at_once and applied:
            await _require_alone(connection)
        for script in at_once:
            sql = script.sql if applied else beside.in_a_transaction(script.sql)
            await connection.execute(sql, timeout=LONGEST_S)
            await connection.execute(INSERT_MIGRATION, *script.row)
    for script in missing[len(at_once) :]:
        await beside.apply(connection, script.sql, INSERT_MIGRATION, script.row)


async def _require_alone(connection: Connection) -> None:
    """See that no gateway runs: its steps would deadlock with the scripts, and fail after them.

    Raises:
        JournalUnusableError: Some do.
    """
    names = [""]
    for _ in range(_LOOKS):
        await connection.execute(_FORGET_ACTIVITY)
        found = await connection.fetch(_RUNNING_GATEWAYS, f"{SESSION}%", SCHEMA_LOCK, WAITING_LOCK)
        names = [row["application_name"].removeprefix(SESSION) for row in found]
        if not names:
            return
        await asyncio.sleep(_PAUSE_S)
    raise JournalUnusableError("gateways_running", ", ".join(names))
