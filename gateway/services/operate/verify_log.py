"""Verify the audit log as it stands in the journal, and record that it is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.audit import note
from gateway.audit.completeness import Completeness, Gap, Missing
from gateway.audit.note import NoteKey
from gateway.audit.reading import read
from gateway.audit.sealed import MAX_FAULTS, Fault, LogReport, LogVerifier, Signed, signed
from gateway.audit.sealing import Signing
from gateway.audit.tiles import WIDTH, leaf_in
from gateway.audit.verify import Head
from gateway.domain.entry import Action, Actor, Entry, Fact, StoredEntry
from gateway.domain.identifiers import ApplicationId, NodeName
from gateway.ports.audit_log import LogHead, TileId
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.compare_filing import compare_filing
from gateway.services.operate.compare_states import compare_states, expired_since
from gateway.services.operate.refusals import OperationError, parse_id
from gateway.services.operate.whole_log import Turn

_ENTRIES_BETWEEN_TILES: Final = 16_384
_BATCH: Final = 256
_MOST_ASKED: Final = 10_000
"""How often the journal is asked for what a younger entry may need."""

Told = Callable[[int, int], None]
"""Told how many sealed entries were read so far, and of how many."""


class VerifyLog:
    """Reads the whole log: what is sealed by index, and what is not yet behind it."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        signing: Callable[[], Signing],
        turn: Turn | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: Where the log is.
            clock: The time of day.
            signing: Returns the log's keys; asked only when the log was sealed.
            turn: Shared with whoever else reads the whole log.
        """
        self._turn = turn or Turn()
        self._journal = journal
        self._clock = clock
        self._signing = signing

    async def __call__(
        self,
        *,
        actor: Actor,
        checkpoints: Mapping[str, str] | None = None,
        receipts: Mapping[str, str] | None = None,
        keys: Sequence[str] = (),
        known: Sequence[int] = (),
        told: Told | None = None,
    ) -> dict[str, object]:
        """Verify the log, and record that it is read.

        That it is read is an entry before anything is; what was found is a second one.

        Args:
            actor: Who asks.
            checkpoints: Signed notes that were kept elsewhere, by what they are called.
            receipts: Applications and the leaf hashes that their receipts name, 64
                hexadecimal digits.
            keys: Verifier keys to believe instead of the gateway's own.
            known: Indices at which what is wrong was examined before: a warning, and no failure.
            told: Told how far it is.

        Returns:
            ``ok``; ``entries``, ``sealed``, ``root`` and ``matched`` (how many checkpoints
            agree); ``nodes`` (each one's last good entry); ``failures`` with ``index``,
            ``node``, ``nseq`` and ``problem``, the lowest index first; ``first_bad_index``;
            ``warnings``; ``unsettled``; ``keys``: ``own`` or ``given``.

        Raises:
            OperationError: A key or a receipt cannot be read, or somebody reads the whole log.
        """
        with self._turn:
            return await self._verify(actor, checkpoints, receipts, keys, known, told)

    async def _verify(
        self,
        actor: Actor,
        checkpoints: Mapping[str, str] | None,
        receipts: Mapping[str, str] | None,
        keys: Sequence[str],
        known: Sequence[int],
        told: Told | None,
    ) -> dict[str, object]:
        believed = _keys(keys)
        leaves = {_id(name): _leaf(text) for name, text in (receipts or {}).items()}
        # As it was before this: what was taken away behind it is missing all the same.
        own = self._journal.chain_head
        await self._record(actor, {"purpose": "verify"})
        # In this order: the head is sealed after every checkpoint that is kept, and with its runs.
        kept = await self._journal.checkpoints()
        indexed = await self._indexed()
        head = await self._journal.log_head()
        found = self._signed(kept, head, checkpoints or {}, believed)
        completeness = Completeness()
        verifier = LogVerifier(
            checkpoints=[each for each in found if isinstance(each, Signed)],
            heads={} if own is None else {self._journal.node: Head(*own)},
            receipts=leaves,
            completeness=completeness,
            known=await self._sealed_at(known),
        )
        ends = await self._read_sealed(verifier, head.size if head else 0, told)
        fed = dict(ends)
        async for entry in self._journal.entries_behind(ends):
            fed[entry.node] = max(entry.nseq, fed.get(entry.node, 0))
            verifier.feed_unsealed(entry)
        await self._settle(completeness, fed)
        await self._compare_rows(completeness, fed)
        async for gap in compare_filing(self._journal):
            completeness.add(gap)
        report = verifier.finish(complete=True)
        faults = (*report.faults, *(each for each in found if isinstance(each, Fault)))
        faults += _of_head(head, found, indexed)
        if not (faults or report.known or report.excused):
            # Where entries are lost, deliveries may stand where nothing says so.
            faults = await self._compare_states(completeness, fed)
        found_out = {"ok": not faults, "entries": report.entries}
        await self._record(actor, {"purpose": "verify.result", **found_out})
        return {**report_view(report, faults), "keys": "given" if keys else "own"}

    def _signed(
        self,
        kept: Sequence[str],
        head: LogHead | None,
        outside: Mapping[str, str],
        keys: Sequence[NoteKey],
    ) -> list[Signed | Fault]:
        texts = [(f"kept checkpoint {number}", text) for number, text in enumerate(kept, 1)]
        texts += list(outside.items())
        if head is not None:
            texts.append(("the latest checkpoint", head.checkpoint))
        if not texts:
            return []
        signing = self._signing()
        return [
            signed(name, text.encode(), keys or _own_keys(signing, text), signing.verify)
            for name, text in texts
        ]

    async def _sealed_at(self, indices: Sequence[int]) -> dict[int, bytes | None]:
        """Return what the stored tiles say was sealed at these indices."""
        places = {index: TileId(0, index // WIDTH) for index in indices}
        tiles = await self._journal.tiles(sorted(set(places.values())))
        return {index: leaf_in(tiles.get(tile), index) for index, tile in places.items()}

    async def _indexed(self) -> int:
        """Return how many entries were given an index, whatever the head says."""
        after, end = -1, 0
        while runs := await self._journal.runs(after=after):
            after, end = runs[-1].first_index, runs[-1].first_index + runs[-1].length
        return end

    async def _read_sealed(
        self, verifier: LogVerifier, size: int, told: Told | None
    ) -> dict[NodeName, int]:
        """Feed the sealed entries; return each node's last one."""
        ends: dict[NodeName, int] = {}
        if size == 0:
            return ends
        batch: list[StoredEntry] = []
        async for entry in self._journal.sealed_entries():
            batch.append(entry)
            ends[entry.node] = entry.nseq
            if len(batch) == _BATCH:
                verifier.feed_all(batch)
                batch = []
                if told is not None:
                    told(verifier.size, size)
                if verifier.size % _ENTRIES_BETWEEN_TILES == 0:
                    made = verifier.made()
                    verifier.compare(made, await self._journal.tiles(list(made)))
            if verifier.size + len(batch) == size:
                break
        verifier.feed_all(batch)
        made = verifier.made(all_of_them=True)
        verifier.compare(made, await self._journal.tiles(list(made)))
        return ends

    async def _settle(self, completeness: Completeness, fed: Mapping[NodeName, int]) -> None:
        """Ask for what seems missing: it may have been stored behind what was read already."""
        for missing in list(completeness.missing())[:_MOST_ASKED]:
            if await self._is_there(missing, fed):
                completeness.settle(missing)

    async def _is_there(self, missing: Missing, fed: Mapping[NodeName, int]) -> bool:
        application = ApplicationId(parse_id(missing.application))
        if missing.claim is None:
            return await self._was_accepted(application, fed)
        for stored in await self._journal.entries_about(application):
            if not _is_behind(stored, fed):
                continue
            try:
                members = read(stored.data)
            except ValueError:
                continue
            facts = members["facts"]
            claim = (members.get("delivery"), str(facts.get("attempt")), facts.get("copy"))
            if members["action"] == Action.DELIVERY_CLAIMED and claim == missing.claim:
                return True
        return False

    async def _was_accepted(self, application: ApplicationId, fed: Mapping[NodeName, int]) -> bool:
        """Tell whether an acceptance was stored behind what was read of its node."""
        stored = await self._journal.acceptance_of(application)
        return stored is not None and _is_behind(stored, fed)

    async def _compare_rows(self, completeness: Completeness, fed: Mapping[NodeName, int]) -> None:
        """Compare the applications of the journal with those that the log accepted."""
        found = 0
        async for application in self._journal.accepted_ids():
            if completeness.expired(str(application)):
                problem = f"application {application} expired, and the journal has it"
                completeness.add(Gap(None, problem))
            elif completeness.accepted(str(application)):
                found += 1
            elif not await self._was_accepted(application, fed):
                problem = f"the acceptance of {application} is not in the log"
                completeness.miss(str(application), problem)
        if found < completeness.kept_count:
            rows = {str(each) async for each in self._journal.accepted_ids()}
            gone, _ = await expired_since(self._journal, lambda one: _is_behind(one, fed))
            rows |= gone
            for gap in completeness.without_rows(rows):
                completeness.add(gap)

    async def _compare_states(
        self, completeness: Completeness, fed: Mapping[NodeName, int]
    ) -> tuple[Fault, ...]:
        """Compare where deliveries stand with how they ended in the log."""
        faults: list[Fault] = []
        states = compare_states(self._journal, completeness, lambda one: _is_behind(one, fed))
        async for problem in states:
            faults.append(Fault(problem))
            if len(faults) == MAX_FAULTS:
                break
        return tuple(faults)

    async def _record(self, actor: Actor, facts: Mapping[str, Fact]) -> None:
        entry = Entry(action=Action.LOG_READ, at=self._clock.now(), actor=actor, facts=facts)
        await self._journal.record([entry])


def _is_behind(stored: StoredEntry, fed: Mapping[NodeName, int]) -> bool:
    """Tell whether an entry was not there when its node's were read: else it was judged then."""
    return stored.nseq > fed.get(stored.node, 0)


def report_view(report: LogReport, faults: Sequence[Fault]) -> dict[str, object]:
    """Return what verification found as JSON has it, with ``faults`` for failures."""
    return {
        "ok": not faults,
        "entries": report.entries,
        "sealed": report.size,
        "root": report.root.hex(),
        "matched": report.matched,
        "nodes": {
            node: {"nseq": last.nseq, "leaf": last.leaf.hex()}
            for node, last in report.heads.items()
        },
        "failures": [fault_view(fault) for fault in faults],
        "first_bad_index": first_bad_index(faults),
        "warnings": warning_views(report),
        "unsettled": report.unsettled,
    }


def first_bad_index(faults: Sequence[Fault]) -> int | None:
    """Return the lowest index of the log at which something is wrong, if any is known."""
    return min((each.index for each in faults if each.index is not None), default=None)


def fault_view(fault: Fault) -> dict[str, object]:
    """Return a fault as JSON has it."""
    return {
        "index": fault.index,
        "node": fault.node,
        "nseq": fault.nseq,
        "problem": fault.problem,
    }


def warning_views(report: LogReport) -> list[dict[str, object]]:
    """Return what is worth knowing and no failure, as JSON has it."""
    known = [fault_view(replace(each, problem=f"known: {each.problem}")) for each in report.known]
    excused = [
        fault_view(replace(each, problem=f"perhaps for want of what is lost: {each.problem}"))
        for each in report.excused
    ]
    clocks: list[dict[str, object]] = [
        {"node": each.node, "nseq": each.nseq, "problem": each.problem} for each in report.warnings
    ]
    return [*known, *excused, *clocks]


def _of_head(
    head: LogHead | None, found: Sequence[Signed | Fault], indexed: int
) -> tuple[Fault, ...]:
    faults = []
    size = head.size if head else 0
    if indexed > size:
        faults.append(Fault(f"the head was put back: {indexed} entries had an index", size))
    latest = found[-1] if head and found else None
    if (
        head is not None
        and isinstance(latest, Signed)
        and (latest.size, latest.root) != (head.size, head.root)
    ):
        faults.append(Fault("the latest checkpoint is not the log's head"))
    return tuple(faults)


def _own_keys(signing: Signing, text: str) -> tuple[NoteKey, ...]:
    """Return our keys under the origin that a checkpoint names; others are not of our log."""
    try:
        origin = note.parse(text.encode()).text.partition("\n")[0]
        return signing.keys(origin)
    except ValueError:
        return ()


def _keys(vkeys: Sequence[str]) -> list[NoteKey]:
    try:
        return [note.parse_vkey(vkey) for vkey in vkeys]
    except ValueError as error:
        raise OperationError(f"keys: {error}") from None


def _id(text: str) -> str:
    return str(parse_id(text))


def _leaf(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise OperationError("receipts: not a leaf hash") from None
