"""How large a proof is and what it costs; how fast a whole journal is verified and searched.

Run as ``python -m benchmarks.audit.reading seal CONFIG``, and then, with as many applications as
the journal was filled with, ``… read CONFIG APPLICATIONS ASKS ROUNDS``, which prints one JSON
document. Both on the journal that the configuration names, in one process, as a gateway does it.
"""

import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.applications import MUNICIPALITIES
from benchmarks.paced import spread
from benchmarks.populate import receipt_number
from gateway.audit import proof as proofs
from gateway.audit.sealing import Signing
from gateway.bootstrap.gateway import build_operate
from gateway.bootstrap.log_signing import log_signing
from gateway.bootstrap.stores import open_journal, open_keys
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.drivers.system_clock import SystemClock
from gateway.ports.audit_log import EntryFilter, FoundEntry
from gateway.ports.journal import Journal
from gateway.services.operate.search_log import SearchLog, Sought
from gateway.services.operate.verify_log import VerifyLog
from gateway.services.prove import Prove, ProvedEntry
from gateway.services.seal_log import SealLog
from gateway.settings.load import load
from gateway.settings.model import Settings

OPERATOR: Final = "clerk-1"
CLIENT: Final = "portal"
SPAN: Final = timedelta(days=30)
_MUNICIPALITY: Final = next(iter(MUNICIPALITIES))
_FIRST: Final = 20
_PROOFS_AN_ASK: Final = 5
_ORIGIN: Final = "kakehashi/benchmark"


def first_entries() -> tuple[Entry, ...]:
    """Return the oldest entries of the journal: the only ones by an operator."""
    at = datetime.now(UTC) - SPAN - timedelta(hours=1)
    return tuple(
        Entry(
            action=Action.CLIENT_KEY_ADDED,
            at=at + timedelta(minutes=number),
            actor=Actor(ActorKind.OPERATOR, OPERATOR),
            facts={"client": CLIENT, "key": f"{number:012x}"},
        )
        for number in range(_FIRST)
    )


async def seal(config: Path) -> dict[str, float]:
    """Seal a journal that was filled, with batches as large as a gateway's."""
    settings = load(config)
    signing = log_signing(open_keys(settings))
    journal = open_journal(settings)
    await journal.open()
    seal_log = SealLog(
        journal=journal, signing=signing, origin=None, new_origin=_ORIGIN, clock=SystemClock()
    )
    began, cpu = time.perf_counter(), time.process_time()
    await seal_log.begin()
    await seal_log.finish()
    standing = await seal_log.standing()
    found = {
        "sealed": standing.size,
        "per_s": standing.size / (time.perf_counter() - began),
        "cpu_us": 1e6 * (time.process_time() - cpu) / standing.size,
    }
    await journal.close()
    return found


async def read(config: Path, applications: int, asks: int, rounds: int) -> dict[str, Any]:
    """Measure one journal."""
    settings = load(config)
    signing = log_signing(open_keys(settings))
    journal = Timed(open_journal(settings))
    await journal.open()
    try:
        head = await journal.log_head()
        return {
            "sealed": head.size,
            "proof": await _proofs(journal, signing, applications, _PROOFS_AN_ASK * asks),
            "search": await _searches(journal, settings, applications, asks),
            "verified": await _verified(journal, signing, rounds),
        }
    finally:
        await journal.close()


