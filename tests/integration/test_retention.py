"""Two municipalities' applications grow old, and no copy of what has expired is found on disk.

Everything that is to go begins with a mark of its municipality: sealed payloads, hashes of
idempotency keys and 受付番号, keys of words. The marks are then searched for in every file of the
journal.
"""

import asyncio
import base64
import os
import runpy
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from gateway.audit import proof, tiles
from gateway.crypto.detail import conceal
from gateway.domain.entry import Action, Actor, ActorKind, Detail, Entry
from gateway.domain.errors import NodeNameTakenError
from gateway.domain.identifiers import DestinationName, MunicipalityCode
from gateway.domain.lifecycle import State
from gateway.domain.retention import Kept, Term
from gateway.ports.audit_log import EntryFilter
from gateway.ports.journal import Acceptance, Accepted, Journal
from gateway.services.operate.prove_entry import ProveEntry
from gateway.services.retain import Retain
from gateway.testing.builders import DESTINATION, MUNICIPALITY, an_acceptance
from gateway.testing.notes import verify
from gateway.testing.postgres import PostgresNode
from tests.integration.intruder import tile_ids
from tests.integration.lives import (
    AUDITOR,
    SetClock,
    delivered,
    journal_at,
    note_keys,
    sealing,
    verified,
)

ROOT: Final = Path(__file__).parents[2]
STANDALONE: Final = ROOT / "gateway/audit/standalone/verify.py"
SLOW: Final = MunicipalityCode("271004")
"""Keeps everything for longer."""
NAMES: Final = [f"{of}{what}" for of in (MUNICIPALITY, SLOW, "waits") for what in ("", " payload")]
ARCHIVE: Final = DestinationName("archive")
EACH: Final = 60
DAY: Final = timedelta(days=1)
TERMS: Final[Mapping[Kept, Term]] = {
    Kept.PAYLOADS: Term(days=10, own={SLOW: 40}),
    Kept.APPLICATIONS: Term(days=60, own={SLOW: 120}),
    Kept.WORDS: Term(days=60, own={SLOW: 120}),
}
OPERATOR: Final = Actor(ActorKind.OPERATOR, "sato")


@dataclass
class Aged:
    """A journal that grows old.

    Attributes:
        journal: Open.
        clock: Everybody's.
        marks: What everything of a municipality, and of those that wait, begins with.
        files: Brings everything to disk and returns the files that are searched.
    """

    journal: Journal
    clock: SetClock
    files: Callable[[], Awaitable[list[Path]]]
    marks: dict[str, bytes] = field(
        default_factory=lambda: {name: os.urandom(12) for name in NAMES}
    )

    async def accept(self, mark: str, **over: Any) -> Acceptance:
        """Accept one of whose parts all begin with the mark."""

        def secret() -> bytes:
            return self.marks[mark] + os.urandom(20)

        payload = self.marks[f"{mark} payload"] + os.urandom(20_000)

        made = an_acceptance(
            idempotency_mac=secret(), receipt_mac=secret(), accepted_at=self.clock.now(), **over
        )
        sealed = tuple(replace(each, sealed=payload) for each in made.deliveries)
        ids = " ".join(str(each.record.id) for each in sealed)
        entry = replace(made.entry, facts={**made.entry.facts, "deliveries": ids})
        acceptance = replace(made, deliveries=sealed, entry=entry)
        assert isinstance(await self.journal.accept(acceptance), Accepted)
        said = Entry(
            action=Action.DELIVERY_REPLAYED,
            at=self.clock.now(),
            actor=OPERATOR,
            municipality=acceptance.application.municipality,
            application=acceptance.application.id,
            detail=Detail(key=secret(), sealed=conceal({"reason": "x"}).sealed),
        )
        await self.journal.record([said])
        return acceptance

    async def retain(self) -> Mapping[Kept, Mapping[MunicipalityCode | None, int]]:
        """Forget what is over its term."""
        retain = Retain(journal=self.journal, clock=self.clock, terms=TERMS, pause_s=0)
        planned = await retain.plan()
        counts = await retain.once()
        assert counts is not None
        # What goes with its application need not be found by itself any more.
        assert counts[Kept.APPLICATIONS] == planned[Kept.APPLICATIONS]
        assert not any((await retain.plan()).values())
        return counts

    async def seal_and_verify(self) -> None:
        """Seal the log, and require that nothing is wrong with it."""
        seal = sealing(self.journal, self.clock, keys=1)
        await seal.begin()
        await seal.finish()
        report = await verified(self.journal, self.clock, keys=1)
        assert report["ok"], report["failures"]

    async def copies(self) -> dict[str, int]:
        """Return how many copies there are of each mark in all files."""
        texts = [file.read_bytes() for file in await self.files()]
        return {name: sum(text.count(mark) for text in texts) for name, mark in self.marks.items()}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresNode]:
    server = PostgresNode.start()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.db'}"
    return request.getfixturevalue("server").database()  # type: ignore[no-any-return]


