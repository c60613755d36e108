"""An honest log raises no alarm and lacks nothing, however often its gateways were killed.

Gateways are started, write and seal under load, and are killed (SIGKILL) at random; twice
the log gets a further key. Afterwards the log is verified as a whole against everything that
anybody had been told: every receipt and every checkpoint. ``make audit`` makes it a million
entries and 200 kills and more; here it is short.
"""

import asyncio
import base64
import os
import random
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from gateway.audit.chain import leaf
from gateway.drivers.system_clock import SystemClock
from gateway.testing.postgres import PostgresNode
from tests.fault.journal.sealing_load import open_patiently
from tests.integration.lives import journal_at, sealing, verified

LOAD: Final = Path(__file__).with_name("sealing_load.py")
ROOT: Final = Path(__file__).parents[3]
ENTRIES: Final = int(os.environ.get("AUDIT_ENTRIES", "20000"))
"""About so many on each journal."""
KILLS: Final = int(os.environ.get("AUDIT_KILLS", "12"))
"""At least so many over both journals."""
KEYS: Final = 3
"""The first one, and those of two rotations; a gateway of each is killed as often."""
PATIENCE_S: Final = 120.0


@dataclass
class Told:
    """What gateways told others before they were killed."""

    receipts: dict[str, str] = field(default_factory=dict)
    checkpoints: set[str] = field(default_factory=set)
    ends: dict[tuple[str, int], str] = field(default_factory=dict)
    """Nodes, numbers and leaf hashes of entries that were acknowledged, with all before them."""
    entries: int = 0
    kills: int = 0

    def hear(self, node: str, line: bytes) -> None:
        match line.decode().split():
            case ["accepted", application, leaf_hash]:
                self.receipts[application] = leaf_hash
                self.entries += 1
            case ["wrote", count, nseq, leaf_hash]:
                self.ends[node, int(nseq)] = leaf_hash
                self.entries += int(count)
            case ["sealed", checkpoint]:
                self.checkpoints.add(base64.b64decode(checkpoint).decode())
            case words:
                pytest.fail(f"not of the load: {words}")


async def live_and_die(url: str, node: str, keys: int, entries: int, told: Told) -> None:
    """Run one gateway until it has written so many entries, kill it, hear all it had said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        LOAD,
        url,
        node,
        str(keys),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    mine = Told()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while mine.entries < entries:
                line = await process.stdout.readline()
                assert line, f"{node} ended by itself"
                mine.hear(node, line)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        rest = await process.stdout.read()
        ended = await process.wait()
    for line in rest.splitlines(keepends=True):
        if line.endswith(b"\n"):
            mine.hear(node, line)
    assert ended == -signal.SIGKILL
    told.receipts |= mine.receipts
    told.ends |= mine.ends
    told.checkpoints |= mine.checkpoints
    told.entries += mine.entries
    told.kills += 1


async def lives(url: str, nodes: tuple[str, ...], kills: int, seed: int) -> Told:
    """Let every node live and die, with one key more in each of the log's three ages."""
    # A seed of its own makes no run like another, but for how long each life is.
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    told = Told()
    each = -(-kills // (len(nodes) * KEYS))
    mean = ENTRIES / (each * len(nodes) * KEYS)

    async def one(node: str, keys: int, spans: list[int]) -> None:
        for span in spans:
            await live_and_die(url, node, keys, span, told)

    for keys in range(1, KEYS + 1):
        spans = [[round(mean * chance.uniform(0.5, 1.5)) for _ in range(each)] for _ in nodes]
        async with asyncio.TaskGroup() as group:
            for node, its in zip(nodes, spans, strict=True):
                group.create_task(one(node, keys, its))
    return told


async def assert_honest(url: str, told: Told) -> str:
    """Seal what is left, and verify everything; return what it came to."""
    journal = journal_at(url, "gw-1")
    await open_patiently(journal)
    await sealing(journal, SystemClock(), keys=KEYS).finish()
    head = await journal.log_head()
    assert head is not None

    sealed: dict[tuple[str, int], str] = {
        (entry.node, entry.nseq): leaf(entry.data).hex() async for entry in journal.sealed_entries()
    }
    leaves = {*sealed.values()}
    checkpoints = {f"told {number}": text for number, text in enumerate(told.checkpoints)}
    report = await verified(
        journal, SystemClock(), keys=KEYS, checkpoints=checkpoints, receipts=told.receipts
    )
    await journal.close()

    assert told.receipts
    assert told.ends
    assert told.checkpoints
    assert {end: sealed.get(end) for end in told.ends} == told.ends
    assert [each for each in told.receipts.values() if each not in leaves] == []
    assert report["failures"] == []
    assert (report["ok"], report["warnings"], report["unsettled"]) == (True, [], 0)
    assert report["matched"] >= len(told.checkpoints) + 1
    assert report["entries"] >= told.entries
    return (
        f"{url.partition(':')[0]}: {report['entries']} entries, {told.kills} kills, "
        f"{len(told.receipts)} receipts, {len(told.ends)} acknowledged ends of chains and "
        f"{len(told.checkpoints)} checkpoints agree"
    )


async def test_a_log_whose_gateway_is_killed_is_whole_on_sqlite(
    tmp_path: Path, report: list[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"

    told = await lives(url, ("gw-1",), KILLS // 2, seed=1)

    report.append(await assert_honest(url, told))
    assert told.kills >= KILLS // 2


@pytest.mark.postgres
async def test_a_log_whose_two_gateways_are_killed_is_whole_on_postgres(
    postgres_node: PostgresNode, report: list[str]
) -> None:
    url = postgres_node.database()

    told = await lives(url, ("gw-1", "gw-2"), KILLS // 2, seed=2)

    report.append(await assert_honest(url, told))
    assert told.kills >= KILLS // 2
