"""Four eyes: one asks, another approves, and nobody goes round it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.account import Person, Role
from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.errors import KakehashiError
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.sdk import Application, Delivery, Receipt, RejectedError
from gateway.services.operate.by_name import operations
from gateway.services.operate.four_eyes import LIFETIME, FourEyes, WaitsForApprovalError
from gateway.services.operate.four_eyes_rule import COVERS, FourEyesRule
from gateway.services.operate.guard import Guard, NotPermittedError
from gateway.services.operate.permissions import PERMITTED
from gateway.services.operate.refusals import OperationError
from gateway.settings.operations import OperationsSettings
from gateway.testing.world import DESTINATION, World, words_of_last

SATO = Actor(ActorKind.OPERATOR, "sato")
SUZUKI = Actor(ActorKind.OPERATOR, "suzuki")
TANAKA = Actor(ActorKind.OPERATOR, "tanaka")


def refuses(_application: Application, _delivery: Delivery) -> Receipt:
    raise RejectedError("K-7")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    configured = {"four_eyes": ["replay.order", "parked.cancel", "destination.pause"], "above": 0}
    async with World.make(tmp_path, operations=configured) as world:
        world.start_worker()
        yield world


async def parked(world: World) -> DeliveryRecord:
    world.adapter.script.append(refuses)
    return await world.until(await world.accepted(), State.PARKED)


async def do(world: World, who: Actor, name: str, **arguments: object) -> Any:
    return await operations(world.gateway.operate)[name](who, arguments)


async def asked(world: World, who: Actor, name: str, **arguments: object) -> str:
    with pytest.raises(WaitsForApprovalError) as waits:
        await do(world, who, name, **arguments)
    return waits.value.approval


async def state_of(world: World, one: DeliveryRecord) -> State:
    record = await world.gateway.journal.delivery(one.id)
    assert record is not None
    return record.state


def test_whatever_is_covered_is_an_operation_and_can_be_configured() -> None:
    assert set().union(*COVERS.values()) <= PERMITTED.keys()
    schema = json.dumps(OperationsSettings.model_json_schema())
    assert all(f'"{name}"' in schema for name in COVERS)


async def test_what_was_asked_for_is_done_once_another_person_approves_it(world: World) -> None:
    one = await parked(world)
    request = await asked(world, SATO, "parked.cancel", delivery=str(one.id), reason="resubmitted")
    assert await state_of(world, one) == State.PARKED

    answer = await do(world, SUZUKI, "approval.approve", approval=request, reason="seen")

    assert answer["state"] == "approved"
    assert answer["result"] == "done"
    assert await state_of(world, one) == State.CANCELLED
    log = [entry for entry in await world.log() if entry["action"].startswith("approval.")]
    assert [(entry["action"], entry["actor"]["name"]) for entry in log] == [
        ("approval.requested", "sato"),
        ("approval.approved", "suzuki"),
    ]
    cancelled = next(e for e in await world.log() if e["action"] == "delivery.cancelled")
    assert cancelled["actor"]["name"] == "sato"
    journal = world.gateway.journal
    assert await words_of_last(journal, Action.APPROVAL_APPROVED) == {"reason": "seen"}


async def test_nobody_approves_or_refuses_what_they_asked_for_themselves(world: World) -> None:
    one = await parked(world)
    request = await asked(world, SATO, "parked.cancel", delivery=str(one.id), reason="resubmitted")

    for decision in ("approval.approve", "approval.refuse"):
        with pytest.raises(OperationError, match="another person"):
            await do(world, SATO, decision, approval=request, reason="I am sure")

    denied = [e for e in await world.log() if e["action"] == "operation.denied"]
    assert [(e["actor"]["name"], e["facts"]["operation"]) for e in denied] == [
        ("sato", "approval.approve"),
        ("sato", "approval.refuse"),
    ]
    assert await state_of(world, one) == State.PARKED


async def test_of_two_who_approve_at_once_one_is_told_that_it_waits_no_more(world: World) -> None:
    one = await parked(world)
    where = {"destination": DESTINATION}
    request = await asked(world, SATO, "replay.order", where=where, reason="mended")

    answers = await asyncio.gather(
        *(
            do(world, who, "approval.approve", approval=request, reason="seen")
            for who in (SUZUKI, TANAKA)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, OperationError) for answer in answers) == 1
    assert len(await do(world, SATO, "replay.list")) == 1
    assert await state_of(world, one) == State.PARKED


async def test_an_order_sends_nothing_that_began_to_wait_after_it_was_asked_for(
    world: World,
) -> None:
    await parked(world)
    where = {"destination": DESTINATION}
    request = await asked(world, SATO, "replay.order", where=where, reason="mended")
    await parked(world)

    answer = await do(world, SUZUKI, "approval.approve", approval=request, reason="seen")

    assert answer["deliveries"] == 1
    assert answer["answer"]["total"] == 1
    assert answer["result"] == answer["answer"]["id"]


async def test_what_can_no_longer_be_done_is_told_to_who_approves(world: World) -> None:
    one = await parked(world)
    chosen = [str(one.id)]
    request = await asked(
        world, SATO, "replay.order", where={"destination": DESTINATION}, reason="x"
    )
    other = await asked(world, SATO, "parked.cancel_each", deliveries=chosen, reason="resubmitted")
    await do(world, SUZUKI, "approval.approve", approval=other, reason="seen")

    answer = await do(world, SUZUKI, "approval.approve", approval=request, reason="seen")

    assert "nothing waits" in answer["refused"]
    assert answer["result"] == "operation.refused"


async def test_there_is_no_way_round_it(world: World) -> None:
    one = await parked(world)
    delivery = str(one.id)

    for name, arguments in (
        ("parked.replay", {"delivery": delivery}),
        ("parked.replay_each", {"deliveries": [delivery]}),
        ("parked.cancel_each", {"deliveries": [delivery]}),
        ("destination.pause", {"destination": DESTINATION}),
    ):
        await asked(world, SATO, name, reason="quickly", **arguments)

    assert await state_of(world, one) == State.PARKED
    assert {entry["action"] for entry in await world.log()}.isdisjoint(
        {"delivery.replayed", "delivery.cancelled", "destination.changed"}
    )


async def test_the_same_is_asked_for_once_at_a_time(world: World) -> None:
    one = await parked(world)
    said = {"delivery": str(one.id), "reason": "resubmitted"}
    request = await asked(world, SATO, "parked.cancel", **said)

    with pytest.raises(OperationError, match="already"):
        await do(world, SUZUKI, "parked.cancel", **{**said, "reason": "another"})

    await do(world, SATO, "approval.withdraw", approval=request, reason="mistaken")
    assert (await world.actions())[-1] == "approval.withdrawn"
    assert await asked(world, SUZUKI, "parked.cancel", **said) != request


async def test_only_who_asked_withdraws_and_somebody_else_refuses(world: World) -> None:
    one = await parked(world)
    request = await asked(world, SATO, "parked.cancel", delivery=str(one.id), reason="resubmitted")

    with pytest.raises(OperationError, match="only sato"):
        await do(world, SUZUKI, "approval.withdraw", approval=request, reason="no")
    await do(world, SUZUKI, "approval.refuse", approval=request, reason="not resubmitted yet")

    with pytest.raises(OperationError, match="refused"):
        await do(world, TANAKA, "approval.approve", approval=request, reason="yes")
    assert (await world.actions())[-1] == "approval.refused"


async def test_a_request_is_refused_for_the_reasons_for_which_it_would_not_be_done(
    world: World,
) -> None:
    one = await parked(world)
    refused: list[dict[str, object]] = [
        {"delivery": "no-id", "reason": "x"},
        {"delivery": str(one.id), "reason": " "},
        {"delivery": str(new_id()), "reason": "x"},
    ]
    for arguments in refused:
        with pytest.raises(KakehashiError) as told:
            await do(world, SATO, "parked.cancel", **arguments)
        assert not isinstance(told.value, WaitsForApprovalError)
    assert await do(world, SATO, "approval.list", waiting=True) == []


async def test_who_may_not_do_it_may_not_approve_it(world: World) -> None:
    one = await parked(world)
    request = await asked(world, SATO, "parked.cancel", delivery=str(one.id), reason="resubmitted")
    guard = Guard(
        operations(world.gateway.operate), journal=world.gateway.journal, clock=SystemClock()
    )
    admin = Person("suzuki", frozenset({Role.ADMIN}))

    with pytest.raises(NotPermittedError):
        await guard.perform(admin, "approval.approve", approval=request, reason="seen")

    operator = Person("suzuki", frozenset({Role.OPERATOR}))
    await guard.perform(operator, "approval.approve", approval=request, reason="seen")
    assert await state_of(world, one) == State.CANCELLED


class Later:
    """A clock that is ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead


