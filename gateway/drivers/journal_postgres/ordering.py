"""Who comes after whom: the turns of deliveries that share a destination and an order key.

A place in the order (``order_seq``) and whether an unfinished delivery stands before it
(``behind``) change only under a lock of the key that its transaction holds until it has
committed. So places are given in the order of commits, whatever process gives them; and
exactly the first unfinished delivery of a key is not ``behind``, which is all that the
relay has to ask. Two processes that finish neighbours of one key at the same instant may
meet in a deadlock, which the writer tries again.

A key that is locked is one entry of the server's lock table, which holds ``64 *
max_connections`` at least (``max_locks_per_transaction``, PostgreSQL manual 19.12): as many
as some ten processes whose every acceptance of a full batch is ordered.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from gateway.domain.identifiers import DeliveryId, DestinationName
from gateway.domain.records import DeliveryRecord
from gateway.drivers.journal_postgres import queries, rows
from gateway.drivers.journal_postgres.transaction import Transaction

Turn = tuple[DestinationName, bytes]
"""A destination and an order key."""

_LOCK_CLASS: Final = 0x6F726472
"""``ordr``: first of the two numbers of a key's advisory lock."""


def turn(record: DeliveryRecord) -> Turn | None:
    """Return what ``record`` waits for its turn in, if its destination is ordered."""
    return None if record.order_key is None else (record.destination, record.order_key)


def _lock(of: Turn) -> int:
    # Two keys with the same 32 bits wait for each other now and then, and nothing else.
    digest = hashlib.sha256(of[0].encode() + b"\0" + of[1]).digest()
    return int.from_bytes(digest[:4], "big", signed=True)


async def lock(transaction: Transaction, turns: Iterable[Turn]) -> None:
    """Let nobody else change these turns before this transaction has ended.

    To be called once in a transaction, behind its row locks: everybody takes locks in the
    same order.
    """
    if locks := sorted({_lock(one) for one in turns}):
        await transaction.connection.execute(queries.LOCK_KEYS, _LOCK_CLASS, locks)


async def behind(transaction: Transaction, new: Sequence[DeliveryRecord]) -> list[bool]:
    """Return for each new delivery whether an unfinished one stands before it.

    Args:
        transaction: Holds the locks of their turns.
        new: In the order in which they are about to get their places.
    """
    turns = [turn(record) for record in new]
    taken: set[Turn] = set()
    if wanted := sorted({one for one in turns if one is not None}):
        found = await transaction.connection.fetch(queries.KEYS_IN_USE, *rows.columns(wanted))
        taken = {(row["destination"], row["order_key"]) for row in found}
    standing = []
    for one in turns:
        standing.append(one in taken)
        if one is not None:
            taken.add(one)
    return standing


async def advance(transaction: Transaction, finished: Collection[DeliveryId]) -> None:
    """Make it the turn of those who come after ``finished``, whose turns are locked."""
    if finished:
        await transaction.connection.execute(queries.ADVANCE, list(finished))
