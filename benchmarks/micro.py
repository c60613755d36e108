"""The pieces one by one, in one process on one core.

Run as ``python -m benchmarks.micro FOLDER SECONDS``; prints one JSON document. Every figure is
the median of rounds that last about ``SECONDS`` each.
"""

import asyncio
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.applications import bodies
from benchmarks.disk import fdatasync_per_s
from gateway.audit.chain import GENESIS, encode, leaf
from gateway.audit.verify import verify
from gateway.crypto import keys
from gateway.crypto.seal import Opener, Sealer
from gateway.crypto.sign import Purpose, Signer, Verifier
from gateway.domain.entry import Entry, StoredEntry
from gateway.domain.envelope import Envelope
from gateway.domain.identifiers import (
    ApplicationId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    NodeName,
    ProcedureName,
)
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.ports.journal import Acceptance
from gateway.schema.catalogue import load_catalogue
from gateway.schema.envelope import check
from gateway.schema.parse import parse_json
from gateway.testing.builders import an_acceptance, an_id

ROUNDS: Final = 5
CALLERS: Final = (1, 32, 256)
_NODE: Final = NodeName("bench")
_VERIFIED: Final = 20_000


def main(folder: Path, seconds: float) -> dict[str, float]:
    """Measure everything."""
    figures = _crypto(seconds) | _validation(seconds) | _audit(seconds)
    with asyncio.Runner() as runner:
        for callers in CALLERS:
            figures |= runner.run(_journal(folder, callers, seconds))
    return figures


def _crypto(seconds: float) -> dict[str, float]:
    before, after = next(iter(bodies().values()))
    body = before + b"A-2026-000123" + after
    private, signing = keys.new_encryption_key(), keys.new_signing_key()
    sealer, opener = Sealer(keys.public_half(private)), Opener([private])
    signer = Signer(signing)
    verifier = Verifier({signer.kid: keys.public_half(signing)})
    envelope = Envelope(
        application_id=ApplicationId(an_id()),
        delivery_id=DeliveryId(an_id()),
        municipality=MunicipalityCode("131016"),
        destination=DestinationName("jido-teate"),
        procedure=ProcedureName("childcare/allowance-claim"),
        version=1,
        accepted_at=datetime.now(UTC),
    )
    sealed = sealer.seal(body, envelope)
    signature = signer.sign(sealed, Purpose.DELIVERY)

    def seal_and_sign() -> None:
        signer.sign(sealer.seal(body, envelope), Purpose.DELIVERY)

    def verify_and_open() -> None:
        verifier.verify(sealed, signature, Purpose.DELIVERY)
        opener.open(sealed)

    return {
        "body_bytes": len(body),
        "sealed_bytes": len(sealed),
        "seal_and_sign_us": _microseconds(seal_and_sign, seconds),
        "verify_and_open_us": _microseconds(verify_and_open, seconds),
    }


def _validation(seconds: float) -> dict[str, float]:
    catalogue = load_catalogue()
    before, after = bodies()["131016"]
    body = before + b"A-2026-000123" + after
    document = parse_json(body)
    return {
        "parse_us": _microseconds(lambda: parse_json(body), seconds),
        "validate_us": _microseconds(
            lambda: check(document, catalogue, municipality="131016"), seconds
        ),
    }


def _audit(seconds: float) -> dict[str, float]:
    entry = _entry()
    encode_us = _microseconds(
        lambda: leaf(encode(entry, node=_NODE, nseq=1, nprev=GENESIS)), seconds
    )
    stored, last = [], GENESIS
    for nseq in range(1, _VERIFIED + 1):
        data = encode(entry, node=_NODE, nseq=nseq, nprev=last)
        stored.append(StoredEntry(node=_NODE, nseq=nseq, data=data))
        last = leaf(data)
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        report = verify(stored)
        rates.append(_VERIFIED / (time.perf_counter() - began))
        if not report.ok:
            raise ValueError(report.failures)
    return {
        "entry_bytes": len(stored[-1].data),
        "entry_us": encode_us,
        "verified_per_s": statistics.median(rates),
    }


async def _journal(folder: Path, callers: int, seconds: float) -> dict[str, float]:
    """Measure the SQLite journal, in turns with plain fdatasync on the same disk."""
    journal = SQLiteJournal(folder / f"journal-{callers}.db", node=_NODE)
    await journal.open()
    synced, accepted, recorded = [], [], []
    waits: list[float] = []
    try:
        for _ in range(ROUNDS):
            synced.append(fdatasync_per_s(folder / "synced", seconds))
            accepted.append(await _accept(journal, callers, seconds))
            recorded.append(await _record(journal, callers, seconds, waits))
    finally:
        await journal.close()
    waits.sort()
    return {
        f"fdatasync_per_s_{callers}": statistics.median(synced),
        f"accepted_per_s_{callers}": statistics.median(accepted),
        f"recorded_per_s_{callers}": statistics.median(recorded),
        f"recorded_p99_ms_{callers}": 1000 * waits[math.ceil(0.99 * len(waits)) - 1],
    }


async def _accept(journal: SQLiteJournal, callers: int, seconds: float) -> float:
    # Made beforehand in slices: what is measured is the journal, not the builders.
    done, spent = 0, 0.0
    while spent < seconds:
        prepared = [_acceptance() for _ in range(max(64, callers * 4))]
        waiting = iter(prepared)

        async def call(acceptances=waiting) -> None:  # noqa: ANN001 - bound to this slice
            for acceptance in acceptances:
                await journal.accept(acceptance)

        began = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        spent += time.perf_counter() - began
        done += len(prepared)
    return done / spent


async def _record(
    journal: SQLiteJournal, callers: int, seconds: float, waits: list[float]
) -> float:
    until = time.perf_counter() + seconds
    done = 0
    entries = (_entry(),)

    async def call() -> None:
        nonlocal done
        while (began := time.perf_counter()) < until:
            await journal.record(entries)
            waits.append(time.perf_counter() - began)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return done / (time.perf_counter() - began)


def _acceptance() -> Acceptance:
    return an_acceptance()


def _entry() -> Entry:
    return an_acceptance().entry


def _microseconds(call: Callable[[], object], seconds: float) -> float:
    """Return what one call takes, CPU time, the median of the rounds."""
    call()
    began = time.perf_counter()
    call()
    batch = max(1, int(seconds / max(time.perf_counter() - began, 1e-6)))
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(batch):
            call()
        rounds.append(1e6 * (time.process_time() - began) / batch)
    return statistics.median(rounds)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), float(sys.argv[2]))))
