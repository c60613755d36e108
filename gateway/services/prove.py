"""Prove that an entry is in the log, with a few hashes and one signature."""

import asyncio
from dataclasses import dataclass

from gateway.audit import tiles
from gateway.audit.proof import Proof
from gateway.domain.entry import StoredEntry
from gateway.domain.errors import LogUnusableError
from gateway.domain.identifiers import ApplicationId
from gateway.ports.audit_log import AuditLog


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedEntry:
    """An entry and the proof of it.

    Attributes:
        entry: Its exact bytes; their leaf hash is what is proved.
        index: Its place in the log, from 0.
        proof: C2SP ``tlog-proof``: the path to the root, and the checkpoint that signs it.
    """

    entry: bytes
    index: int
    proof: str


class Prove:
    """Reads a handful of rows, however large the log is."""

    def __init__(self, *, journal: AuditLog) -> None:
        """Keep what it reads from."""
        self._log = journal

    async def acceptance(self, application_id: ApplicationId) -> ProvedEntry | None:
        """Return the proof that an application was accepted; ``None`` if it is not sealed yet.

        Also ``None`` when there is no such application.

        Raises:
            JournalUnavailableError: The log cannot be read.
            LogUnusableError: What is stored of the tree is not what was signed.
        """
        entry = await self._log.acceptance_of(application_id)
        return None if entry is None else await self.entry(entry)

    async def entry(self, entry: StoredEntry) -> ProvedEntry | None:
        """Return the proof that an entry is in the log; ``None`` if it is not sealed yet.

        Raises:
            JournalUnavailableError: The log cannot be read.
            LogUnusableError: What is stored of the tree is not what was signed.
        """
        index, head = await asyncio.gather(self._log.index_of(entry), self._log.log_head())
        if index is None or head is None or index >= head.size:
            return None
        found = await self._log.tiles(tiles.tiles_for_inclusion(index, head.size))
        try:
            # Tiles may have grown since the head was read; what they had then has stayed.
            path = tiles.inclusion_path(index, head.size, found)
        except ValueError as error:
            raise LogUnusableError("tiles", str(error)) from None
        proof = Proof(index, path, head.checkpoint.encode()).encode()
        return ProvedEntry(entry=entry.data, index=index, proof=proof.decode())