async def test_a_request_that_nobody_decides_in_time_expires_and_is_told_of(world: World) -> None:
    one = await parked(world)
    clock, operate = Later(), world.gateway.operate
    four_eyes = FourEyes(
        rule=FourEyesRule(frozenset({"parked.cancel"})),
        journal=world.gateway.journal,
        clock=clock,
        new_id=new_id,
        at_rest=operate.attention.four_eyes._at_rest,
    )
    request = await asked(world, SATO, "parked.cancel", delivery=str(one.id), reason="resubmitted")

    clock.ahead = LIFETIME
    with pytest.raises(OperationError, match="expired"):
        await four_eyes.approve(request, actor=SUZUKI, reason="late", do={})

    assert (await four_eyes.show(request))["state"] == "expired"
    assert (await world.actions())[-1] == "approval.expired"


async def test_so_few_deliveries_need_nobody_else(tmp_path: Path) -> None:
    configured = {"four_eyes": ["parked.cancel"], "above": 1}
    async with World.make(tmp_path, operations=configured) as world:
        world.start_worker()
        first, second = await parked(world), await parked(world)

        both = [str(first.id), str(second.id)]
        await asked(world, SATO, "parked.cancel_each", deliveries=both, reason="resubmitted")
        await do(world, SATO, "parked.cancel", delivery=str(first.id), reason="resubmitted")

        assert await state_of(world, first) == State.CANCELLED


