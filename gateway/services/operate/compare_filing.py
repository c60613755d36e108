"""Compare what entries are found by, and the keys of their words, with what they say.

Neither is sealed: whoever may write into the database can hide an entry from every search, or
take words away, and leave the log itself whole.
"""

from collections.abc import AsyncIterator
from typing import Final

from gateway.audit.completeness import MAX_GAPS, Gap, Place
from gateway.audit.reading import EntryMembers, read
from gateway.ports.audit_log import FiledEntry, FoundEntry
from gateway.ports.journal import Journal
from gateway.services.erasure import Erasures

_WORDS: Final = "its words cannot be read, and nobody erased them: their key is gone"


async def compare_filing(journal: Journal) -> AsyncIterator[Gap]:
    """Yield what does not agree, at most ``MAX_GAPS``; entries that cannot be read are passed over.

    It asks once more about each entry that is yielded, and about each application whose words
    were erased.
    """
    erasures = Erasures(journal)
    count = 0
    async for filed in journal.misfiled():
        for problem in await _problems(filed, erasures):
            index = await journal.index_of(filed.entry)
            yield Gap(Place(index, filed.entry.node, filed.entry.nseq), problem)
            count += 1
        if count >= MAX_GAPS:
            break


async def _problems(filed: FiledEntry, erasures: Erasures) -> list[str]:
    try:
        members = read(filed.entry.data)
    except ValueError:
        return []
    said = _said(members)
    problems = []
    if others := [name for name, value in filed.filed.items() if value != said[name]]:
        problems.append(f"it is not found by what it says: {', '.join(others)}")
    if "detail" in members and not filed.has_key:
        found = FoundEntry(position=filed.position, entry=filed.entry, index=None, detail_key=None)
        if (await erasures.view(found, None, has_words=True))["words_lost"]:
            problems.append(_WORDS)
    return problems


def _said(members: EntryMembers) -> dict[str, str | None]:
    """Return what an entry says, by the names of ``FiledEntry.filed``."""
    return {
        "action": members["action"],
        "series": members["action"],
        "municipality": members.get("municipality"),
        "actor_kind": members["actor"]["kind"],
        "actor": members["actor"]["name"],
        "application": members.get("application"),
        "delivery": members.get("delivery"),
        "at": members["at"],
        "subject": members.get("subject"),
    }
