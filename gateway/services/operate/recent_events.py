"""What happened last that somebody may want to know: for those who watch, not for auditors."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from gateway.audit.verify import read
from gateway.domain.entry import Action
from gateway.ports.audit_log import EntryFilter, FoundEntry
from gateway.ports.journal import Journal

MOST: Final = 50
"""Events of one answer."""

NOTEWORTHY: Final = frozenset(
    {
        Action.DELIVERY_PARKED,
        Action.DELIVERY_IN_DOUBT,
        Action.DELIVERY_RETURNED,
        Action.DELIVERY_REPUBLISHED,
        Action.MESSAGE_REFUSED,
        Action.WEBHOOK_DISABLED,
        Action.WEBHOOK_ENABLED,
        Action.DESTINATION_CHANGED,
        Action.REPLAY_ORDERED,
        Action.REPLAY_HALTED,
        Action.REPLAY_RESUMED,
        Action.REPLAY_CANCELLED,
        Action.REPLAY_FINISHED,
        Action.ACCOUNT_CHANGED,
        Action.CLIENT_KEY_ADDED,
        Action.CLIENT_KEY_REVOKED,
        Action.KEY_MADE,
        Action.KEY_CHANGED,
        Action.KEY_GONE,
        Action.LOG_NOT_SEALED,
        Action.LOG_SEALED_AGAIN,
        Action.LOG_RESTORED,
        Action.NODE_STARTED,
        Action.NODE_STOPPED,
    }
)
"""What becomes of the gateway and of deliveries that stop; not who looked, nor each step."""

_TOLD: Final = frozenset(
    {"destination", "code", "client", "name", "key", "order", "state", "version", "node"}
)
"""Facts that are told: names of the configuration and codes."""

_KEPT_S: Final = 1.0
"""An answer is good for everybody who asks within that time: a page asks every two seconds."""


class RecentEvents:
    """Reads a few entries of a few kinds. That is no read of the log: nobody's doings are told."""

    def __init__(self, *, journal: Journal) -> None:
        """Keep where the log is; opens nothing."""
        self._journal = journal
        self._turn = asyncio.Lock()
        self._kept: tuple[float, list[dict[str, Any]]] | None = None

    async def __call__(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the latest events, latest first: at most 50.

        Returns:
            ``at``, ``action``, ``actor`` (its name; of operators, too), ``actor_kind``, ``node``,
            ``application`` (its id, or ``None``) and ``facts`` (codes and names).
        """
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if self._kept is None or now - self._kept[0] > _KEPT_S:
                where = EntryFilter(actions=NOTEWORTHY)
                found = await self._journal.find_entries(where, limit=MOST)
                views = [view for each in found if (view := _view(each)) is not None]
                self._kept = (now, views)
            return self._kept[1][: max(1, min(limit, MOST))]


def _view(found: FoundEntry) -> dict[str, Any] | None:
    try:
        entry: Mapping[str, Any] = read(found.entry.data)
    except ValueError:
        return None  # It was tampered with: verification says so, to auditors.
    return {
        "at": entry["at"],
        "action": entry["action"],
        "actor": entry["actor"]["name"],
        "actor_kind": entry["actor"]["kind"],
        "node": entry["node"],
        "application": entry.get("application"),
        "facts": {
            name: value
            for name, value in entry["facts"].items()
            if name in _TOLD and value is not None
        },
    }
