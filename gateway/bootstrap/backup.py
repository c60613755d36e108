"""Put together what backs the journal up, where the gateway is who can."""

from pathlib import Path

from gateway.bootstrap.log_signing import log_signing
from gateway.drivers.journal_sqlite.backup import SQLiteBackup
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.ports.keys import KeyStore
from gateway.services.operate.back_up import BackUpJournal
from gateway.settings.model import Settings


def back_up_journal(
    settings: Settings, store: KeyStore, journal: Journal, clock: Clock
) -> BackUpJournal:
    """Return the operation; PostgreSQL's own programs back up a PostgreSQL database."""
    scheme, _, path = settings.journal.url.partition(":///")
    return BackUpJournal(
        journal=journal,
        clock=clock,
        signing=lambda: log_signing(store),
        back_up=SQLiteBackup(Path(path)) if scheme == "sqlite" else None,
    )
