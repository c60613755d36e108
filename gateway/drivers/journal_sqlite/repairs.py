"""What waits for a person, and orders to send it again."""

import json
import sqlite3
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from gateway.audit.head import Head
from gateway.domain.entry import Entry
from gateway.domain.identifiers import DeliveryId
from gateway.domain.lifecycle import State
from gateway.domain.repair import (
    ReplayId,
    ReplayItem,
    ReplayOrder,
    ReplayResult,
    ReplayState,
    ReplayTally,
    WaitingFilter,
    WaitingGroup,
)
from gateway.drivers.journal_sqlite import queries, rows, steps

# Reading


def waiting_groups(connection: sqlite3.Connection, where: WaitingFilter) -> list[WaitingGroup]:
    """Return what waits, grouped by its cause, largest group first."""
    found = connection.execute(queries.WAITING_GROUPS, _from_filter(where))
    return [_to_group(row) for row in found]


def replay_orders(connection: sqlite3.Connection, limit: int) -> list[ReplayOrder]:
    """Return the latest orders, newest first."""
    return [_to_order(row) for row in connection.execute(queries.REPLAYS, (limit,))]


def replay_order(connection: sqlite3.Connection, order: ReplayId) -> ReplayOrder | None:
    """Return one order."""
    row = connection.execute(queries.REPLAY, (order.bytes,)).fetchone()
    return None if row is None else _to_order(row)


def running_replays(connection: sqlite3.Connection) -> list[ReplayOrder]:
    """Return the running orders, oldest first."""
    return [_to_order(row) for row in connection.execute(queries.RUNNING_REPLAYS)]


def replay_items(connection: sqlite3.Connection, order: ReplayId, limit: int) -> list[ReplayItem]:
    """Return an order's next items that nothing was done with."""
    found = connection.execute(queries.OPEN_REPLAY_ITEMS, (order.bytes, limit))
    return [_to_item(row) for row in found]


def replay_tally(connection: sqlite3.Connection, order: ReplayId) -> list[ReplayTally]:
    """Return how many of an order's deliveries stand where now."""
    return [_to_tally(row) for row in connection.execute(queries.REPLAY_TALLY, (order.bytes,))]


# Steps


def order_replay(
    connection: sqlite3.Connection,
    head: Head,
    order: ReplayOrder,
    where: WaitingFilter,
    entry: Callable[[int], Entry],
) -> ReplayOrder:
    """Store an order with what it selects, unless that is nothing."""
    connection.execute("SAVEPOINT ordering")
    connection.execute(queries.INSERT_REPLAY, _from_order(order))
    selection = {"replay": order.id.bytes, **_from_filter(where)}
    total = connection.execute(queries.SELECT_REPLAY_ITEMS, selection).rowcount
    if total == 0:
        connection.execute("ROLLBACK TO ordering")
    else:
        connection.execute(queries.SET_REPLAY_TOTAL, (order.id.bytes, total))
        steps.append(connection, head, (entry(total),))
    return replace(order, total=total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What ``change_replay`` is asked for, as the port has it."""

    order: ReplayId
    was: AbstractSet[ReplayState]
    becomes: ReplayState
    at: datetime
    canary: int | None


def change_replay(connection: sqlite3.Connection, head: Head, change: Change, entry: Entry) -> bool:
    """Change an order if it is in one of the states that are named."""
    parameters = {
        "id": change.order.bytes,
        "was": json.dumps([state.value for state in change.was]),
        "becomes": change.becomes.value,
        "at": rows.from_time(change.at),
        "canary": change.canary,
    }
    if connection.execute(queries.CHANGE_REPLAY, parameters).rowcount == 0:
        return False
    steps.append(connection, head, (entry,))
    return True


# Rows


def _from_filter(where: WaitingFilter) -> dict[str, rows.Value]:
    # SQLite's JSON has no bytes: ids are compared as SQLite's hex() writes them.
    ids = json.dumps([one.hex.upper() for one in where.ids]) if where.ids else None
    return {
        "states": json.dumps([state.value for state in where.states]),
        "destination": where.destination,
        "municipality": where.municipality,
        "code": where.code,
        "adapter": where.adapter,
        "since": None if where.since is None else rows.from_time(where.since),
        "until": None if where.until is None else rows.from_time(where.until),
        "ids": ids,
    }


def _to_group(row: sqlite3.Row) -> WaitingGroup:
    return WaitingGroup(
        state=State(row["state"]),
        destination=row["destination"],
        code=row["code"],
        adapter=row["adapter"],
        deliveries=row["deliveries"],
        first_at=rows.to_time(row["first_at"]),
        last_at=rows.to_time(row["last_at"]),
    )


def _from_order(order: ReplayOrder) -> tuple[rows.Value, ...]:
    return (
        order.id.bytes,
        order.ordered_by,
        rows.from_time(order.ordered_at),
        order.reason,
        order.selection,
        order.canary,
        order.rate_per_s,
        order.state.value,
        rows.from_time(order.updated_at),
    )


def _to_order(row: sqlite3.Row) -> ReplayOrder:
    return ReplayOrder(
        id=ReplayId(UUID(bytes=row["id"])),
        ordered_by=row["ordered_by"],
        ordered_at=rows.to_time(row["ordered_at"]),
        reason=row["reason"],
        selection=row["selection"],
        canary=row["canary"],
        rate_per_s=row["rate_per_s"],
        state=ReplayState(row["state"]),
        updated_at=rows.to_time(row["updated_at"]),
        total=row["total"],
    )


def _to_item(row: sqlite3.Row) -> ReplayItem:
    return ReplayItem(
        order=ReplayId(UUID(bytes=row["replay_id"])),
        position=row["position"],
        delivery=DeliveryId(UUID(bytes=row["delivery_id"])),
        attempt=row["attempt"],
        result=_to_result(row["result"]),
    )


def _to_tally(row: sqlite3.Row) -> ReplayTally:
    return ReplayTally(
        result=_to_result(row["result"]),
        state=State(row["state"]),
        is_canary=bool(row["is_canary"]),
        waits=bool(row["waits"]),
        deliveries=row["deliveries"],
    )


def _to_result(result: str | None) -> ReplayResult | None:
    return None if result is None else ReplayResult(result)
