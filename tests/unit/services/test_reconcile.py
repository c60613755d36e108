"""What the broker lost or a worker abandoned is found and set going again."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gateway.domain.identifiers import CopyId, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.system_clock import new_id
from gateway.ports.broker import destination_queue
from gateway.sdk import Application, Delivery, Receipt
from gateway.services import reconcile
from gateway.services.outcome_rules import abandoned_rule
from gateway.services.policy import DestinationPolicy
from gateway.testing.builders import DESTINATION, MUNICIPALITY, NOW, a_delivery, an_application
from gateway.testing.world import DESTINATION as CORE
from gateway.testing.world import World

COPY = CopyId(new_id())
ME = WorkerName("w1/aaaa")


def claimed(**over: Any) -> DeliveryRecord:
    members = {"state": State.SENDING, "copy": COPY, "worker": ME, "claimed_at": NOW}
    return a_delivery(an_application(), **{**members, **over}).record


def judged(record: DeliveryRecord, *, after_s: float, alive: bool, **policy: Any) -> Any:
    rule = abandoned_rule(
        DestinationPolicy(name=DESTINATION, municipality=MUNICIPALITY, send_timeout_s=60, **policy),
        frozenset({ME} if alive else ()),
        NOW + timedelta(seconds=after_s),
    )
    return rule(record)


@pytest.mark.parametrize(
    ("after_s", "alive", "expected"),
    [(119, False, False), (121, False, True), (121, True, False), (661, True, True)],
)
def test_a_claim_is_abandoned_after_a_send_s_time_and_a_margin(
    after_s: float,
    alive: bool,  # noqa: FBT001 - a table
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    decision = judged(claimed(), after_s=after_s, alive=alive)

    assert decision.answer is expected
    assert (decision.record is not None) is expected


def test_what_was_abandoned_waits_for_a_person_where_nothing_can_be_asked() -> None:
    decision = judged(claimed(), after_s=900, alive=False)

    assert decision.record.state == State.IN_DOUBT
    assert decision.record.code == "delivery.abandoned"
    assert decision.record.due_at is None


@pytest.mark.parametrize("state", [State.SENDING, State.IN_DOUBT])
def test_what_was_abandoned_is_asked_about_at_once_where_that_is_possible(state: State) -> None:
    decision = judged(claimed(state=state), after_s=900, alive=False, idempotency="lookup")

    assert decision.record.state == State.IN_DOUBT
    assert decision.record.due_at is not None
    assert decision.record.copy is None


@pytest.mark.parametrize(
    "state", [State.PENDING, State.QUEUED, State.RETRYING, State.PARKED, State.DELIVERED]
)
def test_what_nobody_holds_cannot_be_abandoned(state: State) -> None:
    decision = judged(claimed(state=state), after_s=900_000, alive=False)

    assert decision.answer is False


async def test_a_copy_that_the_broker_lost_is_published_again_and_sent_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_LOST_AFTER", timedelta(0))
    delivery = await world.until(await world.accepted(), State.QUEUED)
    async with world.broker.consume(destination_queue(CORE), prefetch=1) as copies:
        lost = await anext(aiter(copies))
        await lost.ack()
    world.start_worker()

    await world.gateway.reconcile.look()

    await world.until(delivery, State.DELIVERED)
    assert len(world.adapter.sent) == 1


async def test_a_copy_that_still_waits_in_its_queue_is_left_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_LOST_AFTER", timedelta(0))
    await world.until(await world.accepted(), State.QUEUED)

    await world.gateway.reconcile.look()
    await asyncio.sleep(0.1)

    assert await world.broker.depth(destination_queue(CORE)) == 1


async def test_a_worker_that_was_frozen_with_its_go_asks_again_and_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.services import carry_copy  # noqa: PLC0415 - to speed up its clock only

    monkeypatch.setattr(carry_copy, "_FRESH_S", -1.0)
    async with World.make(tmp_path) as world:
        world.adapter.send = refuse_to_be_called  # type: ignore[method-assign]
        monkeypatch.setattr(carry_copy, "_FRESH_S", -1.0)
        world.start_worker()
        delivery = await world.until(await world.accepted(), State.SENDING)
        monkeypatch.setattr(carry_copy, "_FRESH_S", 10.0)

        record = await world.until(delivery, State.IN_DOUBT)

    assert record.code == "delivery.effect_unknown"


async def refuse_to_be_called(_: Application, __: Delivery) -> Receipt:
    return fail()


def fail() -> NoReturn:
    raise AssertionError("sent")