class Timed:
    """A journal that notes how long each search took in it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.spent_s = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def find_entries(
        self, where: EntryFilter, *, before: int | None = None, limit: int = 50
    ) -> Sequence[FoundEntry]:
        began = time.perf_counter()
        found = await self._journal.find_entries(where, before=before, limit=limit)
        self.spent_s += time.perf_counter() - began
        return found


async def _proofs(
    journal: Timed, signing: Signing, applications: int, asks: int
) -> dict[str, float]:
    chance = random.Random(asks)
    ids = [each async for each in journal.accepted_ids()]
    if len(ids) != applications:
        raise ValueError(len(ids))
    prove = Prove(journal=journal)
    built_s, sizes, verify_us = [], [], []
    for application in chance.sample(ids, min(asks, len(ids))):
        began = time.perf_counter()
        proved = await prove.acceptance(application)
        built_s.append(time.perf_counter() - began)
        if proved is None:
            raise ValueError(application)
        sizes.append(len(proved.proof))
        verify_us.append(_verify_us(proved, signing))
    built = spread(built_s)
    return {
        "asks": len(sizes),
        "bytes": statistics.median(sizes),
        "most_bytes": max(sizes),
        "p50_ms": built["p50_ms"],
        "p95_ms": built["p95_ms"],
        "max_ms": built["max_ms"],
        "verify_us": statistics.median(verify_us),
    }


def _verify_us(proved: ProvedEntry, signing: Signing) -> float:
    keys = signing.keys(_ORIGIN)
    began = time.process_time()
    proof = proofs.parse(proved.proof.encode())
    proofs.verify(proof, proved.entry, keys, signing.verify)
    return 1e6 * (time.process_time() - began)


async def _verified(journal: Timed, signing: Signing, rounds: int) -> dict[str, float]:
    """Verify all of it as ``kakehashi audit verify`` does; entries a second, of CPU and of time."""
    verify = VerifyLog(journal=journal, clock=SystemClock(), signing=lambda: signing)
    by_cpu, by_wall, entries = [], [], 0
    for _ in range(rounds):
        began, cpu = time.perf_counter(), time.process_time()
        report = await verify(actor=Actor(ActorKind.OPERATOR, OPERATOR))
        if not report["ok"]:
            raise ValueError(report)
        entries = int(str(report["entries"]))
        by_cpu.append(entries / (time.process_time() - cpu))
        by_wall.append(entries / (time.perf_counter() - began))
    return {
        "entries": entries,
        "per_cpu_s": statistics.median(by_cpu),
        "per_s": statistics.median(by_wall),
    }


async def _searches(
    journal: Timed, settings: Settings, applications: int, asks: int
) -> dict[str, dict[str, float]]:
    operate = build_operate(settings, open_keys(settings), journal)
    search = operate.log.search
    return {
        name: await _asked(journal, search, sought, asks)
        for name, sought in (await _questions(journal, applications)).items()
    }


Question = Callable[[random.Random], Sought]


async def _questions(journal: Timed, applications: int) -> dict[str, Question]:
    """Return what is asked: each filter, what people usually combine, and what there is not."""
    ids = [str(each) async for each in journal.accepted_ids()]
    now = datetime.now(UTC)
    middle, later = now - SPAN / 2, now - SPAN / 2 + timedelta(days=1)
    day = {"since": middle.isoformat(), "until": later.isoformat()}

    def same(**sought: Any) -> Question:
        return lambda _: Sought(**sought)

    def numbered(**sought: Any) -> Question:
        return lambda chance: Sought(
            # Municipalities take turns, and this is the first.
            receipt_number=receipt_number(chance.randrange(0, applications, len(MUNICIPALITIES))),
            **sought,
        )

    def of_one(**sought: Any) -> Question:
        return lambda chance: Sought(application=chance.choice(ids), **sought)

    return {
        "everything": same(),
        "municipality": same(municipality=_MUNICIPALITY),
        "application": of_one(),
        "受付番号": numbered(),
        "受付番号, unknown": same(receipt_number="X-0000000"),
        "actor, a client": same(actor=CLIENT),
        "actor, an operator long ago": same(actor=OPERATOR),
        "actor, unknown": same(actor="nobody-1"),
        "kind of actor, workers": same(actor_kind="worker"),
        "kind of actor + action, long ago": same(
            actor_kind="operator", actions=("client_key.added",)
        ),
        "action": same(actions=("application.accepted",)),
        "action, rare": same(actions=("delivery.in_doubt",)),
        "actions of a kind": same(actions=("delivery.",)),
        "outcome, failed": same(outcomes=("failed",)),
        "outcome, doubt": same(outcomes=("doubt",)),
        "since an hour ago": same(since=(now - timedelta(hours=1)).isoformat()),
        "a day in the middle": same(**day),
        "before there was anything": same(until=(now - 2 * SPAN).isoformat()),
        "municipality + day": same(municipality=_MUNICIPALITY, **day),
        "municipality + action": same(
            municipality=_MUNICIPALITY, actions=("application.accepted",)
        ),
        "municipality + outcome + day": same(
            municipality=_MUNICIPALITY, outcomes=("failed",), **day
        ),
        "municipality + 受付番号": numbered(municipality=_MUNICIPALITY),
        "受付番号 + action": numbered(actions=("application.accepted",)),
        "application + action": of_one(actions=("delivery.delivered",)),
        "actor + day": same(actor=CLIENT, **day),
        "operator + day without any": same(actor_kind="operator", **day),
        "rare action + day": same(actions=("delivery.in_doubt",), **day),
        "rare action + municipality + day": same(
            actions=("delivery.in_doubt",), municipality=_MUNICIPALITY, **day
        ),
    }


async def _asked(
    journal: Timed, search: SearchLog, question: Question, asks: int
) -> dict[str, float]:
    chance = random.Random(asks)
    actor = Actor(ActorKind.OPERATOR, "auditor-1")
    whole_s, journal_s, found = [], [], []
    for _ in range(asks):
        journal.spent_s = 0.0
        began = time.perf_counter()
        answer = await search(where=question(chance), actor=actor)
        whole_s.append(time.perf_counter() - began)
        journal_s.append(journal.spent_s)
        found.append(len(answer["entries"]))  # type: ignore[arg-type] - a list
    inside = spread(journal_s)
    return {
        **spread(whole_s),
        "journal_p50_ms": inside["p50_ms"],
        "journal_p95_ms": inside["p95_ms"],
        "found": statistics.median(found),
        "asks": asks,
    }


def _main() -> Awaitable[dict[str, Any]]:
    what, config, *numbers = sys.argv[1:]
    if what == "seal":
        return seal(Path(config))
    applications, asks, rounds = map(int, numbers)
    return read(Path(config), applications, asks, rounds)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_main())))  # type: ignore[arg-type] - both are coroutines
