"""The embedded journal: SQLite."""

from gateway.drivers.journal_sqlite.driver import SQLiteJournal

__all__ = ["SQLiteJournal"]
