"""Who erased the words of an entry? That their key is gone does not say that anybody did."""

from typing import Final
from uuid import UUID

from gateway.audit.verify import read
from gateway.domain.entry import Action
from gateway.domain.identifiers import ApplicationId
from gateway.ports.audit_log import EntryFilter, FoundEntry
from gateway.ports.journal import Journal

_MOST: Final = 500
"""So many erasures of one application are looked at, the latest ones."""


class Erasures:
    """Asks the journal once about each application."""

    def __init__(self, journal: Journal) -> None:
        """Keep where the log is."""
        self._journal = journal
        self._known: dict[str, list[FoundEntry]] = {}

    async def view(
        self, found: FoundEntry, words: dict[str, str] | None, *, has_words: bool
    ) -> dict[str, object]:
        """Return ``erased``, ``erasure`` (``at`` and ``by``) and ``words_lost``.

        Args:
            found: The entry.
            words: What could be read.
            has_words: Whether there were any.

        Returns:
            ``words_lost`` is for words that cannot be read although nobody erased them: their
            key was removed or damaged.
        """
        is_gone = has_words and words is None
        erasure = await self._erasure(found) if is_gone else None
        return {
            "erased": erasure is not None,
            "erasure": erasure,
            "words_lost": is_gone and erasure is None,
        }

    async def _erasure(self, found: FoundEntry) -> dict[str, object] | None:
        """Return the first erasure after the entry."""
        application = read(found.entry.data).get("application")
        if application is None:
            return None
        if application not in self._known:
            where = EntryFilter(
                application=ApplicationId(UUID(application)),
                actions=frozenset({Action.DETAIL_SHREDDED}),
            )
            self._known[application] = list(await self._journal.find_entries(where, limit=_MOST))
        after = [each for each in self._known[application] if each.position > found.position]
        if not after:
            return None
        entry = read(after[-1].entry.data)
        return {"at": entry["at"], "by": f"{entry['actor']['kind']}:{entry['actor']['name']}"}
