"""What each part of accepting adds to one application.

Run as ``python -m benchmarks.audit.added FOLDER SECONDS``; prints one JSON document. The gateway's
own service and SQLite journal, without HTTP, relay and operational log; first with parts that do
nothing (``null_parts``), then with one real part more at a time. The variants take turns.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Self

import structlog
import uvloop

from benchmarks.applications import bodies
from benchmarks.audit.null_parts import (
    AcceptUnchecked,
    NoEntries,
    NoSealer,
    NoSigner,
    SilentJournal,
)
from gateway.bootstrap.embedded import make_missing_keys
from gateway.bootstrap.gateway import Gateway, build_gateway
from gateway.bootstrap.key_names import GATEWAY_KEY, PSEUDONYM_KEY, destination_key
from gateway.crypto.pseudonym import Pseudonyms
from gateway.crypto.seal import Sealer
from gateway.crypto.sign import Signer
from gateway.domain.identifiers import ClientName, DestinationName, MunicipalityCode, NodeName
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.memory_broker import MemoryBroker
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.ports.keys import KeyStore
from gateway.schema.catalogue import Catalogue, load_catalogue
from gateway.services.accept import AcceptanceReceipt, AcceptApplication, Submission
from gateway.services.ordering import Ordering
from gateway.services.routing import Grant, Route, RoutingTable
from gateway.settings.load import build
from gateway.testing.world import CLIENT, DESTINATION, MUNICIPALITY, document

ROUNDS: Final = 5
CALLERS: Final = (1, 32)
_SLICE: Final = 32


@dataclass(frozen=True, slots=True)
class Variant:
    """Which parts are the gateway's own."""

    name: str
    schema: bool = False
    sealing: bool = False
    entries: bool = False
    log_sealing: bool = False


VARIANTS: Final = (
    Variant("parse, route, commit"),
    Variant("+ schema", schema=True),
    Variant("+ sealing", schema=True, sealing=True),
    Variant("+ audit entries", schema=True, sealing=True, entries=True),
    Variant("+ log sealing", schema=True, sealing=True, entries=True, log_sealing=True),
)

Figures = dict[str, dict[str, list[float]]]


async def main(folder: Path, seconds: float) -> dict[str, object]:
    """Measure all variants in turns; return each round's figures by callers and variant."""
    catalogue = load_catalogue()
    found: dict[str, Figures] = {
        str(callers): {each.name: {"cpu_us": [], "wall_us": []} for each in VARIANTS}
        for callers in CALLERS
    }
    async with AsyncExitStack() as stack:
        ways = []
        for number, variant in enumerate(VARIANTS):
            place = folder / str(number)
            place.mkdir()
            way = Way(variant, place, catalogue)
            await stack.enter_async_context(way)
            ways.append(way)
        for callers in CALLERS:
            for _ in range(ROUNDS + 1):
                for way in ways:
                    figures = found[str(callers)][way.variant.name]
                    cpu_us, wall_us = await way.round(callers, seconds)
                    figures["cpu_us"].append(cpu_us)
                    figures["wall_us"].append(wall_us)
    # The first round of each fills caches.
    return {
        callers: {
            name: {figure: values[1:] for figure, values in each.items()}
            for name, each in by_name.items()
        }
        for callers, by_name in found.items()
    }


class Way:
    """The way of an application through one variant."""

    def __init__(self, variant: Variant, folder: Path, catalogue: Catalogue) -> None:
        self.variant = variant
        settings = build(document(folder))
        store = MemoryKeys()
        make_missing_keys(settings, store)
        kind = SQLiteJournal if variant.entries else SilentJournal
        self._journal = kind(folder / "journal.db", node=NodeName(settings.node))
        self._gateway = build_gateway(
            settings, store, broker=MemoryBroker(), catalogue=catalogue, journal=self._journal
        )
        self._accept = _accept(variant, self._gateway, store)
        self._submissions = _submissions()

    async def __aenter__(self) -> Self:
        await self._journal.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._journal.close()

    async def round(self, callers: int, seconds: float) -> tuple[float, float]:
        """Return microseconds of CPU and of time for one application."""
        seal_log = self._gateway.seal_log
        sealing = asyncio.create_task(seal_log.run()) if self.variant.log_sealing else None
        done, cpu_s, wall_s = 0, 0.0, 0.0
        while wall_s < seconds:
            # Made beforehand: what is measured is the way, not its submissions.
            prepared = [next(self._submissions) for _ in range(callers * _SLICE)]
            began, cpu = time.perf_counter(), time.process_time()
            waiting = iter(prepared)
            await asyncio.gather(*(self._call(waiting) for _ in range(callers)))
            wall_s += time.perf_counter() - began
            cpu_s += time.process_time() - cpu
            done += len(prepared)
        if sealing is not None:
            # What is left is sealed on its account, too.
            began, cpu = time.perf_counter(), time.process_time()
            sealing.cancel()
            with suppress(asyncio.CancelledError):
                await sealing
            await seal_log.finish()
            wall_s += time.perf_counter() - began
            cpu_s += time.process_time() - cpu
        return 1e6 * cpu_s / done, 1e6 * wall_s / done

    async def _call(self, waiting: Iterator[Submission]) -> None:
        for submission in waiting:
            answer = await self._accept(submission)
            if not isinstance(answer, AcceptanceReceipt):
                raise ValueError(answer)  # noqa: TRY004 - a refusal is no mistake of types


def _accept(variant: Variant, gateway: Gateway, store: KeyStore) -> AcceptApplication:
    destination, municipality = DestinationName(DESTINATION), MunicipalityCode(MUNICIPALITY)
    pseudonyms = Pseudonyms(store.private(PSEUDONYM_KEY))
    sealer = Sealer(store.public(destination_key(destination))) if variant.sealing else NoSealer()
    accept = (AcceptApplication if variant.schema else AcceptUnchecked)(
        catalogue=gateway.catalogue,
        municipalities=frozenset({municipality}),
        grants={
            ClientName(CLIENT): Grant(
                municipalities=frozenset({municipality}), procedures=("childcare/*",)
            )
        },
        routing=RoutingTable([Route(municipality=municipality, procedure="*", to=(destination,))]),
        ordering=Ordering({}, pseudonyms),
        sealers={destination: sealer},
        signer=Signer(store.private(GATEWAY_KEY)) if variant.sealing else NoSigner(),
        pseudonyms=pseudonyms,
        journal=gateway.journal,
        relay=gateway.relay,
        clock=SystemClock(),
        new_id=new_id,
        has_room=lambda: True,
        log_origin=lambda: gateway.seal_log.origin,
    )
    if not variant.entries:
        accept._entries = NoEntries()  # noqa: SLF001 - a stand-in
    return accept


def _submissions() -> Iterator[Submission]:
    before, after = bodies()[MUNICIPALITY]
    for number in count():
        mark = f"N-{number:08}"
        yield Submission(
            client=ClientName(CLIENT),
            municipality=MUNICIPALITY,
            idempotency_key=mark,
            raw=before + mark.encode() + after,
        )


if __name__ == "__main__":
    # The lines of the operational log are the same in every variant.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(main(Path(sys.argv[1]), float(sys.argv[2])))))
