"""An honest log in memory, and as an export: what the tests of verification tamper with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit import note, tiles
from gateway.audit.chain import GENESIS, encode, leaf
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.note import NoteKey
from gateway.crypto.detail import conceal
from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact, StoredEntry
from gateway.domain.identifiers import ApplicationId, DeliveryId, MunicipalityCode, NodeName
from gateway.ports.audit_log import TileId

ORIGIN = "kakehashi/test"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
START = datetime(2026, 11, 20, tzinfo=UTC)
NODES = (NodeName("gw-1"), NodeName("gw-2"))
WORKER = Actor(ActorKind.WORKER, "worker-1")


def note_key(key: Ed25519PrivateKey = KEY, origin: str = ORIGIN) -> NoteKey:
    return NoteKey(origin, key.public_key().public_bytes_raw())


def verify_signature(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def application(number: int) -> ApplicationId:
    return ApplicationId(UUID(int=(1 << 100) + number))


def delivery(number: int) -> DeliveryId:
    return DeliveryId(UUID(int=(2 << 100) + number))


def copy(number: int) -> str:
    return str(UUID(int=(3 << 100) + number))


def about(action: Action, number: int, **facts: Fact) -> Entry:
    """Return an entry of a worker about an application's delivery."""
    return Entry(
        action=action,
        at=START + timedelta(seconds=number),
        actor=WORKER,
        municipality=MunicipalityCode("131016"),
        application=application(number),
        delivery=delivery(number),
        facts=facts,
    )


def accepted(number: int) -> Entry:
    return Entry(
        action=Action.APPLICATION_ACCEPTED,
        at=START + timedelta(seconds=number),
        actor=Actor(ActorKind.CLIENT, "portal"),
        municipality=MunicipalityCode("131016"),
        application=application(number),
        subject=bytes(32),
        facts={"commitment": "00" * 32, "deliveries": str(delivery(number)), "version": 1},
    )


def claimed(number: int) -> Entry:
    return about(Action.DELIVERY_CLAIMED, number, attempt=1, copy=copy(number), verdict="go")


def outcome(action: Action, number: int, **facts: Fact) -> Entry:
    kind = action.value.partition(".")[2]
    members = {"attempt": 1, "code": None, "copy": copy(number), "outcome": kind, **facts}
    return about(action, number, **members)


def delivered(number: int, **facts: Fact) -> Entry:
    return outcome(Action.DELIVERY_DELIVERED, number, **facts)


def cancelled(number: int) -> Entry:
    words = {"reason": '取下げ "申出"\n'}
    entry = about(Action.DELIVERY_CANCELLED, number, was="parked")
    return Entry(
        action=entry.action,
        at=entry.at,
        actor=Actor(ActorKind.OPERATOR, "佐藤"),
        application=entry.application,
        delivery=entry.delivery,
        detail=conceal(words),
        facts=entry.facts,
    )


def life(number: int) -> list[tuple[NodeName, Entry]]:
    """Return one application's entries; every second one is claimed by the other node."""
    other = NODES[number % 2]
    return [
        (NODES[0], accepted(number)),
        (other, claimed(number)),
        (NODES[0], delivered(number)),
    ]


def late(number: int = 100_000) -> tuple[NodeName, Entry]:
    """Return an entry long after the others: what is missing before it does not come any more."""
    at = START + timedelta(seconds=number)
    return NODES[1], Entry(
        action=Action.CLOCK_OBSERVED, at=at, actor=Actor(ActorKind.GATEWAY, NODES[1])
    )


def chained(entries: Sequence[tuple[NodeName, Entry]]) -> list[StoredEntry]:
    """Give entries their places in their nodes' chains, in this order."""
    ends: dict[NodeName, tuple[int, bytes]] = {}
    log = []
    for node, entry in entries:
        nseq, nprev = ends.get(node, (0, GENESIS))
        data = encode(entry, node=node, nseq=nseq + 1, nprev=nprev)
        ends[node] = (nseq + 1, leaf(data))
        log.append(StoredEntry(node=node, nseq=nseq + 1, data=data))
    return log


@dataclass
class SealedLog:
    """A log and its tree. ``tiles`` and ``notes`` are what was sealed once: tamper with either."""

    entries: list[StoredEntry]
    tiles: dict[TileId, bytes] = field(default_factory=dict)
    notes: dict[int, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return max(self.notes)

    def write(self, folder: Path) -> Path:
        """Write the export as docs/adr/0014 says."""
        size = self.size
        (folder / "entries").mkdir(parents=True)
        lines = b"".join(entry.data + b"\n" for entry in self.entries)
        (folder / "entries/0.jsonl").write_bytes(lines)
        for tile, data in self.tiles.items():
            file = folder / tiles.path(tile.level, tile.position, len(data) // 32)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        (folder / "checkpoints").mkdir()
        for kept, text in self.notes.items():
            (folder / f"checkpoints/{kept}").write_bytes(text)
        (folder / "checkpoint").write_bytes(self.notes[size])
        (folder / "keys.txt").write_text(note_key().vkey() + "\n", encoding="utf-8")
        (folder / "receipt-keys.json").write_text(json.dumps({"keys": []}), encoding="utf-8")
        return folder


def seal(
    entries: Sequence[StoredEntry],
    *,
    at: Sequence[int] = (),
    key: Ed25519PrivateKey = KEY,
    origin: str = ORIGIN,
) -> SealedLog:
    """Seal entries in batches that end at these sizes, and at the end."""
    log = SealedLog(list(entries))
    size = 0
    for end in [*at, len(entries)]:
        grown = tiles.grow(size, log.tiles, [leaf(entry.data) for entry in entries[size:end]])
        log.tiles.update(grown.tiles)
        text = Checkpoint(origin, end, grown.root).text()
        log.notes[end] = note.sign(text, origin, note_key(key).public, key.sign)
        size = end
    return log


def honest(count: int = 200, *, at: Sequence[int] = (100, 300)) -> SealedLog:
    """Return the log of so many applications, and one entry long after them."""
    return seal(chained([*(each for n in range(count) for each in life(n)), late()]), at=at)
