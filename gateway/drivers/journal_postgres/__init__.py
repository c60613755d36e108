"""The journal for several gateway processes: PostgreSQL."""

from gateway.drivers.journal_postgres.driver import PostgresJournal

__all__ = ["PostgresJournal"]
