"""What a core system says later: twice, out of order, too early, or of what is not its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from gateway.bootstrap.key_names import webhook_key, worker_key
from gateway.crypto import keys
from gateway.crypto.sign import Signer
from gateway.domain.identifiers import ClientName, DeliveryId, DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.records import DeliveryRecord, FeedbackRecord
from gateway.domain.webhook import Webhook
from gateway.drivers.memory_keys import MemoryKeys
from gateway.ports.broker import OUTCOMES
from gateway.sdk import Feedback, Receipt, UnknownOutcomeError
from gateway.services import wire
from gateway.services.accept import AcceptanceReceipt
from gateway.testing.world import CLIENT, DESTINATION, MUNICIPALITY, World, eventually

DECIDED = datetime(2026, 11, 20, 1, tzinfo=UTC)
NEIGHBOUR = "131024"
ENDPOINT = {"url": "http://127.0.0.1:9/hooks"}
CLIENTS = {
    CLIENT: {
        "municipalities": [MUNICIPALITY, NEIGHBOUR],
        "procedures": ["childcare/*"],
        "webhook": ENDPOINT,
        "feedback_codes": {"document.missing": "E-41"},
    }
}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[World]:
    """Two municipalities, each with a core system, and workers that may report for some of them."""
    store = MemoryKeys()
    store.add(webhook_key(CLIENT), keys.new_secret(), private=True)
    async with World.make(
        tmp_path,
        store=store,
        clients=CLIENTS,
        municipalities={NEIGHBOUR: {"name": "中央区"}},
        destinations={
            "next-door": {"municipality": NEIGHBOUR, "adapter": "file"},
            "archive": {"municipality": MUNICIPALITY, "adapter": "file"},
        },
        routes=[
            {"municipality": MUNICIPALITY, "procedure": "*", "to": [DESTINATION]},
            {"municipality": NEIGHBOUR, "procedure": "*", "to": ["next-door"]},
        ],
        workers={
            "w1": {"destinations": [DESTINATION, "next-door"]},
            "narrow": {"destinations": [DESTINATION]},
            "both": {"destinations": ["archive", "next-door", DESTINATION]},
        },
        feedback_codes={"K012": "document.missing"},
    ) as world:
        yield world


def said(delivery: DeliveryId, **over: Any) -> FeedbackRecord:
    members = {
        "id": "r-1",
        "delivery_id": delivery,
        "status": FeedbackStatus.ACCEPTED,
        "at": DECIDED,
        "received_at": DECIDED,
        "destination": DestinationName(DESTINATION),
    }
    return FeedbackRecord(**{**members, **over})


async def report(world: World, feedback: FeedbackRecord, *, worker: str = "w1") -> None:
    signer = Signer(world.store.private(worker_key(worker)))
    headers = {wire.KIND_HEADER: wire.FEEDBACK_TYPE}
    await world.broker.publish(OUTCOMES, wire.FEEDBACK_CODEC.write(feedback, signer, headers))


async def reported(world: World, *feedback: FeedbackRecord, worker: str = "w1") -> list[Any]:
    """Report and wait until each was recorded or refused; return what was logged."""
    with capture_logs() as logs:
        for one in feedback:
            await report(world, one, worker=worker)
        await eventually(lambda: len(_answered(logs)) == len(feedback))
    return _answered(logs)


def _answered(logs: Sequence[Any]) -> list[Any]:
    events = ("feedback.recorded", "feedback.delivery_unknown", "outcome.refused")
    return [log for log in logs if log["event"] in events]


async def delivered(world: World) -> DeliveryRecord:
    world.start_worker()
    return await world.until(await world.accepted(), State.DELIVERED)


async def history(world: World, delivery: DeliveryRecord) -> list[dict[str, Any]]:
    found: Any = await world.gateway.track.status(delivery.application_id, ClientName(CLIENT))
    return list(found["feedback"])


async def outbox(world: World) -> Sequence[Webhook]:
    far = datetime.now(UTC) + timedelta(hours=1)
    return await world.gateway.journal.lease_webhooks(
        ClientName(CLIENT), limit=50, now=far, until=far + timedelta(seconds=1)
    )


async def refusals(world: World) -> list[tuple[object, object]]:
    """Return what was refused, as soon as there is anything."""
    async with asyncio.timeout(5):
        while "message.refused" not in await world.actions():  # noqa: ASYNC110 - a state
            await asyncio.sleep(0.01)
    return [
        (entry["facts"]["kind"], entry["facts"]["code"])
        for entry in await world.log()
        if entry["action"] == "message.refused"
    ]


async def test_a_status_is_in_the_history_and_in_the_outbox_in_both_sides_codes(
    town: World,
) -> None:
    delivery = await delivered(town)
    town.adapter.statuses.put_nowait(
        Feedback(
            id="r-1",
            idempotency_key=delivery.idempotency_key,
            status=FeedbackStatus.RETURNED,
            at=DECIDED,
            code="K012",
        )
    )

    async with asyncio.timeout(5):
        while not await outbox(town):  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0.01)

    [webhook] = await outbox(town)
    assert (webhook.feedback.status, webhook.feedback.code) == ("returned", "document.missing")
    [line] = await history(town, delivery)
    assert (line["status_ja"], line["code"]) == ("差戻し", "E-41")


async def test_a_code_that_no_table_has_is_told_as_it_is(town: World) -> None:
    delivery = await delivered(town)

    await reported(town, said(delivery.id, code="K099"))

    assert [line["code"] for line in await history(town, delivery)] == ["K099"]


async def test_a_status_that_arrives_twice_is_kept_and_told_once(town: World) -> None:
    delivery = await delivered(town)

    await reported(town, *[said(delivery.id)] * 3)

    assert len(await history(town, delivery)) == 1
    assert len(await outbox(town)) == 1


async def test_statuses_that_arrive_out_of_order_are_shown_as_they_were_decided(
    town: World,
) -> None:
    delivery = await delivered(town)
    done = said(delivery.id, id="r-2", status=FeedbackStatus.COMPLETED)
    taken = said(delivery.id, id="r-1", at=DECIDED - timedelta(days=1))

    await reported(town, done)
    await reported(town, taken)

    shown = [line["status"] for line in await history(town, delivery)]
    assert shown == ["accepted", "completed"]


async def test_a_status_of_what_there_is_not_is_refused_and_told_in_the_log(town: World) -> None:
    delivery = await delivered(town)

    await reported(town, said(DeliveryId(UUID(int=7))))

    assert await refusals(town) == [("feedback", "delivery.not_found")]
    assert await history(town, delivery) == []
    assert not await outbox(town)


async def at_the_neighbours(world: World) -> DeliveryRecord:
    receipt = await world.submit(municipality=NEIGHBOUR)
    assert isinstance(receipt, AcceptanceReceipt)
    return await world.delivery_of(receipt.id)


async def test_a_worker_says_nothing_of_a_destination_that_is_not_its_own(town: World) -> None:
    theirs = await at_the_neighbours(town)

    named = said(theirs.id, destination=DestinationName("next-door"))
    await reported(town, named, worker="narrow")

    assert await refusals(town) == [("outcome", "seal.signature_invalid")]
    assert not await outbox(town)


@pytest.mark.parametrize("by", ["archive", DESTINATION])
async def test_a_core_system_says_nothing_of_another_municipalitys_application(
    town: World, by: str
) -> None:
    theirs = await at_the_neighbours(town)

    # This worker serves both, and one of its core systems names the other's key.
    await reported(town, said(theirs.id, destination=DestinationName(by)), worker="both")

    assert await refusals(town) == [("outcome", "seal.signature_invalid")]
    assert not await outbox(town)


async def test_an_adapter_that_names_another_core_systems_delivery_is_not_believed(
    town: World,
) -> None:
    theirs = await at_the_neighbours(town)
    town.start_worker()

    # The worker may report for both, and says whose adapter it was.
    town.adapter.statuses.put_nowait(
        Feedback(
            id="r-1",
            idempotency_key=theirs.idempotency_key,
            status=FeedbackStatus.REJECTED,
            at=DECIDED,
        )
    )

    assert await refusals(town) == [("outcome", "seal.signature_invalid")]
    assert await history(town, theirs) == []


async def test_a_worker_of_the_version_before_may_leave_its_destination_out(town: World) -> None:
    delivery = await delivered(town)

    await reported(town, said(delivery.id, destination=None))

    assert len(await history(town, delivery)) == 1


async def test_a_status_may_come_before_it_is_known_that_the_delivery_arrived(
    town: World,
) -> None:
    def says_nothing(*_: object) -> Receipt:
        raise UnknownOutcomeError("timeout")

    town.adapter.script.append(says_nothing)
    town.start_worker()
    delivery = await town.until(await town.accepted(), State.IN_DOUBT)

    await reported(town, said(delivery.id))

    found = await town.gateway.journal.delivery(delivery.id)
    assert found is not None
    assert found.state == State.IN_DOUBT
    assert len(await history(town, delivery)) == 1
    assert len(await outbox(town)) == 1


async def test_a_status_of_what_was_never_sent_is_made_up(town: World) -> None:
    delivery = await town.accepted()

    await reported(town, said(delivery.id))

    assert await refusals(town) == [("outcome", "message.malformed")]
    assert await history(town, delivery) == []


async def test_an_unsigned_status_is_refused(town: World) -> None:
    delivery = await delivered(town)
    stranger = Signer(keys.new_signing_key())
    headers = {wire.KIND_HEADER: wire.FEEDBACK_TYPE}
    message = wire.FEEDBACK_CODEC.write(said(delivery.id), stranger, headers)

    with capture_logs() as logs:
        await town.broker.publish(OUTCOMES, message)
        await eventually(lambda: bool(_answered(logs)))

    assert await refusals(town) == [("outcome", "seal.signature_invalid")]
    assert await history(town, delivery) == []
