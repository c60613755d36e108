"""Bring the database to the version this gateway was written for."""

import hashlib
import sqlite3
from dataclasses import dataclass
from importlib.resources import files

import structlog

from gateway.domain.errors import JournalUnusableError

log = structlog.get_logger()

_VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL
) STRICT
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


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the scripts that are missing, each in a transaction of its own.

    Raises:
        JournalUnusableError: A script was changed after it had been applied, or the
            database was written by a newer gateway.
    """
    connection.execute(_VERSIONS)
    applied = {row["version"]: row for row in connection.execute("SELECT * FROM schema_migrations")}
    scripts = shipped()
    if unknown := applied.keys() - {script.version for script in scripts}:
        raise JournalUnusableError("schema_newer", max(unknown))
    missing = [script.version for script in scripts if script.version not in applied]
    if missing and applied:
        log.info("journal.migrating", versions=missing)
    for script in scripts:
        row = applied.get(script.version)
        if row is None:
            _apply(connection, script)
        elif row["sha256"] != script.sha256:
            raise JournalUnusableError("migration_changed", script.version)


def _apply(connection: sqlite3.Connection, script: Migration) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script.sql}")
        connection.execute(
            "INSERT INTO schema_migrations (version, name, sha256) VALUES (?, ?, ?)",
            (script.version, script.name, script.sha256),
        )
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