async def test_what_was_asked_for_is_kept_sealed(world: World, tmp_path: Path) -> None:
    one = await parked(world)
    await asked(world, SATO, "parked.cancel", delivery=str(one.id), reason="山田さんの件")

    [request] = await world.gateway.journal.approvals()

    assert request.arguments.startswith("sealed.1.")
    assert (await do(world, SUZUKI, "approval.list"))[0]["reason"] == "山田さんの件"
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not any("山田さん".encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize("lost", ["the account", "the role"])
async def test_what_somebody_asked_for_who_may_not_do_it_any_more_is_not_approved(
    world: World, lost: str
) -> None:
    one = await parked(world)
    accounts = world.gateway.operate.people.accounts
    await accounts.add("sato", (Role.OPERATOR,), actor=TANAKA)
    request = await asked(world, SATO, "parked.cancel", delivery=str(one.id), reason="resubmitted")
    if lost == "the account":
        await accounts.disable("sato", actor=TANAKA)
    else:
        await accounts.change("sato", (Role.VIEWER,), actor=TANAKA)

    with pytest.raises(OperationError, match="sato, who asked for it, may not do it any more"):
        await do(world, SUZUKI, "approval.approve", approval=request, reason="seen")

    assert await state_of(world, one) == State.PARKED
    await do(world, SUZUKI, "approval.refuse", approval=request, reason="sato has left")


async def test_few_enough_are_sent_again_as_they_were_counted(tmp_path: Path) -> None:
    said: list[object] = []

    async def order(_: Actor, arguments: Any) -> object:
        said.append(arguments["where"]["until"])
        return {}

    async def plan(_: Actor, _arguments: Any) -> object:
        return {"selection": "all", "total": 3}

    async with World.make(tmp_path) as world:
        eyes = FourEyes(
            rule=FourEyesRule(frozenset({"replay.order"}), above=3),
            journal=world.gateway.journal,
            clock=SystemClock(),
            new_id=new_id,
            at_rest=world.gateway.operate.attention.four_eyes._at_rest,
        )
        watched = eyes.watched("replay.order", order, plan)
        await watched(SATO, {"where": {"destination": DESTINATION}, "reason": "back"})

    assert said[0] is not None
    assert datetime.fromisoformat(str(said[0])) <= SystemClock().now()


@pytest.mark.parametrize(
    "said",
    [{"settings": {"paused": True}}, {"reset": ("paused",)}, {"reset": ["rate_per_s", "paused"]}],
)
async def test_a_change_that_pauses_is_no_way_round_a_second_person(
    world: World, said: dict[str, Any]
) -> None:
    await asked(world, SATO, "destination.change", destination=DESTINATION, reason="x", **said)

    changed = {"settings": {"rate_per_s": 5}}
    await do(world, SATO, "destination.change", destination=DESTINATION, reason="slow", **changed)


async def test_a_request_is_over_in_time_however_many_wait_behind_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await parked(world)
    clock, operate = Later(), world.gateway.operate
    four_eyes = FourEyes(
        rule=FourEyesRule(frozenset({"parked.cancel"})),
        journal=world.gateway.journal,
        clock=clock,
        new_id=new_id,
        at_rest=operate.attention.four_eyes._at_rest,
    )
    request = await asked(world, SATO, "parked.cancel", delivery=str(one.id), reason="resubmitted")
    await asked(world, SATO, "destination.pause", destination=DESTINATION, reason="maintenance")
    monkeypatch.setattr("gateway.services.operate.four_eyes._ALL", 1)

    clock.ahead = LIFETIME
    with pytest.raises(OperationError, match="expired"):
        await four_eyes.approve(request, actor=SUZUKI, reason="late", do={})

    assert await state_of(world, one) == State.PARKED


async def test_nobody_buries_the_requests_of_others_below_their_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.services.operate.four_eyes._MOST_OF_ONE", 1)
    one = str((await parked(world)).id)
    await asked(world, SATO, "destination.pause", destination=DESTINATION, reason="maintenance")

    with pytest.raises(OperationError, match="requests of yours wait already"):
        await do(world, SATO, "parked.cancel", delivery=one, reason="resubmitted")

    assert await asked(world, TANAKA, "parked.cancel", delivery=one, reason="resubmitted")


async def test_who_is_told_how_far_it_is_asks_for_a_second_person_all_the_same(
    tmp_path: Path,
) -> None:
    async with World.make(tmp_path, operations={"four_eyes": ["retention.run"]}) as world:
        request = await asked(world, SATO, "retention.run", told=lambda _done, _of: None)

        answer = await do(world, SUZUKI, "approval.approve", approval=request, reason="seen")

        assert answer["result"] == "done"
