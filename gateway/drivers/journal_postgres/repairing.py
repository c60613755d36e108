"""What waits for a person: grouped, selected, and sent again by order."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from asyncpg import Connection

from gateway.domain.entry import Entry
from gateway.domain.repair import (
    ReplayId,
    ReplayItem,
    ReplayOrder,
    ReplayState,
    ReplayTally,
    WaitingFilter,
    WaitingGroup,
)
from gateway.drivers.journal_postgres import queries, rows
from gateway.drivers.journal_postgres.transaction import Transaction


async def waiting_groups(connection: Connection, where: WaitingFilter) -> list[WaitingGroup]:
    """Return what waits, by its cause."""
    found = await connection.fetch(queries.WAITING_GROUPS, *rows.from_waiting_filter(where))
    return [rows.to_waiting_group(row) for row in found]


async def order_replay(
    transaction: Transaction,
    order: ReplayOrder,
    where: WaitingFilter,
    entry: Callable[[int], Entry],
) -> ReplayOrder:
    """Select and store an order in one statement, which sees what there is at one instant."""
    parameters = (*rows.from_waiting_filter(where), *rows.from_order(order))
    total = await transaction.connection.fetchval(queries.ORDER_REPLAY, *parameters)
    if total is None:
        return replace(order, total=0)
    transaction.append((entry(total),))
    return replace(order, total=total)


async def replay_orders(connection: Connection, limit: int) -> list[ReplayOrder]:
    """Return the latest orders."""
    return [rows.to_order(row) for row in await connection.fetch(queries.REPLAYS, limit)]


async def replay_order(connection: Connection, order: ReplayId) -> ReplayOrder | None:
    """Return one order."""
    row = await connection.fetchrow(queries.REPLAY, order)
    return None if row is None else rows.to_order(row)


async def lease_replays(
    transaction: Transaction, *, now: datetime, until: datetime
) -> list[ReplayOrder]:
    """Take the running orders, for this node alone."""
    node, opening = transaction.head.node, transaction.lease.opening
    found = await transaction.connection.fetch(queries.LEASE_REPLAYS, node, opening, now, until)
    return [rows.to_order(row) for row in found]


async def replay_items(connection: Connection, order: ReplayId, limit: int) -> list[ReplayItem]:
    """Return an order's next items."""
    found = await connection.fetch(queries.REPLAY_ITEMS, order, limit)
    return [rows.to_item(row) for row in found]


async def replay_tally(connection: Connection, order: ReplayId) -> list[ReplayTally]:
    """Return where an order's deliveries stand."""
    return [rows.to_tally(row) for row in await connection.fetch(queries.REPLAY_TALLY, order)]


async def change_replay(
    transaction: Transaction,
    order: ReplayId,
    *,
    was: AbstractSet[ReplayState],
    becomes: ReplayState,
    at: datetime,
    entry: Entry,
    canary: int | None,
) -> bool:
    """Change an order that is in one of the states it must be in."""
    mark = transaction.mark()
    transaction.append((entry,))
    states: Sequence[str] = [state.value for state in was]
    changed = await transaction.connection.fetchval(
        queries.CHANGE_REPLAY, order, states, becomes.value, at, canary
    )
    if changed is None:
        transaction.rewind(mark)
        return False
    return True
