"""Which other gateways of the journal have fallen silent, by what they write into the log."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from gateway.audit.verify import read
from gateway.domain.entry import Action
from gateway.domain.identifiers import NodeName
from gateway.ports.audit_log import EntryFilter, FoundEntry
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal

SILENT_S: Final = 150.0
"""A gateway writes down its clock every 60 s: two are missing, and clocks lie 30 s apart."""
_SIGNS: Final = frozenset({Action.NODE_STARTED, Action.CLOCK_OBSERVED, Action.NODE_STOPPED})
_LOOKED_BACK: Final = timedelta(hours=1)
_LOOK_S: Final = 15.0
"""Whoever asks more often is told the same: pages that are open ask every few seconds."""
_AT_MOST: Final = 300
"""Entries that are read: an hour of five gateways; of more gateways, a shorter time."""


class SilentGateways:
    """Looks through the last hour of the log for what gateways say of themselves."""

    def __init__(
        self, *, journal: Journal, clock: Clock, monotonic: Callable[[], float] = monotonic
    ) -> None:
        """Keep what it works with; ``monotonic`` tells how old an answer is."""
        self._journal = journal
        self._clock = clock
        self._monotonic = monotonic
        self._heard: Mapping[NodeName, datetime] = {}
        self._looked_at: float | None = None

    async def __call__(self) -> dict[NodeName, datetime]:
        """Return the last sign of life of each other gateway that ended without saying so.

        One that has been silent for longer than an hour is forgotten.
        """
        at, now = self._monotonic(), self._clock.now()
        if self._looked_at is None or at - self._looked_at > _LOOK_S:
            where = EntryFilter(
                actions=_SIGNS,
                since=now - _LOOKED_BACK,
            )
            self._heard = running(await self._journal.find_entries(where, limit=_AT_MOST))
            self._looked_at = at
        return {
            node: heard_at
            for node, heard_at in sorted(self._heard.items())
            if node != self._journal.node and (now - heard_at).total_seconds() > SILENT_S
        }


def running(found: Iterable[FoundEntry]) -> dict[NodeName, datetime]:
    """Return when each gateway last wrote down its start or its clock, if it did not stop since.

    Args:
        found: Entries of these kinds, in whatever order.
    """
    last: dict[NodeName, FoundEntry] = {}
    for each in found:
        node = each.entry.node
        if node not in last or last[node].entry.nseq < each.entry.nseq:
            last[node] = each
    heard: dict[NodeName, datetime] = {}
    for node, each in last.items():
        try:
            entry = read(each.entry.data)
        except ValueError:
            continue  # It was tampered with: verification says so, to auditors.
        if entry["action"] != Action.NODE_STOPPED:
            heard[node] = datetime.fromisoformat(entry["at"])
    return heard
