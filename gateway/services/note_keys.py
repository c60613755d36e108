"""Write down each key that a gateway uses for the first time."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.audit.verify import read
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.ports.audit_log import EntryFilter
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal

_PAGE: Final = 500


class NoteKeys:
    """Compares the key store with the audit log, at start: when keys are read.

    People make keys and take them in at the command line, where there is often no journal yet.
    """

    def __init__(self, *, journal: Journal, keys: Mapping[str, str], clock: Clock) -> None:
        """Keep what it works with; ``keys`` are those in the key store, names to ``kid``."""
        self._journal = journal
        self._keys = keys
        self._clock = clock

    async def entries(self) -> Sequence[Entry]:
        """Return an entry for each key that the log does not know.

        Raises:
            JournalUnavailableError: The log cannot be read.
        """
        known = await self._known()
        now = self._clock.now()
        return [
            Entry(
                action=Action.KEY_MADE,
                at=now,
                actor=Actor(ActorKind.GATEWAY, "process"),
                facts={"key": name, "kid": kid},
            )
            for name, kid in self._keys.items()
            if (name, kid) not in known
        ]

    async def _known(self) -> set[tuple[object, object]]:
        where = EntryFilter(actions=frozenset({Action.KEY_MADE}))
        known: set[tuple[object, object]] = set()
        before: int | None = None
        while True:
            page = await self._journal.find_entries(where, before=before, limit=_PAGE)
            for found in page:
                facts = read(found.entry.data)["facts"]
                known.add((facts.get("key"), facts.get("kid")))
            if len(page) < _PAGE:
                return known
            before = page[-1].position
