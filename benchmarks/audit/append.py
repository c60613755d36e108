"""How fast entries are appended, and how soon a signed checkpoint stands for each.

Run as ``python -m benchmarks.audit.append CONFIG SECONDS PROBES``; prints one JSON document. One
process with its event loop as a gateway has it: callers that append one entry at a time through
``Journal.record``, and ``SealLog`` beside them in the same process. Rounds last ``SECONDS``.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.disk import fdatasync_per_s
from benchmarks.paced import spread
from gateway.bootstrap.log_signing import log_signing
from gateway.bootstrap.stores import open_keys
from gateway.domain.entry import Entry
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.system_clock import SystemClock
from gateway.ports.audit_log import LogHead, Seal, Unsealed
from gateway.services.seal_log import SealLog
from gateway.settings.load import load
from gateway.settings.model import Settings
from gateway.testing.builders import an_acceptance, an_id

CALLERS: Final = (1, 32, 256)
ROUNDS: Final = 5
_PREPARED: Final = 1_000
_PROBE_S: Final = (0.25, 0.45)
"""From one probe of an idle log to the next: longer than any wait for the sequencer, and never
the same, since it looks every 100 ms."""
_LOOK_S: Final = 0.02

Rule = Callable[[Unsealed], Seal]


class Watch:
    """Notes when entries were stored, and when a checkpoint that covers them was."""

    def __init__(self, node: NodeName) -> None:
        self.waiting: deque[tuple[int, float]] = deque()
        self.delays_s: list[float] = []
        self._node = node

    async def through(
        self, seal: Callable[..., Awaitable[LogHead | None]], rule: Rule, limit: int
    ) -> LogHead | None:
        """Let ``seal`` do it, and note what it covers."""
        last = 0

        def watched(found: Unsealed) -> Seal:
            nonlocal last
            last = max((each.nseq for each in found.entries if each.node == self._node), default=0)
            return rule(found)

        head = await seal(watched, limit=limit)
        if head is not None:
            now = time.perf_counter()
            while self.waiting and self.waiting[0][0] <= last:
                self.delays_s.append(now - self.waiting.popleft()[1])
        return head


class WatchedSQLite(SQLiteJournal):
    """The embedded journal, watched."""

    watch: Watch

    async def seal(self, rule: Rule, *, limit: int) -> LogHead | None:
        return await self.watch.through(super().seal, rule, limit)


class WatchedPostgres(PostgresJournal):
    """The journal in PostgreSQL, watched."""

    watch: Watch

    async def seal(self, rule: Rule, *, limit: int) -> LogHead | None:
        return await self.watch.through(super().seal, rule, limit)


Watched = WatchedSQLite | WatchedPostgres


async def main(config: Path, seconds: float, probes: int) -> dict[str, Any]:
    """Measure one journal."""
    settings = load(config)
    journal = _journal(settings)
    await journal.open()
    seal_log = SealLog(
        journal=journal,
        signing=log_signing(open_keys(settings)),
        origin=None,
        new_origin="kakehashi/benchmark",
        clock=SystemClock(),
    )
    entries = [_entry() for _ in range(_PREPARED)]
    await journal.record(entries[:1])
    await seal_log.begin()
    sealing = asyncio.create_task(seal_log.run())
    try:
        found: dict[str, Any] = {"entry_bytes": 0.0, "idle": await _idle(journal, entries, probes)}
        for callers in CALLERS:
            found[str(callers)] = await _callers(journal, entries, callers, seconds, config.parent)
        found["entry_bytes"] = await _entry_bytes(journal)
        return found
    finally:
        sealing.cancel()
        with suppress(asyncio.CancelledError):
            await sealing
        await journal.close()


def _journal(settings: Settings) -> Watched:
    node, url = NodeName(settings.node), settings.journal.url
    journal: Watched
    if url.startswith("sqlite:"):
        journal = WatchedSQLite(Path(url.removeprefix("sqlite:///")), node=node)
    else:
        journal = WatchedPostgres(url, node=node)
    journal.watch = Watch(node)
    return journal


async def _idle(journal: Watched, entries: Sequence[Entry], probes: int) -> dict[str, float]:
    chance = random.Random(probes)
    journal.watch.delays_s.clear()
    for number in range(probes):
        await _record(journal, entries[number % len(entries)])
        await asyncio.sleep(chance.uniform(*_PROBE_S))
    await _all_sealed(journal)
    return {**spread(journal.watch.delays_s), "entries": len(journal.watch.delays_s)}


async def _callers(
    journal: Watched, entries: Sequence[Entry], callers: int, seconds: float, folder: Path
) -> dict[str, Any]:
    waits: list[float] = []
    synced, recorded, cpu_us, unsealed, caught_up_s = [], [], [], [], []
    journal.watch.delays_s.clear()
    for _ in range(ROUNDS):
        synced.append(fdatasync_per_s(folder / "synced", seconds))
        began, cpu = time.perf_counter(), time.process_time()
        done = await _round(journal, entries, callers, seconds, waits)
        spent = time.perf_counter() - began
        unsealed.append(len(journal.watch.waiting))
        recorded.append(done / spent)
        await _all_sealed(journal)
        caught_up_s.append(time.perf_counter() - began - spent)
        cpu_us.append(1e6 * (time.process_time() - cpu) / done)
    latency = spread(waits)
    return {
        "recorded_per_s": statistics.median(recorded),
        "recorded_least_per_s": min(recorded),
        "recorded_most_per_s": max(recorded),
        "fdatasync_per_s": statistics.median(synced),
        "entries_a_sync": statistics.median(
            each / disk for each, disk in zip(recorded, synced, strict=True)
        ),
        "cpu_us": statistics.median(cpu_us),
        "p50_ms": latency["p50_ms"],
        "p99_ms": latency["p99_ms"],
        "max_ms": latency["max_ms"],
        "unsealed": statistics.median(unsealed),
        "caught_up_s": statistics.median(caught_up_s),
        "delay": spread(journal.watch.delays_s),
    }


async def _round(
    journal: Watched, entries: Sequence[Entry], callers: int, seconds: float, waits: list[float]
) -> int:
    until = time.perf_counter() + seconds
    done = 0

    async def call() -> None:
        nonlocal done
        while (began := time.perf_counter()) < until:
            await _record(journal, entries[done % len(entries)])
            waits.append(time.perf_counter() - began)
            done += 1

    await asyncio.gather(*(call() for _ in range(callers)))
    return done


async def _record(journal: Watched, entry: Entry) -> None:
    await journal.record((entry,))
    head = journal.chain_head
    if head is not None:
        # Its own place or that of a neighbour in the same commit.
        journal.watch.waiting.append((head[0], time.perf_counter()))


async def _all_sealed(journal: Watched) -> None:
    while journal.watch.waiting:  # noqa: ASYNC110 - the sequencer tells nobody
        await asyncio.sleep(_LOOK_S)


async def _entry_bytes(journal: Watched) -> float:
    sizes = []
    async for entry in journal.entries():
        sizes.append(len(entry.data))
        if len(sizes) == _PREPARED:
            break
    return statistics.mean(sizes)


def _entry() -> Entry:
    """Return the entry of an acceptance, the longest that there are many of."""
    facts = {
        "commitment": os.urandom(32).hex(),
        "deliveries": str(an_id()),
        "procedure": "childcare/allowance-claim",
        "supersedes": None,
        "version": 1,
    }
    return replace(an_acceptance(facts=facts).entry, subject=os.urandom(32))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
    print(json.dumps(figures))
