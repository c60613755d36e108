"""Which driver serves each port, by its URL or folder."""

from pathlib import Path
from urllib.parse import urlsplit

from gateway.domain.errors import ConfigError
from gateway.domain.identifiers import (
    NodeName,
)
from gateway.drivers.file_keys import FileKeys
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.memory_broker import MemoryBroker
from gateway.ports.broker import Broker
from gateway.ports.journal import CommitNoted, Journal
from gateway.ports.keys import KeyStore
from gateway.schema.catalogue import Catalogue, load_catalogue, shipped_schemas
from gateway.settings.model import Settings


def open_keys(settings: Settings) -> KeyStore:
    """Return the key store; reads nothing yet."""
    return FileKeys(settings.keys.folder)


def open_catalogue(settings: Settings) -> Catalogue:
    """Load the shipped procedures and the municipality's own.

    Raises:
        ConfigError: A procedure file cannot be used.
    """
    return load_catalogue(shipped_schemas(), *settings.schemas.folders)


def open_journal(
    settings: Settings,
    node: str | None = None,
    note_commit: CommitNoted = lambda _steps, _seconds: None,
) -> Journal:
    """Return the journal's driver by its URL; connects to nothing yet.

    Args:
        settings: The configuration.
        node: Another name than the configured one, for a command beside the gateway.
        note_commit: Told of every transaction.

    Raises:
        ConfigError: The URL's scheme is unknown, or its driver is not installed.
    """
    url = settings.journal.url
    name = NodeName(node or settings.node)
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        path = Path(url.removeprefix("sqlite:///"))
        return SQLiteJournal(path, node=name, note_commit=note_commit)
    if scheme in ("postgresql", "postgres"):
        try:
            from gateway.drivers.journal_postgres import PostgresJournal  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigError(
                "journal.url: install kakehashi[postgres] to use PostgreSQL"
            ) from None
        return PostgresJournal(url, node=name, note_commit=note_commit)
    raise ConfigError(f"journal.url: unknown scheme {scheme!r}; use sqlite: or postgresql:")


def open_broker(settings: Settings) -> Broker:
    """Return the broker's driver by its URL; connects to nothing yet.

    Raises:
        ConfigError: The URL's scheme is unknown.
    """
    url = settings.broker.url
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return MemoryBroker()
    if scheme in ("amqp", "amqps"):
        from gateway.drivers.rabbitmq import RabbitBroker  # noqa: PLC0415 - `up` starts faster without

        return RabbitBroker(url)
    raise ConfigError(f"broker.url: unknown scheme {scheme!r}; use memory: or amqps:")
