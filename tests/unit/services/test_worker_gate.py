"""Whose turn it is, when, and what counts: the gate by itself, on a clock of the test's."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.breaker import Sign
from gateway.domain.claim import BreakerState, Terms
from gateway.domain.identifiers import DestinationName, MunicipalityCode, WorkerName
from gateway.sdk import Idempotency
from gateway.services import worker_gate
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.worker_gate import Turn, WorkerGate

NOW = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
SETTINGS = DeliverySettings(
    destination=DestinationName("core"),
    municipality=MunicipalityCode("131016"),
    worker=WorkerName("w1/aaaa"),
    adapter="scripted 1.0.0",
    version="0",
    idempotency=Idempotency.NONE,
    max_in_flight=8,
    send_timeout_s=60.0,
    settle_s=0.0,
    key_memory_s=3600.0,
)


def terms(**over: Any) -> Terms:
    members: dict[str, Any] = {
        "worker": SETTINGS.worker,
        "destination": SETTINGS.destination,
        "heard_at": NOW,
        "open": True,
        "max_in_flight": 8,
        "rate_per_s": None,
        "failures": 5,
        "probe_s": 5.0,
        "probe_cap_s": 60.0,
    }
    return Terms(**{**members, **over})


class Clock:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def a_gate(clock: Clock | None = None, most_in_flight: int = 100, **over: Any) -> WorkerGate:
    gate = WorkerGate(
        settings=SETTINGS,
        terms=terms(**over),
        most_in_flight=most_in_flight,
        monotonic=clock or Clock(),
    )
    gate.open()
    return gate


async def turns(gate: WorkerGate, count: int) -> list[Turn]:
    """Return the turns that come at once; they are given back at once too."""
    come: list[Turn] = []
    for _ in range(count):
        try:
            async with asyncio.timeout(0.01), gate.turn() as turn:
                come.append(turn)
        except TimeoutError:
            break
    return come


def test_a_gate_is_shut_until_the_core_system_is_there() -> None:
    gate = WorkerGate(settings=SETTINGS, terms=terms(), most_in_flight=8)

    assert (gate.width, gate.closed_by) == (0, "destination.unavailable")
    gate.open()
    assert (gate.width, gate.closed_by) == (8, None)


@pytest.mark.parametrize(
    ("over", "width", "closed_by"),
    [
        ({}, 8, None),
        ({"max_in_flight": 50}, 50, None),
        ({"max_in_flight": 500}, 100, None),
        ({"max_in_flight": 0}, 0, "worker.standing_by"),
        ({"open": False}, 0, "destination.paused"),
        ({"rate_per_s": 0.0}, 0, "destination.paused"),
        ({"rate_per_s": 1000.0}, 8, None),
        ({"rate_per_s": 0.01}, 6, None),
        ({"rate_per_s": 0.0001}, 1, None),
    ],
    ids=str,
)
def test_the_terms_say_how_many(over: dict[str, Any], width: int, closed_by: str | None) -> None:
    gate = a_gate(**over)

    assert (gate.width, gate.closed_by) == (width, closed_by)


def test_no_more_than_a_quorum_queue_hands_out() -> None:
    assert a_gate(most_in_flight=10_000, max_in_flight=10_000).width == 2_000


def test_a_half_open_gate_is_one_wide() -> None:
    gate = a_gate()
    gate.learn(Sign.UNREACHABLE, epoch=gate.epoch)
    assert gate.width == 0

    gate.learn(Sign.CHECKED, epoch=gate.epoch)

    assert (gate.breaker.state, gate.width) == (BreakerState.HALF_OPEN, 1)


def test_what_began_before_the_last_change_tells_nothing() -> None:
    gate = a_gate()
    before = gate.epoch
    gate.learn(Sign.UNREACHABLE, epoch=before)
    gate.learn(Sign.CHECKED, epoch=before)
    assert gate.breaker.state == BreakerState.OPEN

    gate.learn(Sign.CHECKED, epoch=gate.epoch)
    gate.learn(Sign.ANSWERED, epoch=before)
    assert gate.breaker.state == BreakerState.HALF_OPEN


def test_what_had_its_turn_before_a_try_is_not_the_try() -> None:
    gate = a_gate()
    early = Turn(gate.epoch)
    assert gate.may_send(early)

    gate.learn(Sign.UNREACHABLE, epoch=gate.epoch)
    assert not gate.may_send(early)
    gate.learn(Sign.CHECKED, epoch=gate.epoch)
    assert not gate.may_send(early)
    assert gate.may_send(Turn(gate.epoch))
    gate.learn(Sign.ANSWERED, epoch=gate.epoch)
    assert gate.may_send(early)
    assert not gate.may_send(Turn(gate.epoch, "worker.stopping"))


async def test_a_bucket_holds_one_second_s_sends_and_refills() -> None:
    clock = Clock()
    gate = a_gate(clock, rate_per_s=5.0)
    assert len(await turns(gate, 20)) == 5

    clock.seconds += 0.5
    assert len(await turns(gate, 20)) == 2

    clock.seconds += 3600.0
    assert len(await turns(gate, 20)) == 5


async def test_a_slow_rate_still_lets_one_through() -> None:
    clock = Clock()
    gate = a_gate(clock, rate_per_s=0.5)
    assert len(await turns(gate, 3)) == 1

    clock.seconds += 2.0
    assert len(await turns(gate, 3)) == 1


async def test_a_try_keeps_the_rate_as_well() -> None:
    gate = a_gate(rate_per_s=1.0)
    gate.learn(Sign.UNREACHABLE, epoch=gate.epoch)
    gate.learn(Sign.CHECKED, epoch=gate.epoch)

    assert [turn.declined for turn in await turns(gate, 3)] == [None]


async def test_no_more_than_the_width_have_their_turn_at_once() -> None:
    gate = a_gate(max_in_flight=2)

    async with gate.turn(), gate.turn():
        assert await turns(gate, 1) == []
    assert len(await turns(gate, 1)) == 1


async def test_turns_come_in_the_order_of_asking() -> None:
    gate, order = a_gate(max_in_flight=1), []

    async def take(name: str) -> None:
        async with gate.turn():
            order.append(name)

    async with gate.turn():
        waiting = asyncio.create_task(take("who waits"))
        await asyncio.sleep(0.01)
    await take("who comes just now")
    await waiting

    assert order == ["who waits", "who comes just now"]


async def test_who_gives_up_waiting_keeps_nobody_from_a_turn() -> None:
    gate = a_gate(max_in_flight=1)
    async with gate.turn():
        assert await turns(gate, 1) == []

    assert len(await turns(gate, 1)) == 1


async def test_all_who_wait_when_it_shuts_are_declined() -> None:
    gate = a_gate(rate_per_s=0.001)
    await turns(gate, 1)

    async def declined() -> str | None:
        async with gate.turn() as turn:
            return turn.declined

    waiting = [asyncio.create_task(declined()) for _ in range(50)]
    await asyncio.sleep(0)
    gate.learn(Sign.UNREACHABLE, epoch=gate.epoch)

    async with asyncio.timeout(5):
        assert set(await asyncio.gather(*waiting)) == {"destination.unavailable"}


async def test_nobody_waits_for_a_turn_until_the_broker_loses_patience() -> None:
    clock = Clock()
    gate = a_gate(clock, rate_per_s=0.0001)
    await turns(gate, 1)

    async def declined() -> str | None:
        async with gate.turn() as turn:
            return turn.declined

    waiting = asyncio.create_task(declined())
    await asyncio.sleep(0)
    clock.seconds += worker_gate.LONGEST_IN_HAND_S
    gate.agree(terms(rate_per_s=0.0002))

    assert await asyncio.wait_for(waiting, 5) == "destination.rate_limited"


async def test_a_gate_that_stops_lets_through_who_need_not_wait_and_takes_nothing_new() -> None:
    gate = a_gate(max_in_flight=1)
    gate.stop()

    assert gate.width == 0
    async with gate.turn() as turn:
        assert turn.declined is None
        assert [turn.declined for turn in await turns(gate, 1)] == ["worker.stopping"]


def test_a_change_is_told_once_with_its_destination_and_code() -> None:
    gate = a_gate()
    with capture_logs() as logs:
        gate.learn(Sign.UNREACHABLE, epoch=gate.epoch, code="tcp.refused")
        gate.learn(Sign.NOT_WELL, epoch=gate.epoch, code="check.not_ok")
        gate.learn(Sign.CHECKED, epoch=gate.epoch, code="check.ok")
        gate.learn(Sign.ANSWERED, epoch=gate.epoch)
        gate.learn(Sign.ANSWERED, epoch=gate.epoch)

    told = [(log["event"], log["code"], log["destination"]) for log in logs]
    assert told == [
        ("breaker.opened", "tcp.refused", "core"),
        ("breaker.half_opened", "check.ok", "core"),
        ("breaker.closed", None, "core"),
    ]


def test_the_same_terms_again_are_no_change() -> None:
    gate = a_gate()
    with capture_logs() as logs:
        gate.agree(terms(heard_at=datetime(2027, 1, 1, tzinfo=UTC)))

    assert logs == []
