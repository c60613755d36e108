"""A gateway with a fault, scraped, and the rules over what it told: one alert while it lasts."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State
from gateway.http.metrics import Metrics
from gateway.sdk import (
    Application,
    Delivery,
    DestinationUnavailableError,
    Receipt,
    RejectedError,
    UnknownOutcomeError,
)
from gateway.services.observe import Observe
from gateway.testing.world import DESTINATION, World, eventually

CONFIG: Final = Path(__file__).parents[3] / "config" / "prometheus"
NAME: Final = DestinationName(DESTINATION)
SUZUKI: Final = Actor(ActorKind.OPERATOR, "suzuki")
SAMPLE: Final = re.compile(r"(kakehashi_\w+)(?:\{(.*)\})? (\S+)")
MINUTES: Final = (10, 50, 30)
"""How long each scrape is taken to have lasted: before the fault, meanwhile, after it."""

Promtool = Callable[..., None]


class Later:
    """Tells a time in some hours, so that what waits has waited for long."""

    def __init__(self, hours: int) -> None:
        self._ahead = timedelta(hours=hours)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


async def told_by(world: World, *, hours_later: int = 0) -> bytes:
    """Return what the gateway tells at a scrape."""
    gateway = world.gateway
    metrics = Metrics(gateway.hops, is_connected=lambda: gateway.broker.is_connected)
    observe = Observe(
        journal=gateway.journal,
        destinations=gateway.destinations,
        clock=Later(hours_later),
        log=gateway.seal_log.standing,
    )
    told, _ = metrics.exposition(await observe())
    return told


async def scrape(world: World, *, hours_later: int = 0) -> dict[str, str]:
    """Return the same by series."""
    told = await told_by(world, hours_later=hours_later)
    found = (SAMPLE.fullmatch(line) for line in told.decode().splitlines())
    return {
        f'{each[1]}{{{each[2] + "," if each[2] else ""}job="kakehashi",instance="gw-1"}}': each[3]
        for each in found
        if each is not None
    }


def alerts_of(promtool: Promtool, folder: Path, scrapes: list[dict[str, str]], *fired: str) -> None:
    """Require that exactly the alerts ``fired`` come while the middle scrape lasts, and go."""
    series = sorted(set().union(*scrapes))
    test = {
        "interval": "1m",
        "input_series": [
            {
                "series": one,
                "values": " ".join(
                    f"{told.get(one, '_')}x{lasting - 1}"
                    for told, lasting in zip(scrapes, MINUTES, strict=True)
                ),
            }
            for one in series
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected
                ],
            }
            for minute, expected in ((9, ()), (50, fired), (89, ()))
        ],
    }
    written = folder / "fault.yaml"
    rules = [str(CONFIG / f"{name}.rules.yaml") for name in ("recording", "alerts")]
    document = {"rule_files": rules, "evaluation_interval": "1m", "tests": [test]}
    written.write_text(json.dumps(document), encoding="utf-8")
    promtool("test", "rules", str(written))


def raising(error: Exception) -> Callable[[Application, Delivery], Receipt]:
    """Return what a core system does that answers so."""

    def behave(_application: Application, _delivery: Delivery) -> Receipt:
        raise error

    return behave


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway and a worker of a core system that answers whether it has something: never."""
    breaker = {"probe_s": 0.05, "probe_cap_s": 0.1}
    async with World.make(tmp_path, breaker=breaker) as world:
        world.start_worker()
        await world.until(await world.accepted(), State.DELIVERED)
        await eventually(lambda: bool(world.gateway.destinations.alive(NAME)))
        yield world


async def settle(world: World, delivery: Any) -> None:
    await world.gateway.operate.decide.cancel(str(delivery.id), actor=SUZUKI, reason="over")


async def test_prometheus_has_nothing_to_object_to_in_what_a_gateway_tells(
    world: World, promtool: Promtool
) -> None:
    promtool("check", "metrics", given=await told_by(world))


