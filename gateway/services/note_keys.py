"""Write down each key that a gateway has for the first time, and each that it has no more."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.audit.verify import read
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.ports.audit_log import EntryFilter
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal

_PAGE: Final = 500


class NoteKeys:
    """Compares the key store with what this node last wrote about it, at start: when keys are read.

    People make keys and take them in at the command line, where there is often no journal yet.
    """

    def __init__(self, *, journal: Journal, keys: Mapping[str, str], clock: Clock) -> None:
        """Keep what it works with; ``keys`` are those in the key store, names to ``kid``."""
        self._journal = journal
        self._keys = keys
        self._clock = clock

    async def entries(self) -> Sequence[Entry]:
        """Return an entry for each key that this node did not have before, or has no more.

        Raises:
            JournalUnavailableError: The log cannot be read.
        """
        known = await self._known()
        there = set(self._keys.items())
        return [
            *(self._entry(Action.KEY_GONE, *key) for key in sorted(known - there)),
            *(self._entry(Action.KEY_MADE, *key) for key in self._keys.items() if key not in known),
        ]

    def _entry(self, action: Action, name: str, kid: str) -> Entry:
        return Entry(
            action=action,
            at=self._clock.now(),
            actor=Actor(ActorKind.GATEWAY, "process"),
            facts={"key": name, "kid": kid},
        )

    async def _known(self) -> set[tuple[str, str]]:
        """Return names and ``kid`` of the keys that this node had, by its last word on each."""
        where = EntryFilter(actions=frozenset({Action.KEY_MADE, Action.KEY_GONE}))
        last: dict[tuple[str, str], str] = {}
        before: int | None = None
        while True:
            page = await self._journal.find_entries(where, before=before, limit=_PAGE)
            for found in page:
                if found.entry.node != self._journal.node:
                    continue
                try:
                    members = read(found.entry.data)
                except ValueError:
                    # Spoilt: that is for verification to tell, and keeps nobody from starting.
                    # Its key is written down once more.
                    continue
                facts = members["facts"]
                key = (str(facts.get("key")), str(facts.get("kid")))
                last.setdefault(key, members["action"])
            if len(page) < _PAGE:
                return {key for key, action in last.items() if action == Action.KEY_MADE}
            before = page[-1].position
