"""Hand the sealed log out in pages, to whoever writes it into files.

The gateway writes no file where an operator says: whoever asks writes them, with the rights
that they have themselves.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Final

from gateway.audit import checkpoint as checkpoints
from gateway.audit import note
from gateway.audit.sealing import Signing
from gateway.audit.tiles import MAX_LEVEL, WIDTH
from gateway.audit.tree import MAX_SIZE
from gateway.domain.entry import Action, Actor, Entry, Fact
from gateway.ports.audit_log import TileId
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.read_sealed import read_sealed
from gateway.services.operate.refusals import NotFoundError, OperationError

MAX_ENTRIES: Final = 8_192
"""Of one page; about 5 MB."""

_MAX_BYTES: Final = 8 << 20


class ExportLog:
    """Head, entries and tiles of the sealed log. Who read which entries is an entry."""

    def __init__(
        self,
        *,
        journal: Journal,
        signing: Callable[[], Signing],
        receipt_keys: Callable[[], Sequence[dict[str, str]]],
        clock: Clock,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: Where the log is.
            signing: The log's keys; read when they are asked for.
            receipt_keys: Public JWKs of the keys that sign receipts; likewise.
            clock: The time of day.
        """
        self._journal = journal
        self._signing = signing
        self._receipt_keys = receipt_keys
        self._clock = clock

    async def head(self, *, actor: Actor) -> dict[str, object]:
        """Return what the log is now, as which it can then be exported.

        Returns:
            ``origin``, ``size``, ``root`` (hexadecimal), ``checkpoint`` (signed note), ``keys``
            (verifier keys, the last one signs), ``receipt_keys`` (JWKs), ``checkpoints`` (signed
            notes that are kept, oldest first).

        Raises:
            NotFoundError: The log was never sealed.
            KeyNotFoundError: The log has no key here.
        """
        head = await self._journal.log_head()
        if head is None:
            raise NotFoundError("the log was never sealed; start a gateway")
        origin = checkpoints.parse(note.parse(head.checkpoint.encode()).text).origin
        answer: dict[str, object] = {
            "origin": origin,
            "size": head.size,
            "root": head.root.hex(),
            "checkpoint": head.checkpoint,
            "keys": [key.vkey() for key in self._signing().keys(origin)],
            "receipt_keys": list(self._receipt_keys()),
            "checkpoints": list(await self._journal.checkpoints()),
        }
        await self._note(actor, {"purpose": "export", "size": head.size})
        return answer

    async def receipt_keys(self) -> dict[str, object]:
        """Return the keys that sign receipts, and signed them before, as a JWKS."""
        return {"keys": list(self._receipt_keys())}

    async def entries(self, first: int, count: int, *, actor: Actor) -> dict[str, object]:
        """Return ``entries`` from index ``first``: their bytes, in base64.

        Args:
            first: From 0.
            count: How many; at most ``MAX_ENTRIES`` are returned, and fewer long ones.
            actor: Who reads them.

        Raises:
            OperationError: No such index.
        """
        if not 0 <= first <= MAX_SIZE or count < 1:
            raise OperationError("no such entries")
        count = min(count, MAX_ENTRIES)
        found = await read_sealed(self._journal, first, count=count, max_bytes=_MAX_BYTES)
        await self._note(actor, {"purpose": "export", "first": first, "entries": len(found)})
        return {"entries": [b64encode(data).decode() for data in found]}

    async def tiles(self, level: int, first: int, count: int) -> dict[str, object]:
        """Return ``tiles`` of one level from position ``first``, in base64; ``null``: not there.

        They are hashes and tell nothing of anybody: that they were read is not written down.

        Raises:
            OperationError: No such tiles, or more than 256 at once.
        """
        if not (0 <= level <= MAX_LEVEL and 0 <= first <= MAX_SIZE and 1 <= count <= WIDTH):
            raise OperationError("no such tiles")
        wanted = [TileId(level, position) for position in range(first, first + count)]
        found = await self._journal.tiles(wanted)
        return {
            "tiles": [b64encode(found[tile]).decode() if tile in found else None for tile in wanted]
        }

    async def _note(self, actor: Actor, facts: dict[str, Fact]) -> None:
        entry = Entry(action=Action.LOG_READ, at=self._clock.now(), actor=actor, facts=facts)
        await self._journal.record([entry])
