"""The rarer steps, one by one in the transaction of the others."""

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.claim import Heartbeat
from gateway.domain.control import Control
from gateway.domain.entry import Entry
from gateway.domain.identifiers import DestinationName
from gateway.domain.records import SealedDelivery
from gateway.drivers.journal_postgres import queries, rows
from gateway.drivers.journal_postgres.transaction import Transaction
from gateway.ports.clock import APART
from gateway.ports.journal import ClientKey


async def record(transaction: Transaction, entries: Sequence[Entry]) -> None:
    """Append entries."""
    transaction.append(entries)


async def lease(
    transaction: Transaction,
    destination: DestinationName,
    *,
    limit: int,
    now: datetime,
    until: datetime,
) -> list[SealedDelivery]:
    """Take what is due, for this node alone."""
    found = await transaction.connection.fetch(
        queries.LEASE,
        destination,
        now,
        transaction.head.node,
        transaction.lease.opening,
        until,
        limit,
        APART,
    )
    return [rows.to_sealed(row) for row in found]


async def add_client_key(transaction: Transaction, key: ClientKey, entry: Entry) -> None:
    """Store a client's key."""
    transaction.append((entry,))
    await transaction.connection.execute(queries.INSERT_CLIENT_KEY, *rows.from_client_key(key))


async def revoke_client_key(
    transaction: Transaction, key_id: str, at: datetime, entry: Entry
) -> bool:
    """Revoke a key that is not revoked."""
    mark = transaction.mark()
    transaction.append((entry,))
    if await transaction.connection.fetchval(queries.REVOKE_CLIENT_KEY, key_id, at) is None:
        transaction.rewind(mark)
        return False
    return True


async def put_control(transaction: Transaction, control: Control, entry: Entry) -> bool:
    """Store a control that is the next version."""
    mark = transaction.mark()
    transaction.append((entry,))
    parameters = rows.from_control(control)
    if await transaction.connection.fetchval(queries.PUT_CONTROL, *parameters) is None:
        transaction.rewind(mark)
        return False
    return True


async def put_heartbeat(transaction: Transaction, heartbeat: Heartbeat) -> None:
    """Keep a heartbeat unless a later one is known; forget those a day older."""
    await transaction.connection.execute(queries.PUT_HEARTBEAT, *rows.from_heartbeat(heartbeat))
    await transaction.connection.execute(
        queries.FORGET_HEARTBEATS, heartbeat.destination, heartbeat.heard_at or heartbeat.at
    )
