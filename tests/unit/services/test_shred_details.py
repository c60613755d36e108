"""What was said about an application is read by operators, until it is erased."""

from typing import Any

import pytest

from gateway.domain.entry import Action, Actor, ActorKind
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.testing.builders import an_id
from gateway.testing.world import World, words_of_last

ME = Actor(ActorKind.OPERATOR, "sato")
REASON = "山田太郎様が窓口で取り下げ"


async def test_a_reason_is_read_in_the_timeline_and_stands_nowhere_in_plain(world: World) -> None:
    delivery = await world.accepted()
    await world.gateway.operate.decide.cancel(str(delivery.id), actor=ME, reason=REASON)

    [found] = await world.gateway.operate.look.status(str(delivery.application_id), actor=ME)

    hop: Any = found["timeline"][-1]  # type: ignore[index]
    assert (hop["action"], hop["words"], hop["erased"]) == (
        "delivery.cancelled",
        {"reason": REASON},
        False,
    )
    assert not [
        entry.data
        async for entry in world.gateway.journal.entries()
        if REASON.encode() in entry.data
    ]


async def test_after_shredding_the_timeline_says_that_the_words_were_erased(world: World) -> None:
    delivery, other = await world.accepted(), await world.accepted()
    for each in (delivery, other):
        await world.gateway.operate.decide.cancel(str(each.id), actor=ME, reason=REASON)
    application = str(delivery.application_id)

    done = await world.gateway.operate.shred_details(application, actor=ME, reason="保存期間満了")

    assert done == {"application": application, "details": 1}
    [found] = await world.gateway.operate.look.status(application, actor=ME)
    cancelled, shredded = found["timeline"][-2:]  # type: ignore[index]
    assert (cancelled["words"], cancelled["erased"]) == ({}, True)
    assert (shredded["action"], shredded["facts"]) == ("detail.shredded", {"details": 1})
    assert shredded["words"] == {"reason": "保存期間満了"}
    [kept] = await world.gateway.operate.look.status(str(other.application_id), actor=ME)
    assert kept["timeline"][-1]["words"] == {"reason": REASON}  # type: ignore[index]
    report: Any = await world.gateway.operate.verify_log(actor=ME)
    assert report["ok"]
    assert (await words_of_last(world.gateway.journal, Action.DELIVERY_CANCELLED)) == {
        "reason": REASON
    }


async def test_there_must_be_something_to_shred_and_a_reason(world: World) -> None:
    delivery = await world.accepted()
    shred = world.gateway.operate.shred_details

    with pytest.raises(OperationError, match="nothing to shred"):
        await shred(str(delivery.application_id), actor=ME, reason="x")
    with pytest.raises(NotFoundError):
        await shred(str(an_id()), actor=ME, reason="x")
    with pytest.raises(OperationError, match="reason"):
        await shred(str(delivery.application_id), actor=ME, reason=" ")
    assert "detail.shredded" not in await world.actions()
