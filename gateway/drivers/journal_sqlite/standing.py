"""Look at a journal's file without opening it as a journal: nothing is locked, nor migrated."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from gateway.domain.errors import JournalUnavailableError, JournalUnusableError
from gateway.drivers.journal_sqlite.database import subject
from gateway.drivers.journal_sqlite.schema import shipped
from gateway.ports.standing import JournalStanding

_TABLE: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'"
_SCHEMA: Final = "SELECT max(version) FROM schema_migrations"


def look(path: Path, *, timeout_s: float) -> JournalStanding:
    """Return how the file stands.

    Args:
        path: The database.
        timeout_s: How long somebody else's lock is waited for.

    Raises:
        JournalUnavailableError: It cannot be read now.
        JournalUnusableError: It is no database of SQLite, or a damaged one.
    """
    schema = None
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=timeout_s)) as connection:
            if connection.execute(_TABLE).fetchone():
                (schema,) = connection.execute(_SCHEMA).fetchone()
    except sqlite3.OperationalError as error:
        raise JournalUnavailableError(subject(error)) from error
    except sqlite3.DatabaseError as error:
        raise JournalUnusableError(subject(error)) from error
    return JournalStanding(
        server=f"SQLite {sqlite3.sqlite_version}",
        major=sqlite3.sqlite_version_info[0],
        schema=schema,
        newest=shipped()[-1].version,
    )
