"""Prove one entry to an outsider, and write down that it was handed out."""

from base64 import b64encode
from uuid import UUID

from gateway.audit.reading import read
from gateway.audit.tree import MAX_SIZE
from gateway.domain.entry import Action, Actor, Entry, StoredEntry
from gateway.domain.identifiers import ApplicationId, NodeName
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.read_sealed import read_sealed
from gateway.services.operate.refusals import NotFoundError, OperationError, parse_id
from gateway.services.prove import Prove


class ProveEntry:
    """Hands out an entry and its proof."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._prove = Prove(journal=journal)
        self._clock = clock

    async def __call__(
        self, *, application: str | None = None, index: int | None = None, actor: Actor
    ) -> dict[str, object]:
        """Return the proof of an acceptance, or of any entry by its index.

        Args:
            application: Whose acceptance, by its id.
            index: Or else which entry of the log.
            actor: Who asks.

        Returns:
            ``index``, ``entry`` (its bytes, in base64) and ``proof`` (C2SP ``tlog-proof``).

        Raises:
            NotFoundError: There is no such entry.
            OperationError: It is not sealed yet, or not said which.
            LogUnusableError: What is stored of the tree is not what was signed.
        """
        entry = await self._wanted(application, index)
        proved = await self._prove.entry(entry)
        if proved is None:
            raise OperationError("it is not sealed yet; a running gateway seals within a second")
        noted = Entry(
            action=Action.LOG_READ,
            at=self._clock.now(),
            actor=actor,
            application=None if application is None else ApplicationId(UUID(application)),
            facts={"purpose": "prove", "first": proved.index, "entries": 1},
        )
        await self._journal.record([noted])
        return {
            "index": proved.index,
            "entry": b64encode(proved.entry).decode(),
            "proof": proved.proof,
        }

    async def _wanted(self, application: str | None, index: int | None) -> StoredEntry:
        if (application is None) == (index is None):
            raise OperationError("name an application, or an index")
        if application is not None:
            found = await self._journal.acceptance_of(ApplicationId(parse_id(application)))
            if found is None:
                raise NotFoundError("no application has this id")
            return found
        if index is None or not 0 <= index <= MAX_SIZE:
            raise NotFoundError("the log has no entry of this index")
        data = await read_sealed(self._journal, index, count=1, max_bytes=1)
        if not data:
            raise NotFoundError("the log has no entry of this index")
        try:
            members = read(data[0])
        except ValueError as error:
            raise OperationError(f"the entry is not what was written: {error}") from None
        return StoredEntry(
            node=NodeName(str(members["node"])), nseq=int(str(members["nseq"])), data=data[0]
        )