def searched(url: str, request: pytest.FixtureRequest) -> Callable[[], Awaitable[list[Path]]]:
    """Return what brings a journal's changes to disk and lists its files, but for archived WAL."""

    async def sqlite() -> list[Path]:
        folder = Path(url.removeprefix("sqlite:///")).parent
        return [file for file in folder.rglob("*") if file.is_file()]

    async def postgres() -> list[Path]:
        connection = await asyncpg.connect(url)
        await connection.execute("CHECKPOINT")
        await connection.close()
        folder = request.getfixturevalue("server").folder
        files = [file for file in folder.rglob("*") if file.is_file()]
        return [file for file in files if "pg_wal" not in file.parts]

    return sqlite if url.startswith("sqlite") else postgres


async def test_what_has_aged_leaves_no_copy_and_all_else_goes_on(
    url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    journal, clock = journal_at(url, "gw-1"), SetClock()
    await journal.open()
    aged = Aged(journal, clock, searched(url, request))
    first, slow, waiting = [
        [await aged.accept(mark, **over) for _ in range(count)]
        for mark, over, count in (
            (MUNICIPALITY, {}, EACH),
            (SLOW, {"municipality": SLOW}, EACH),
            ("waits", {"destinations": (DESTINATION, ARCHIVE)}, 5),
        )
    ]
    for each in (*first, *slow, *waiting):
        await delivered(journal, clock, each)
    await journal.let_go()
    assert min((await aged.copies()).values()) >= 5
    await aged.seal_and_verify()

    # Payloads of the first go, then all else of it; the other's payloads.
    clock.move(11 * DAY)
    counts = await aged.retain()
    # One of the two deliveries of those that wait has arrived.
    assert counts[Kept.PAYLOADS] == {MUNICIPALITY: EACH + 5}
    assert not counts[Kept.APPLICATIONS]
    if url.startswith("sqlite"):
        # PostgreSQL leaves them in pages until these are written over, or written anew.
        assert (await aged.copies())[f"{MUNICIPALITY} payload"] == 0
    clock.move(50 * DAY)
    counts = await aged.retain()
    assert counts[Kept.APPLICATIONS] == {MUNICIPALITY: EACH}
    assert counts[Kept.PAYLOADS] == {SLOW: EACH}
    await aged.seal_and_verify()
    await journal.rewrite()
    copies = await aged.copies()
    assert [copies[each] for each in NAMES[:2]] == [0, 0]
    assert copies[SLOW] >= EACH * 3
    assert copies[f"{SLOW} payload"] == 0
    assert copies["waits"] >= 5 * 3

    # Everything goes but what waits.
    clock.move(60 * DAY)
    assert (await aged.retain())[Kept.APPLICATIONS] == {SLOW: EACH}
    await aged.seal_and_verify()
    await journal.rewrite()
    copies = await aged.copies()
    assert [copies[each] for each in NAMES[:4]] == [0] * 4
    assert copies["waits payload"] == 5

    # What is not final goes on; the words about it are over their term.
    leased = await journal.lease(ARCHIVE, limit=9, now=clock.now(), until=clock.now() + DAY)
    assert [each.sealed for each in leased] == [each.deliveries[1].sealed for each in waiting]
    assert (await journal.counts())[ARCHIVE] == {State.PENDING: 5}

    # The log proves still what there was, and the same key and 受付番号 may come anew.
    gone = first[0].application
    prove = ProveEntry(journal=journal, clock=clock)
    handed_out = await prove(application=str(gone.id), actor=AUDITOR)
    check_proof(handed_out)
    await check_export(journal, tmp_path / "export")
    again = an_acceptance(idempotency_mac=gone.idempotency_mac, receipt_mac=gone.receipt_mac)
    assert isinstance(await journal.accept(again), Accepted)
    await journal.close()


def check_proof(handed_out: Mapping[str, object]) -> None:
    """Verify a proof as an outsider does."""
    text, entry = str(handed_out["proof"]), base64.b64decode(str(handed_out["entry"]))
    assert proof.verify(proof.parse(text.encode()), entry, note_keys(1), verify).size > 0


async def check_export(journal: Journal, folder: Path) -> None:
    """Let the stand-alone verifier judge the whole log."""
    head = await journal.log_head()
    assert head is not None
    files = {"checkpoint": head.checkpoint.encode()}
    lines = [entry.data + b"\n" async for entry in journal.sealed_entries()]
    files["entries/0.jsonl"] = b"".join(lines)
    for tile, data in (await journal.tiles(tile_ids(head.size))).items():
        files[tiles.path(tile.level, tile.position, len(data) // 32)] = data
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    standalone = runpy.run_path(str(STANDALONE), run_name="standalone")
    export = standalone["Export"](folder, [standalone["Key"](key.vkey()) for key in note_keys(1)])
    export.add_checkpoints()
    assert export.verify().bad == []


FORGET: Final = """
import asyncio, sys
from datetime import timedelta
from gateway.services import retain
from tests.integration.intruder import tile_ids
from tests.integration.lives import SetClock, journal_at
from tests.integration.test_retention import TERMS

async def main():
    journal, clock = journal_at(sys.argv[1], "gw-1"), SetClock()
    clock.move(timedelta(days=500))
    await journal.open()
    retain.PAGE = 4
    expire = journal.expire

    async def tell(*arguments, **named):
        print("page", flush=True)
        return await expire(*arguments, **named)

    journal.expire = tell
    await retain.Retain(journal=journal, clock=clock, terms=TERMS, pause_s=0).once()

asyncio.run(main())
"""


async def test_whoever_is_killed_while_forgetting_leaves_a_log_that_says_what_is_gone(
    url: str, request: pytest.FixtureRequest
) -> None:
    journal, clock = journal_at(url, "gw-1"), SetClock()
    await journal.open()
    aged = Aged(journal, clock, searched(url, request))
    for _ in range(EACH * 2):
        await delivered(journal, clock, await aged.accept(MUNICIPALITY))
    await aged.accept("waits")
    await journal.close()

    left = []
    for pages in (10, 40, 12):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            FORGET,
            url,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        for _ in range(pages):
            assert await process.stdout.readline() == b"page\n"
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await open_again(journal)
        await aged.seal_and_verify()
        left.append(len([each async for each in journal.accepted_ids()]))
        await journal.close()

    assert EACH * 2 + 1 == left[0] > left[1] > left[2] > 1
    clock.move(500 * DAY)
    await open_again(journal)
    await Retain(journal=journal, clock=clock, terms=TERMS, pause_s=0).once()
    await aged.seal_and_verify()
    assert len([each async for each in journal.accepted_ids()]) == 1
    where = EntryFilter(actions=frozenset({Action.APPLICATION_EXPIRED}))
    assert len(await journal.find_entries(where, limit=500)) == EACH * 2
    await journal.close()


async def open_again(journal: Journal) -> None:
    """Open a journal under the name of one that was killed: the server may not know it yet."""
    async with asyncio.timeout(30):
        while True:
            try:
                await journal.open()
            except NodeNameTakenError:
                await asyncio.sleep(0.05)
            else:
                return
