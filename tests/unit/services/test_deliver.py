"""What the runtime does with everything an adapter may return or raise, end to end."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gateway.domain.lifecycle import State
from gateway.ports.journal import Decision
from gateway.sdk import (
    Application,
    Delivery,
    DestinationUnavailableError,
    Receipt,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.testing.builders import NOW
from gateway.testing.world import ScriptedDestination, World


def raises(error: Exception) -> Callable[[Application, Delivery], Receipt]:
    def behave(_: Application, __: Delivery) -> NoReturn:
        raise error

    return behave


async def test_an_accepted_application_is_sent_once_and_its_outcome_recorded(
    world: World,
) -> None:
    world.start_worker()

    delivery = await world.accepted()
    record = await world.until(delivery, State.DELIVERED)

    assert record.reference == "K-1"
    assert record.attempt == 1
    assert len(world.adapter.sent) == 1
    application, sent = world.adapter.sent[0]
    assert application.receipt_number == "A-000001"
    assert sent.idempotency_key == str(delivery.id)
    assert [action for action in await world.actions() if action != "node.started"] == [
        "application.accepted",
        "delivery.queued",
        "delivery.claimed",
        "delivery.delivered",
    ]


@pytest.mark.parametrize(
    ("error", "state", "code", "counted"),
    [
        (RejectedError("E0002", "/content/reason"), State.PARKED, "E0002", 0),
        (RejectedError("山田太郎は対象外です"), State.PARKED, "destination.rejected", 0),
        (UnknownOutcomeError("http.read_timeout"), State.IN_DOUBT, "http.read_timeout", 0),
        (ValueError("a defect"), State.IN_DOUBT, "adapter.defect", 0),
        (TransientError("db.locked", 3600), State.RETRYING, "db.locked", 1),
        (ThrottledError("http.429", 3600), State.RETRYING, "http.429", 0),
        (DestinationUnavailableError("tcp.refused", 3600), State.RETRYING, "tcp.refused", 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_every_error_of_an_adapter_has_its_consequence(
    world: World, error: Exception, state: State, code: str, counted: int
) -> None:
    world.adapter.script = [raises(error)]
    world.start_worker()

    record = await world.until(await world.accepted(), state)

    assert (record.code, record.counted) == (code, counted)
    assert len(world.adapter.sent) == 1


async def test_an_adapters_defect_is_flagged_and_its_text_kept_out(world: World) -> None:
    world.adapter.script = [raises(ValueError("髙﨑 614106526000"))]
    world.start_worker()

    await world.until(await world.accepted(), State.IN_DOUBT)

    entries = await world.log()
    facts: Any = entries[-1]["facts"]
    assert facts["defect"] is True
    assert "髙﨑" not in str(entries)


async def test_a_transient_failure_is_tried_again_under_the_same_key(world: World) -> None:
    world.adapter.script = [raises(TransientError("db.locked"))] * 2
    world.start_worker()

    record = await world.until(await world.accepted(), State.DELIVERED)

    assert record.attempt == 3
    assert {sent.idempotency_key for _, sent in world.adapter.sent} == {str(record.id)}
    assert [sent.attempt for _, sent in world.adapter.sent] == [1, 2, 3]


async def test_a_spent_budget_parks(tmp_path: Path) -> None:
    retry = {"max_attempts": 2, "base_s": 0.01, "cap_s": 0.01}
    async with World.make(tmp_path, retry=retry) as world:
        world.adapter.script = [raises(TransientError("db.locked"))] * 5
        world.start_worker()

        record = await world.until(await world.accepted(), State.PARKED)

    assert record.counted == 2
    assert len(world.adapter.sent) == 2


async def test_a_send_beyond_its_deadline_is_in_doubt(tmp_path: Path) -> None:
    async with World.make(tmp_path, send_timeout_s=0.05) as world:
        world.adapter.send = _for_ever  # type: ignore[method-assign]
        world.start_worker()

        record = await world.until(await world.accepted(), State.IN_DOUBT)

    assert record.code == "send.deadline"


async def _for_ever(_: Application, __: Delivery) -> Receipt:
    await asyncio.sleep(3600)
    raise AssertionError


def taken_without_answer(adapter: ScriptedDestination) -> Callable[..., Receipt]:
    def behave(_: Application, delivery: Delivery) -> NoReturn:
        adapter.held[delivery.idempotency_key] = Receipt(reference="K-0")
        raise UnknownOutcomeError("http.reset")

    return behave


async def test_a_doubt_is_looked_up_and_found_delivered(tmp_path: Path) -> None:
    async with World.make(tmp_path, idempotency="lookup") as world:
        world.adapter.script = [taken_without_answer(world.adapter)]
        world.start_worker()

        record = await world.until(await world.accepted(), State.DELIVERED)

    assert record.reference == "K-0"
    assert len(world.adapter.sent) == 1


async def test_a_doubt_that_had_no_effect_is_sent_again_after_the_lookup(
    tmp_path: Path,
) -> None:
    async with World.make(tmp_path, idempotency="lookup") as world:
        world.adapter.script = [raises(UnknownOutcomeError("http.reset"))]
        world.start_worker()

        record = await world.until(await world.accepted(), State.DELIVERED)

    assert record.attempt == 2
    assert len(world.adapter.sent) == 2


async def test_a_lookups_no_proves_nothing_until_the_core_system_has_settled(
    tmp_path: Path,
) -> None:
    async with World.make(tmp_path, idempotency="lookup", settle_s=3600) as world:
        world.adapter.script = [raises(UnknownOutcomeError("http.reset"))]
        world.start_worker()
        delivery = await world.accepted()

        record = await world.until(delivery, State.IN_DOUBT, code="lookup.settling")

    assert record.claimed_at is not None
    assert record.due_at is not None
    settled_at = record.claimed_at + timedelta(seconds=3600)
    assert abs(record.due_at - settled_at) < timedelta(seconds=10)
    assert len(world.adapter.sent) == 1


async def test_when_a_lookups_no_counts_is_not_told_by_when_the_claim_is_said_to_be(
    tmp_path: Path,
) -> None:
    async with World.make(
        tmp_path, idempotency="lookup", settle_s=3600, retry={"base_s": 0.2, "cap_s": 0.2}
    ) as world:
        world.adapter.script = [raises(UnknownOutcomeError("http.reset"))]
        world.start_worker()
        delivery = await world.until(await world.accepted(), State.IN_DOUBT)
        await world.gateway.journal.decide(
            delivery.id,
            lambda record: Decision(
                answer=None, record=replace(record, claimed_at=NOW - timedelta(days=9))
            ),
        )

        await world.until(delivery, State.IN_DOUBT, code="lookup.settling")

    assert len(world.adapter.sent) == 1


async def test_a_native_destination_is_resent_with_the_same_key(tmp_path: Path) -> None:
    async with World.make(tmp_path, idempotency="native") as world:
        world.adapter.script = [taken_without_answer(world.adapter)]
        world.start_worker()

        record = await world.until(await world.accepted(), State.DELIVERED)

    assert (record.attempt, record.reference) == (1, "K-0")
    assert len({sent.idempotency_key for _, sent in world.adapter.sent}) == 1


@pytest.mark.parametrize("error", [TransientError("busy"), ThrottledError("busy")])
async def test_a_resend_without_effect_leaves_the_doubt_about_the_first_send(
    tmp_path: Path, error: Exception
) -> None:
    async with World.make(tmp_path, idempotency="native") as world:
        world.adapter.script = [taken_without_answer(world.adapter), raises(error)]
        world.start_worker()

        record = await world.until(await world.accepted(), State.DELIVERED)
        actions = await world.actions()

    assert (record.attempt, record.reference) == (1, "K-0")
    assert "delivery.deferred" not in actions


async def test_a_native_destination_that_never_answers_is_parked_after_three_resends(
    tmp_path: Path,
) -> None:
    async with World.make(tmp_path, idempotency="native") as world:
        world.adapter.script = [raises(UnknownOutcomeError("http.reset"))] * 10
        world.start_worker()

        record = await world.until(await world.accepted(), State.PARKED)

    assert record.code == "delivery.unresolved"
    assert len(world.adapter.sent) == 4


async def test_a_native_destination_is_not_resent_once_it_may_have_forgotten_the_key(
    tmp_path: Path,
) -> None:
    async with World.make(tmp_path, idempotency="native", key_memory_s=0.001) as world:
        world.adapter.script = [raises(UnknownOutcomeError("http.reset"))]
        world.start_worker()

        record = await world.until(await world.accepted(), State.PARKED)

    assert record.code == "delivery.unresolved"
    assert len(world.adapter.sent) == 1


async def test_a_paused_destination_is_left_in_peace(tmp_path: Path) -> None:
    async with World.make(tmp_path, paused=True) as world:
        world.start_worker()
        delivery = await world.accepted()
        await asyncio.sleep(0.2)

        record = await world.gateway.journal.delivery(delivery.id)

    assert record is not None
    assert record.state == State.PENDING
    assert world.adapter.sent == []


async def test_what_was_being_sent_at_a_kill_is_looked_up_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with World.make(tmp_path, idempotency="lookup") as before:
        before.adapter.send = _for_ever  # type: ignore[method-assign]
        before.start_worker()
        delivery = await before.until(await before.accepted(), State.SENDING)

    async with World.make(tmp_path, store=before.store, idempotency="lookup") as after:
        after.adapter.held[str(delivery.id)] = Receipt(reference="K-0")
        after.start_worker()
        record = await after.until(delivery, State.DELIVERED)

    assert record.reference == "K-0"
    assert after.adapter.sent == []


async def test_what_was_being_sent_at_a_kill_is_in_doubt_where_nothing_can_be_asked(
    tmp_path: Path,
) -> None:
    async with World.make(tmp_path) as before:
        before.adapter.send = _for_ever  # type: ignore[method-assign]
        before.start_worker()
        delivery = await before.until(await before.accepted(), State.SENDING)

    async with World.make(tmp_path, store=before.store) as after:
        after.start_worker()
        record = await after.until(delivery, State.IN_DOUBT)

    assert record.code == "delivery.effect_unknown"
    assert after.adapter.sent == []


async def test_what_was_queued_at_a_kill_is_delivered_at_the_next_start(tmp_path: Path) -> None:
    async with World.make(tmp_path) as before:
        delivery = await before.until(await before.accepted(), State.QUEUED)

    async with World.make(tmp_path, store=before.store) as after:
        after.start_worker()
        await after.until(delivery, State.DELIVERED)

    assert len(after.adapter.sent) == 1
