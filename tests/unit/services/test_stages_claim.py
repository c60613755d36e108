"""A claim whose commit, answer or journal is lost: asked again, sent exactly once."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.bootstrap.key_names import worker_key
from gateway.crypto.sign import Signer
from gateway.domain.claim import Claim
from gateway.domain.identifiers import CopyId, DeliveryId, DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.drivers.system_clock import new_id
from gateway.ports.broker import CLAIMS
from gateway.services.stages import claim
from gateway.services.wire import CLAIMS_CODEC, Claims
from gateway.testing.faults import FlakyBroker, FlakyJournal
from gateway.testing.world import DESTINATION, World, eventually


def events(logs: list[Any], name: str) -> list[Any]:
    return [entry for entry in logs if entry["event"] == name]


async def test_nothing_is_opened_while_the_journal_cannot_commit_the_claim(
    flaky: World, journal: FlakyJournal
) -> None:
    delivery = await flaky.until(await flaky.accepted(), State.QUEUED)
    journal.is_down = True
    with capture_logs() as logs:
        flaky.start_worker()
        await eventually(lambda: len(events(logs, "claim.not_committed")) >= 2)
    sent_meanwhile = len(flaky.adapter.sent)
    journal.is_down = False

    await flaky.until(delivery, State.DELIVERED)

    assert sent_meanwhile == 0
    assert len(flaky.adapter.sent) == 1


@pytest.fixture
def patient(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it comes after
    """An answer is waited for as long as a busy machine may take; what is lost is lost anyway."""
    monkeypatch.setattr(claim, "_ANSWER_TIMEOUT_S", 0.5)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("committed", [True, False])
async def test_a_claim_whose_commit_is_unknown_leads_to_one_send(
    flaky: World, journal: FlakyJournal, *, committed: bool
) -> None:
    journal.lose_commit("AnswerClaims", committed=committed)
    flaky.start_worker()

    await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert journal._unknown == []
    assert len(flaky.adapter.sent) == 1
    assert (await flaky.actions()).count("delivery.claimed") == 1 + committed


async def test_an_instance_that_got_no_answer_asks_again_and_may_go(
    flaky: World, broker: FlakyBroker
) -> None:
    broker.lost_answers = 2
    flaky.start_worker()

    await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert len(flaky.adapter.sent) == 1
    assert "delivery.claimed" in await flaky.actions()


@pytest.mark.usefixtures("patient")
async def test_unanswered_claims_are_told_once_and_so_is_that_they_are_answered_again(
    flaky: World, broker: FlakyBroker
) -> None:
    broker.lost_answers = 3
    flaky.start_worker()

    with capture_logs() as logs:
        await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert len(events(logs, "claims.unanswered")) == 1
    assert len(events(logs, "claims.answered_again")) == 1


async def test_many_copies_are_claimed_in_few_messages_and_sent_once_each(flaky: World) -> None:
    deliveries = [await flaky.accepted() for _ in range(8)]
    for delivery in deliveries:
        await flaky.until(delivery, State.QUEUED)
    flaky.start_worker()

    for delivery in deliveries:
        await flaky.until(delivery, State.DELIVERED)

    assert len(flaky.adapter.sent) == 8


def a_claim(world: World, **over: Any) -> Any:
    members = {
        "delivery_id": DeliveryId(new_id()),
        "destination": DestinationName(DESTINATION),
        "attempt": 1,
        "copy": CopyId(new_id()),
        "worker": WorkerName("w1/aaaa"),
    }
    signer = Signer(world.store.private(worker_key("w1")))
    return CLAIMS_CODEC.write(Claims((Claim(**{**members, **over}),)), signer)


async def test_a_claim_of_an_unknown_delivery_gets_no_answer(flaky: World) -> None:
    with capture_logs() as logs:
        await flaky.broker.publish(CLAIMS, a_claim(flaky))
        await eventually(lambda: bool(events(logs, "claim.delivery_unknown")))

    assert "delivery.claimed" not in await flaky.actions()


async def test_a_claim_for_a_destination_that_is_no_longer_configured_gets_no_answer(
    flaky: World,
) -> None:
    flaky.gateway.answer_claims._policies = {}
    with capture_logs() as logs:
        await flaky.broker.publish(CLAIMS, a_claim(flaky))
        await eventually(lambda: bool(events(logs, "claim.destination_unknown")))

    assert "delivery.claimed" not in await flaky.actions()


async def test_a_forged_claim_is_survived_while_the_journal_cannot_record_it(
    flaky: World, broker: FlakyBroker, journal: FlakyJournal
) -> None:
    journal.is_down = True
    with capture_logs() as logs:
        await broker.publish(CLAIMS, a_claim(flaky, worker=WorkerName("somebody/else")))
        await eventually(lambda: bool(events(logs, "refusal.not_recorded")))
    journal.is_down = False
    flaky.start_worker()

    await flaky.until(await flaky.accepted(), State.DELIVERED)


async def test_a_claim_that_is_given_up_while_it_is_asked_is_no_concern_of_the_others(
    flaky: World,
) -> None:
    desk = flaky.worker._desk
    asking = asyncio.create_task(desk.run())
    given_up = asyncio.create_task(desk.ask(CLAIM))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait({given_up})
    await asyncio.sleep(0.1)

    assert given_up.cancelled()
    assert not asking.done()
    asking.cancel()
    await asyncio.wait({asking})


CLAIM = Claim(
    delivery_id=DeliveryId(new_id()),
    destination=DestinationName(DESTINATION),
    attempt=1,
    copy=CopyId(new_id()),
    worker=WorkerName("w1/aaaa"),
)


async def test_a_claim_that_no_journal_could_store_is_not_answered_and_stops_nothing(
    flaky: World, journal: FlakyJournal
) -> None:
    original = journal.decide

    async def decide(delivery_id: DeliveryId, rule: Any) -> Any:
        if "AnswerClaims" in rule.__qualname__:
            journal.decide = original  # type: ignore[method-assign]
            raise ValueError("an entry that is too long")
        return await original(delivery_id, rule)

    journal.decide = decide  # type: ignore[method-assign]
    with capture_logs() as logs:
        flaky.start_worker()
        await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert len(events(logs, "claim.not_storable")) == 1
    assert len(flaky.adapter.sent) == 1
