"""What a person may decide, from which state, and what the log says of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.errors import DeliveryNotFoundError
from gateway.domain.identifiers import CopyId
from gateway.domain.lifecycle import NEEDS_A_PERSON, UNFINISHED, State
from gateway.domain.records import DeliveryRecord
from gateway.ports.journal import Decision
from gateway.sdk import Application, Delivery, Receipt, RejectedError
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.testing.builders import NOW, an_entry
from gateway.testing.world import World, words_of_last

ME = Actor(ActorKind.OPERATOR, "sato")


async def stands(world: World, state: State) -> DeliveryRecord:
    """Return a delivery in ``state``, whatever may have led there."""
    delivery = await world.accepted()

    def rule(record: DeliveryRecord) -> Decision[DeliveryRecord]:
        over: dict[str, Any] = {"state": state, "copy": CopyId(UUID(int=1)), "worker": "w1/x"}
        over |= {"claimed_at": NOW, "counted": 3, "resolves": 2, "code": "E1", "pointer": "/x"}
        changed = replace(record, **over)
        entry = an_entry(action=Action.DELIVERY_DUE, application=record.application_id)
        return Decision(answer=changed, record=changed, entries=(entry,))

    return await world.gateway.journal.decide(delivery.id, rule)


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose destination is paused: only the test moves a delivery."""
    async with World.make(tmp_path, paused=True) as world:
        yield world


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    ("operation", "allowed", "after"),
    [
        ("replay", NEEDS_A_PERSON, State.PENDING),
        ("confirm", NEEDS_A_PERSON, State.DELIVERED),
        ("cancel", UNFINISHED, State.CANCELLED),
    ],
)
async def test_a_person_decides_from_the_states_that_allow_it_only(
    quiet: World, operation: str, allowed: frozenset[State], after: State, state: State
) -> None:
    delivery = await stands(quiet, state)
    decide = getattr(quiet.gateway.operate.decide, operation)
    before = await quiet.actions()

    if state in allowed:
        view = await decide(str(delivery.id), actor=ME, reason="照会済み")
        assert view["state"] == after
        assert len(await quiet.actions()) == len(before) + 1
    else:
        with pytest.raises(OperationError, match=state.value):
            await decide(str(delivery.id), actor=ME, reason="照会済み")
        assert await quiet.actions() == before
        assert await quiet.gateway.journal.delivery(delivery.id) == delivery


@pytest.mark.parametrize(
    ("state", "operation", "words"),
    [
        (State.DELIVERED, "confirm", "it is delivered already: nothing to confirm"),
        (State.CANCELLED, "cancel", "it is cancelled already: nothing to take back"),
        (State.PENDING, "replay", "it is pending: nothing to send again unless it is parked"),
    ],
)
async def test_what_is_not_possible_is_said_in_words_of_operators(
    quiet: World, state: State, operation: str, words: str
) -> None:
    delivery = await stands(quiet, state)
    decide = getattr(quiet.gateway.operate.decide, operation)

    with pytest.raises(OperationError, match=words):
        await decide(str(delivery.id), actor=ME, reason="照会済み")


async def test_a_replay_is_a_new_attempt_with_a_new_budget(quiet: World) -> None:
    delivery = await stands(quiet, State.PARKED)

    await quiet.gateway.operate.decide.replay(str(delivery.id), actor=ME, reason="mended")

    record = await quiet.gateway.journal.delivery(delivery.id)
    assert record is not None
    assert (record.attempt, record.counted, record.resolves) == (2, 0, 0)
    assert (record.copy, record.worker, record.claimed_at) == (None, None, None)
    assert (record.code, record.pointer) == (None, None)
    assert record.budget_since > delivery.budget_since


async def test_a_decision_is_logged_with_who_why_and_from_where(quiet: World) -> None:
    delivery = await stands(quiet, State.PARKED)

    await quiet.gateway.operate.decide.confirm(
        str(delivery.id), actor=ME, reason="  窓口で確認 ", reference="K-9"
    )

    entry: Any = (await quiet.log())[-1]
    assert entry["action"] == "delivery.confirmed"
    assert entry["actor"] == {"kind": "operator", "name": "sato"}
    assert entry["delivery"] == str(delivery.id)
    assert entry["facts"] == {
        "destination": "core",
        "was": "parked",
        "state": "delivered",
        "attempt": 1,
        "order": None,
    }
    said = await words_of_last(quiet.gateway.journal, Action.DELIVERY_CONFIRMED)
    assert said == {"reason": "窓口で確認", "reference": "K-9"}


@pytest.mark.parametrize(("given", "kept"), [("K-9", "K-9"), (None, None)])
async def test_a_confirmed_delivery_takes_the_reference_that_was_found(
    quiet: World, given: str | None, kept: str | None
) -> None:
    delivery = await stands(quiet, State.IN_DOUBT)

    view = await quiet.gateway.operate.decide.confirm(
        str(delivery.id), actor=ME, reason="seen", reference=given
    )

    assert (view["reference"], view["code"]) == (kept, None)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "a\nb", "a\x00b", "\u202edecoy"])
async def test_a_decision_needs_a_reason_that_can_be_read(quiet: World, reason: str) -> None:
    delivery = await stands(quiet, State.PARKED)

    with pytest.raises(OperationError, match="reason"):
        await quiet.gateway.operate.decide.replay(str(delivery.id), actor=ME, reason=reason)


@pytest.mark.parametrize("reference", ["", "x" * 201, "a\x1bb"])
async def test_a_reference_must_be_one_that_can_be_read(quiet: World, reference: str) -> None:
    delivery = await stands(quiet, State.PARKED)

    with pytest.raises(OperationError, match="reference"):
        await quiet.gateway.operate.decide.confirm(
            str(delivery.id), actor=ME, reason="seen", reference=reference
        )


@pytest.mark.parametrize(
    ("delivery", "error"),
    [
        ("00000000-0000-7000-8000-000000000000", DeliveryNotFoundError),
        ("not-an-id", NotFoundError),
    ],
)
async def test_a_decision_about_nothing_is_refused(
    quiet: World, delivery: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await quiet.gateway.operate.decide.cancel(delivery, actor=ME, reason="typo")


async def test_what_arrives_although_it_was_cancelled_is_delivered_and_flagged(
    world: World,
) -> None:
    sending, may_end = asyncio.Event(), asyncio.Event()

    async def send(_: Application, __: Delivery) -> Receipt:
        sending.set()
        await may_end.wait()
        return Receipt(reference="K-1")

    world.adapter.send = send  # type: ignore[method-assign]
    world.start_worker()
    delivery = await world.accepted()
    await asyncio.wait_for(sending.wait(), 5)
    await world.gateway.operate.decide.cancel(str(delivery.id), actor=ME, reason="withdrawn")
    may_end.set()

    record = await world.until(delivery, State.DELIVERED)

    assert record.flagged
    view = await world.gateway.operate.look.parked_one(str(delivery.id), actor=ME)
    assert view["flagged"] is True


async def test_a_parked_delivery_that_is_replayed_is_sent_under_the_same_key(
    world: World,
) -> None:
    def rejects(*_: object) -> Receipt:
        raise RejectedError("E0002")

    world.adapter.script = [rejects]
    world.start_worker()
    delivery = await world.until(await world.accepted(), State.PARKED)

    await world.gateway.operate.decide.replay(str(delivery.id), actor=ME, reason="mended")
    record = await world.until(delivery, State.DELIVERED)

    assert record.attempt == 2
    assert {sent.idempotency_key for _, sent in world.adapter.sent} == {str(delivery.id)}
