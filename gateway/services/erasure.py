"""Who erased the words of an entry? That their key is gone does not say that anybody did."""

from typing import Final
from uuid import UUID

from gateway.audit.reading import EntryMembers, read
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
        self._expired: list[FoundEntry] | None = None

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
        members = read(found.entry.data)
        application = members.get("application")
        after = [
            each
            for each in (await self._about(application) if application else [])
            if each.position > found.position
        ]
        erasing = after[-1] if after else await self._expiry(found, members)
        if erasing is None:
            return None
        entry = read(erasing.entry.data)
        return {"at": entry["at"], "by": f"{entry['actor']['kind']}:{entry['actor']['name']}"}

    async def _about(self, application: str) -> list[FoundEntry]:
        """Return what erased the words about an application, latest first."""
        if application not in self._known:
            where = EntryFilter(
                application=ApplicationId(UUID(application)),
                actions=frozenset({Action.DETAIL_SHREDDED, Action.APPLICATION_EXPIRED}),
            )
            self._known[application] = list(await self._journal.find_entries(where, limit=_MOST))
        return self._known[application]

    async def _expiry(self, found: FoundEntry, members: EntryMembers) -> FoundEntry | None:
        """Return what says that words of that municipality and time have expired."""
        # Later ones reach further: the latest of its municipality says it, if any does.
        for each in await self._expiries():
            said = read(each.entry.data)
            if (
                said.get("municipality") == members.get("municipality")
                and each.position > found.position
                and str(said["facts"].get("before")) > members["at"]
            ):
                return each
        return None

    async def _expiries(self) -> list[FoundEntry]:
        """Return every expiry of words, latest first."""
        if self._expired is None:
            where = EntryFilter(actions=frozenset({Action.WORDS_EXPIRED}))
            self._expired, before = [], None
            while page := await self._journal.find_entries(where, before=before, limit=_MOST):
                self._expired += page
                before = page[-1].position
        return self._expired
