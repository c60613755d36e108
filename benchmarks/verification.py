"""How fast a log is verified: its chains, all of it, and an export by the stand-alone verifier.

Run as ``python -m benchmarks.verification APPLICATIONS``; prints one JSON document. CPU time of one
core, so that others on the machine do not matter; the best of rounds. Each application has three
entries (accepted, claimed, delivered) as gateways write them, from two nodes.
"""

import json
import runpy
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import gateway.audit
from gateway.audit import note, tiles
from gateway.audit.chain import GENESIS, encode, leaf
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.completeness import Completeness
from gateway.audit.note import NoteKey
from gateway.audit.sealed import LogVerifier
from gateway.audit.verify import verify
from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact, StoredEntry
from gateway.domain.identifiers import DeliveryId, NodeName
from gateway.testing.builders import NOW, an_acceptance, an_id

ROUNDS: Final = 5
ORIGIN: Final = "kakehashi/benchmark"
STANDALONE: Final = Path(gateway.audit.__file__).parent / "standalone" / "verify.py"
_NODES: Final = (NodeName("gw-1"), NodeName("gw-2"))
_ENTRIES_A_FILE: Final = 65_536


def main(applications: int) -> dict[str, float]:
    """Measure everything."""
    log = _chained([each for number in range(applications) for each in _life(number)])
    with TemporaryDirectory() as folder:
        vkey = _export(log, Path(folder))
        standalone = runpy.run_path(str(STANDALONE))
        return {
            "entries": len(log),
            "entry_bytes": sum(len(entry.data) for entry in log) / len(log),
            "chains_per_s": _per_s(len(log), lambda: _require(verify(log).ok)),
            "whole_per_s": _per_s(len(log), lambda: _require(_whole(log))),
            "standalone_per_s": _per_s(
                len(log), lambda: _require(_standalone(standalone, Path(folder), vkey))
            ),
            "bytes_an_application": _memory(log) / applications,
        }


def _whole(log: Sequence[StoredEntry], completeness: Completeness | None = None) -> bool:
    verifier = LogVerifier(completeness=completeness or Completeness())
    verifier.feed_all(log)
    verifier.made(all_of_them=True)
    return verifier.finish().ok


def _standalone(module: dict[str, Any], folder: Path, vkey: str) -> bool:
    export = module["Export"](folder, [module["Key"](vkey)])
    export.add_checkpoints()
    return not export.verify().count


def _memory(log: Sequence[StoredEntry]) -> float:
    completeness = Completeness()
    tracemalloc.start()
    try:
        _whole(log, completeness)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def _per_s(count: int, call: Callable[[], None]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        call()
        best = min(best, time.process_time() - began)
    return count / best


def _require(ok: object) -> None:
    if not ok:
        raise ValueError("an honest log was not verified")


def _life(number: int) -> list[tuple[NodeName, Entry]]:
    delivery = DeliveryId(an_id())
    # As random as real ones are, and the same in every run.
    accepted = replace(
        an_acceptance(
            facts={
                "commitment": sha256(b"commitment %d" % number).hexdigest(),
                "deliveries": str(delivery),
                "procedure": "childcare/allowance-claim",
            }
        ).entry,
        subject=sha256(b"subject %d" % number).digest(),
    )
    tried: dict[str, Fact] = {
        "attempt": 1,
        "copy": str(an_id()),
        "destination": "jido-teate",
        "state": "sending",
    }
    then = NOW + timedelta(milliseconds=number)

    def about(action: Action, facts: dict[str, Fact]) -> Entry:
        return Entry(
            action=action,
            at=then,
            actor=Actor(ActorKind.WORKER, "worker-1"),
            municipality=accepted.municipality,
            application=accepted.application,
            delivery=delivery,
            facts=tried | facts,
        )

    return [
        (_NODES[0], accepted),
        (_NODES[number % 2], about(Action.DELIVERY_CLAIMED, {"verdict": "go"})),
        (_NODES[0], about(Action.DELIVERY_DELIVERED, {"outcome": "delivered", "code": None})),
    ]


def _chained(entries: Sequence[tuple[NodeName, Entry]]) -> list[StoredEntry]:
    ends: dict[NodeName, tuple[int, bytes]] = {}
    log = []
    for node, entry in entries:
        nseq, nprev = ends.get(node, (0, GENESIS))
        data = encode(entry, node=node, nseq=nseq + 1, nprev=nprev)
        ends[node] = (nseq + 1, leaf(data))
        log.append(StoredEntry(node=node, nseq=nseq + 1, data=data))
    return log


def _export(log: Sequence[StoredEntry], folder: Path) -> str:
    """Write what verification reads of an export; return the verifier key."""
    (folder / "entries").mkdir()
    for first in range(0, len(log), _ENTRIES_A_FILE):
        lines = b"".join(entry.data + b"\n" for entry in log[first : first + _ENTRIES_A_FILE])
        (folder / "entries" / f"{first}.jsonl").write_bytes(lines)
    grown = tiles.grow(0, {}, [leaf(entry.data) for entry in log])
    for tile, data in grown.tiles.items():
        file = folder / tiles.path(tile.level, tile.position, len(data) // 32)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    text = Checkpoint(ORIGIN, len(log), grown.root).text()
    (folder / "checkpoint").write_bytes(note.sign(text, ORIGIN, public, key.sign))
    return NoteKey(ORIGIN, public).vkey()


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1])), indent=1))