async def test_a_refused_application_is_one_alert_until_somebody_decides(
    world: World, promtool: Promtool, tmp_path: Path
) -> None:
    scrapes = [await scrape(world)]
    world.adapter.script = [raising(RejectedError("peer.unknown_form"))] * 2
    parked = [await world.until(await world.accepted(), State.PARKED) for _ in range(2)]
    scrapes.append(await scrape(world))
    for each in parked:
        await settle(world, each)
    scrapes.append(await scrape(world))

    alerts_of(promtool, tmp_path, scrapes, "KakehashiParked")


async def test_a_delivery_in_doubt_is_one_alert_until_somebody_has_looked(
    world: World, promtool: Promtool, tmp_path: Path
) -> None:
    scrapes = [await scrape(world)]
    world.adapter.script = [raising(UnknownOutcomeError("peer.cut_off"))]
    doubtful = await world.until(await world.accepted(), State.IN_DOUBT)
    scrapes.append(await scrape(world))
    await settle(world, doubtful)
    scrapes.append(await scrape(world))

    alerts_of(promtool, tmp_path, scrapes, "KakehashiInDoubt")


async def test_a_core_system_that_is_down_is_one_alert_and_what_waits_for_it_is_none(
    world: World, promtool: Promtool, tmp_path: Path
) -> None:
    destinations = world.gateway.destinations

    async def is_held(*codes: str | None) -> None:
        await eventually(lambda: getattr(destinations.hold(NAME), "code", None) in codes)

    scrapes = [await scrape(world)]
    async with down(world):
        world.adapter.script = [raising(DestinationUnavailableError("peer.down"))] * 1000
        await world.accepted()
        await is_held("destination.unavailable")
        scrapes.append(await scrape(world))
    await is_held(None)
    scrapes.append(await scrape(world))

    alerts_of(promtool, tmp_path, scrapes, "KakehashiCoreSystemDown")


@asynccontextmanager
async def down(world: World) -> AsyncIterator[None]:
    """Let the core system's check fail, too, while the block runs."""
    check = world.adapter.check

    async def not_there() -> None:
        raise DestinationUnavailableError("peer.down")

    world.adapter.check = not_there  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        world.adapter.script = []
        world.adapter.check = check  # type: ignore[method-assign]


async def test_a_journal_that_is_down_is_one_alert(
    world: World, promtool: Promtool, tmp_path: Path
) -> None:
    scrapes = [await scrape(world)]
    await world.gateway.journal.close()
    scrapes.append(await scrape(world))
    await world.gateway.journal.open()
    scrapes.append(await scrape(world))

    alerts_of(promtool, tmp_path, scrapes, "KakehashiJournalDown")


async def test_a_broker_that_is_away_is_one_alert(
    world: World, promtool: Promtool, tmp_path: Path
) -> None:
    scrapes = [await scrape(world)]
    await world.broker.close()
    scrapes.append(await scrape(world))
    await world.broker.open()
    scrapes.append(await scrape(world))

    alerts_of(promtool, tmp_path, scrapes, "KakehashiBrokerDisconnected")


@pytest.mark.parametrize(
    ("is_closed", "fired"),
    [(True, ()), (False, ("KakehashiNoWorker",))],
    ids=["closed", "open"],
)
async def test_what_waits_for_a_window_to_open_is_no_fault(
    promtool: Promtool, tmp_path: Path, *, is_closed: bool, fired: tuple[str, ...]
) -> None:
    day = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
    opening = [f"{day} 03:00-03:01"] if is_closed else []
    async with World.make(tmp_path, window={"open": opening}) as world:
        scrapes = [await scrape(world)]
        waiting = await world.accepted()
        scrapes.append(await scrape(world, hours_later=2))
        await settle(world, waiting)
        scrapes.append(await scrape(world))

    alerts_of(promtool, tmp_path, scrapes, *fired)
