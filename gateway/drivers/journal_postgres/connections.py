"""Connections, what they insist on, and what their errors mean."""

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import asyncpg
from asyncpg import Connection

from gateway.domain.errors import (
    JournalUnavailableError,
    JournalUnusableError,
    NodeNameTakenError,
)
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import queries

DATABASE_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # Of a session that the server has ended and whose end has not arrived, and of servers
    # none of which is the primary that the URL asks for.
    asyncpg.InternalClientError,
    OSError,
)
"""What asyncpg raises; a timeout is an ``OSError``."""


SESSION: Final = "kakehashi "
"""What the name of each session begins with, since the first release; the node's follows."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the database is and how patient we are.

    Attributes:
        url: ``postgresql://…``; holds a password, perhaps: never logged.
        node: Whose connections these are.
        timeout_s: Longest wait for a connection, a statement, or a whole transaction.
    """

    url: str
    node: NodeName
    timeout_s: float

    def settings(self) -> dict[str, str]:
        """Return the session's settings."""
        timeout_ms = str(int(self.timeout_s * 1000))
        return {
            "application_name": f"{SESSION}{self.node}",
            "statement_timeout": timeout_ms,
            "lock_timeout": timeout_ms,
            # A session whose client is gone holds row locks and the node's name no longer.
            "idle_in_transaction_session_timeout": timeout_ms,
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
        }


async def connect(access: Access) -> Connection:
    """Open the writing connection: safe settings, and the node's name is ours.

    The name is a session lock on this very connection, so that nothing can be
    written without holding it.

    Raises:
        JournalUnavailableError: No connection within the timeout, or one that cannot write.
        JournalUnusableError: The server may lose commits as it is set up.
        NodeNameTakenError: Another session has the name.
    """
    connection = await dial(access)
    try:
        await _take_name(connection, access.node)
    except DATABASE_ERRORS as error:
        connection.terminate()
        raise JournalUnavailableError(subject(error)) from error
    except BaseException:
        connection.terminate()
        raise
    return connection


async def dial(access: Access) -> Connection:
    """Open a connection that can write, with safe settings, under nobody's name.

    Raises:
        JournalUnavailableError: No connection within the timeout, or one that cannot write.
        JournalUnusableError: The server may lose commits as it is set up.
    """
    try:
        connection = await asyncpg.connect(
            access.url,
            timeout=access.timeout_s,
            command_timeout=access.timeout_s,
            server_settings=access.settings(),
        )
    except asyncpg.exceptions.ClientConfigurationError as error:
        raise JournalUnusableError("url") from error
    except DATABASE_ERRORS as error:
        raise JournalUnavailableError(subject(error)) from error
    try:
        await _insist(connection)
    except DATABASE_ERRORS as error:
        connection.terminate()
        raise JournalUnavailableError(subject(error)) from error
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _insist(connection: Connection) -> None:
    found = {(row["name"], row["setting"]) for row in await connection.fetch(queries.SETTINGS)}
    if unsafe := found & queries.UNSAFE_SETTINGS:
        raise JournalUnusableError(*("=".join(setting) for setting in sorted(unsafe)))
    # A standby, or a server that is about to be one: its successor may be behind the same
    # address already, so another connection is tried until one can write.
    if queries.READ_ONLY in found:
        raise JournalUnavailableError("=".join(queries.READ_ONLY))


async def _take_name(connection: Connection, node: NodeName) -> None:
    digest = hashlib.sha256(b"kakehashi node " + node.encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    if not await connection.fetchval(queries.TAKE_NAME, key):
        raise NodeNameTakenError(node)


class Trouble(Enum):
    """What an error in a transaction means for those who wait for it."""

    AGAIN = auto()
    """Nobody's fault: the same transaction may succeed at once."""
    CULPRIT = auto()
    """One of the steps cannot be stored."""
    REFUSED = auto()
    """The database does not want now; the connection is good."""
    LOST = auto()
    """The connection is gone, or not worth keeping."""


class ContestedError(Exception):
    """Two processes changed the same thing in a way that only a new attempt can tell apart."""


# Beginnings of SQLSTATEs (PostgreSQL manual, appendix A).
_DATA, _INTEGRITY = "22", "23"
_NOT_WORTH_KEEPING = ("57P", "08", "25006")
"""The server shuts down, the connection is broken, or nothing can be written on it."""


def trouble(error: Exception) -> Trouble:
    """Say what ``error`` means."""
    match error:
        case asyncpg.DeadlockDetectedError() | asyncpg.SerializationError() | ContestedError():
            return Trouble.AGAIN
        case asyncpg.PostgresError(sqlstate=str(state)):
            if state.startswith((_DATA, _INTEGRITY)):
                return Trouble.CULPRIT
            return Trouble.LOST if state.startswith(_NOT_WORTH_KEEPING) else Trouble.REFUSED
        # asyncpg's own complaints of a value it cannot encode are both.
        case asyncpg.InterfaceError() if isinstance(error, ValueError):
            return Trouble.CULPRIT
        case _:
            return Trouble.LOST if isinstance(error, DATABASE_ERRORS) else Trouble.CULPRIT


def subject(error: BaseException) -> str:
    """Return the SQLSTATE, or else the kind of error; never its text."""
    return getattr(error, "sqlstate", None) or type(error).__name__
