"""Does every delivery stand in the journal where the log says that it ended?

Whoever writes into the database can set a delivery to ``delivered`` or ``cancelled``: it is never
sent then, and the log alone shows nothing missing; or remove it; or set back one that had ended:
it is sent again.
"""

from collections.abc import AsyncIterator, Callable
from typing import Final

from gateway.audit.completeness import Completeness
from gateway.audit.reading import read
from gateway.domain.entry import Action, StoredEntry
from gateway.domain.identifiers import ApplicationId, DeliveryId
from gateway.domain.lifecycle import FINAL, State
from gateway.ports.audit_log import EntryFilter
from gateway.ports.journal import Journal

_PAGE: Final = 500
_ENDS = {
    "delivery.delivered": State.DELIVERED,
    "delivery.confirmed": State.DELIVERED,
    "delivery.cancelled": State.CANCELLED,
}


async def compare_states(
    journal: Journal, completeness: Completeness, is_new: Callable[[StoredEntry], bool]
) -> AsyncIterator[str]:
    """Yield what is wrong with deliveries whose state contradicts the log, in words.

    Args:
        journal: Where they stand now.
        completeness: Has followed all entries that were read, and none was lost.
        is_new: Tells whether an entry was stored after they were read.
    """
    found = 0
    async for application, delivery, state in journal.delivery_states():
        found += str(delivery).encode() in completeness.deliveries
        final = state if state in FINAL else None
        ended = completeness.end_of(str(delivery))
        if ended == final or final in await _later_ends(journal, application, delivery, is_new):
            continue
        stands = f"stands as {final} in the journal" if final else "is unfinished in the journal"
        said = "did not end" if ended is None else f"was {ended}"
        yield f"delivery {delivery} {stands}; in the log it {said}"
    wanted = completeness.deliveries - completeness.forgotten
    if found < len(wanted):
        rows = {str(delivery).encode() async for _, delivery, _ in journal.delivery_states()}
        _, forgotten = await expired_since(journal, is_new)
        for missing in wanted - rows - forgotten:
            yield f"delivery {missing.decode()} is in the log, and the journal lacks it"


async def expired_since(
    journal: Journal, is_new: Callable[[StoredEntry], bool]
) -> tuple[set[str], set[bytes]]:
    """Return the applications, and their deliveries as written, that expired behind what was read.

    Args:
        journal: Whose log it is.
        is_new: Tells whether an entry was stored after they were read.
    """
    applications: set[str] = set()
    deliveries: set[bytes] = set()
    where = EntryFilter(actions=frozenset({Action.APPLICATION_EXPIRED}))
    before: int | None = None
    while page := await journal.find_entries(where, before=before, limit=_PAGE):
        before = page[-1].position
        new = [each.entry for each in page if is_new(each.entry)]
        for members in map(read, (each.data for each in new)):
            applications.add(members.get("application", ""))
            deliveries |= set(str(members["facts"].get("deliveries") or "").encode().split())
        if not new:
            break
    return applications, deliveries


async def _later_ends(
    journal: Journal,
    application: ApplicationId,
    delivery: DeliveryId,
    is_new: Callable[[StoredEntry], bool],
) -> set[State]:
    """Return how it ended behind what was read."""
    ends = set()
    for stored in await journal.entries_about(application):
        if is_new(stored):
            try:
                members = read(stored.data)
            except ValueError:
                continue
            if members.get("delivery") == str(delivery) and members["action"] in _ENDS:
                ends.add(_ENDS[members["action"]])
    return ends
