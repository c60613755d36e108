"""What is unsigned, forged, moved or replayed is refused before it does anything."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.bootstrap.key_names import GATEWAY_KEY, destination_key, worker_key
from gateway.crypto import keys
from gateway.crypto.seal import Sealer, read_envelope
from gateway.crypto.sign import Purpose, Signer
from gateway.domain.claim import Claim, Heartbeat
from gateway.domain.identifiers import CopyId, DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus, Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord, FeedbackRecord
from gateway.drivers.system_clock import new_id
from gateway.ports.broker import CLAIMS, HEARTBEATS, OUTCOMES, Message, destination_queue
from gateway.services import wire
from gateway.testing.world import DESTINATION, World

NOW = datetime.now(UTC)


async def a_copy(world: World) -> tuple[DeliveryRecord, Message]:
    """Accept an application and take its copy off the queue."""
    delivery = await world.until(await world.accepted(), State.QUEUED)
    async with world.broker.consume(destination_queue(DESTINATION), prefetch=1) as copies:
        received = await anext(aiter(copies))
        await received.ack()
    return delivery, received.message


def unsigned(message: Message, _: World) -> Message:
    headers = {k: v for k, v in message.headers.items() if k != wire.SIGNATURE_HEADER}
    return replace(message, headers=headers)


def signed_by_somebody(message: Message, _: World) -> Message:
    signature = Signer(keys.new_signing_key()).sign(message.body, Purpose.DELIVERY)
    return with_signature(message, signature)


def signed_for_another_purpose(message: Message, world: World) -> Message:
    signer = Signer(world.store.private(GATEWAY_KEY))
    return with_signature(message, signer.sign(message.body, Purpose.CLAIM_ANSWER))


def signature_of_another_body(message: Message, world: World) -> Message:
    signer = Signer(world.store.private(GATEWAY_KEY))
    return with_signature(message, signer.sign(b"another", Purpose.DELIVERY))


def without_ids(message: Message, _: World) -> Message:
    headers = {k: v for k, v in message.headers.items() if k != wire.ID_HEADER}
    return replace(message, headers=headers)


def moved(**over: Any) -> Callable[[Message, World], Message]:
    """Seal and sign what the gateway would for another destination, but put it here."""

    def move(message: Message, world: World) -> Message:
        envelope = replace(read_envelope(message.body), **over)
        public = world.store.public(destination_key(DESTINATION))
        sealed = Sealer(public).seal(b"{}", envelope)
        signature = Signer(world.store.private(GATEWAY_KEY)).sign(sealed, Purpose.DELIVERY)
        return with_signature(replace(message, body=sealed), signature)

    return move


def with_signature(message: Message, signature: str) -> Message:
    return replace(message, headers={**message.headers, wire.SIGNATURE_HEADER: signature})


@pytest.mark.parametrize(
    "forge",
    [
        unsigned,
        signed_by_somebody,
        signed_for_another_purpose,
        signature_of_another_body,
        without_ids,
        moved(destination="kaigo"),
        moved(municipality="141003"),
    ],
    ids=lambda forge: forge.__qualname__,
)
async def test_a_worker_refuses_a_forged_copy_before_claiming_it(
    world: World, forge: Callable[[Message, World], Message]
) -> None:
    delivery, message = await a_copy(world)
    world.start_worker()

    await world.broker.publish(destination_queue(DESTINATION), forge(message, world))
    await until_logged(world, "message.refused")

    record = await world.gateway.journal.delivery(delivery.id)
    assert record is not None
    assert record.state == State.QUEUED
    assert world.adapter.sent == []


async def test_a_copy_altered_after_signing_is_refused_before_claiming(world: World) -> None:
    delivery, message = await a_copy(world)
    world.start_worker()
    body = bytearray(message.body)
    body[-10] ^= 1

    await world.broker.publish(destination_queue(DESTINATION), replace(message, body=bytes(body)))
    await until_logged(world, "message.refused")

    record = await world.gateway.journal.delivery(delivery.id)
    assert record is not None
    assert record.state == State.QUEUED


async def test_a_copy_under_an_older_cloudevents_prefix_is_read(world: World) -> None:
    delivery, message = await a_copy(world)
    world.start_worker()
    headers = {name.replace("ce-", "cloudEvents:"): v for name, v in message.headers.items()}

    await world.broker.publish(destination_queue(DESTINATION), replace(message, headers=headers))

    await world.until(delivery, State.DELIVERED)


async def test_the_same_copy_doubled_on_the_broker_is_sent_once(world: World) -> None:
    delivery, message = await a_copy(world)
    world.start_worker()

    for _ in range(5):
        await world.broker.publish(destination_queue(DESTINATION), message)
    await world.until(delivery, State.DELIVERED)
    await asyncio.sleep(0.1)

    assert len(world.adapter.sent) == 1


async def test_other_copies_of_the_same_attempt_are_sent_once(world: World) -> None:
    delivery, message = await a_copy(world)
    world.start_worker()

    for _ in range(5):
        headers = {**message.headers, wire.ID_HEADER: str(new_id())}
        await world.broker.publish(
            destination_queue(DESTINATION), replace(message, headers=headers)
        )
    await world.until(delivery, State.DELIVERED)
    await asyncio.sleep(0.1)

    assert len(world.adapter.sent) == 1


def an_outcome(delivery: DeliveryRecord, **over: Any) -> Outcome:
    members = {
        "delivery_id": delivery.id,
        "attempt": 1,
        "copy": CopyId(new_id()),
        "worker": WorkerName("w1/beef"),
        "kind": OutcomeKind.DELIVERED,
        "received_at": NOW,
        "answered_at": NOW,
    }
    return Outcome(**{**members, **over})


@pytest.fixture
async def two_workers(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose gateway trusts a second worker, for no destination."""
    async with World.make(tmp_path, workers={"w2": {"destinations": []}}) as world:
        yield world


async def test_an_outcome_without_the_workers_signature_is_refused(world: World) -> None:
    delivery = await world.until(await world.accepted(), State.QUEUED)
    stranger = Signer(keys.new_signing_key())

    await world.broker.publish(OUTCOMES, wire.OUTCOME_CODEC.write(an_outcome(delivery), stranger))
    await until_logged(world, "message.refused")

    await world.until(delivery, State.QUEUED)


async def test_a_worker_may_not_report_for_another_destination(two_workers: World) -> None:
    world = two_workers
    delivery = await world.until(await world.accepted(), State.QUEUED)
    other = Signer(world.store.private(worker_key("w2")))

    for worker in ("w2/beef", "w1/beef"):
        outcome = an_outcome(delivery, worker=WorkerName(worker))
        await world.broker.publish(OUTCOMES, wire.OUTCOME_CODEC.write(outcome, other))
    await until_logged(world, "message.refused", times=2)

    await world.until(delivery, State.QUEUED)


async def test_delivered_for_what_nobody_claimed_is_recorded_and_not_believed(
    world: World,
) -> None:
    delivery = await world.until(await world.accepted(), State.QUEUED)
    signer = Signer(world.store.private(worker_key("w1")))

    await world.broker.publish(OUTCOMES, wire.OUTCOME_CODEC.write(an_outcome(delivery), signer))
    await until_logged(world, "outcome.ignored")

    await world.until(delivery, State.QUEUED)


async def test_a_replayed_outcome_changes_nothing(world: World) -> None:
    signer = Signer(world.store.private(worker_key("w1")))
    world.start_worker()
    delivery = await world.until(await world.accepted(), State.DELIVERED)
    entries = await world.log()
    claimed: Any = next(e for e in entries if e["action"] == "delivery.claimed")["facts"]
    outcome = an_outcome(delivery, kind=OutcomeKind.REJECTED, code="X", copy=UUID(claimed["copy"]))

    await world.broker.publish(OUTCOMES, wire.OUTCOME_CODEC.write(outcome, signer))
    await until_logged(world, "outcome.ignored")

    record = await world.until(delivery, State.DELIVERED)
    assert record.code is None


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b'{"delivery_id": 1}', b"\xff\xfe", b"[" * 100_000]
)
async def test_garbage_signed_by_a_worker_is_refused(world: World, body: bytes) -> None:
    signer = Signer(world.store.private(worker_key("w1")))
    headers = {wire.SIGNATURE_HEADER: signer.sign(body, Purpose.OUTCOME)}

    await world.broker.publish(OUTCOMES, Message(body=body, headers=headers))

    await until_logged(world, "message.refused")


async def test_a_time_without_a_zone_is_refused_rather_than_compared(world: World) -> None:
    delivery = await world.until(await world.accepted(), State.QUEUED)
    signer = Signer(world.store.private(worker_key("w1")))
    naive = an_outcome(delivery, answered_at=NOW.replace(tzinfo=None))

    await world.broker.publish(OUTCOMES, wire.OUTCOME_CODEC.write(naive, signer))

    await until_logged(world, "message.refused")


async def test_a_claim_of_another_worker_gets_no_answer(two_workers: World) -> None:
    world = two_workers
    delivery = await world.until(await world.accepted(), State.QUEUED)
    other = Signer(world.store.private(worker_key("w2")))
    claim = Claim(
        delivery_id=delivery.id,
        destination=DestinationName(DESTINATION),
        attempt=1,
        copy=CopyId(new_id()),
        worker=WorkerName("w2/beef"),
    )
    question = wire.CLAIMS_CODEC.write(wire.Claims((claim,)), other)

    asking = asyncio.create_task(world.broker.request(CLAIMS, question, timeout_s=5))
    await until_logged(world, "message.refused")
    asking.cancel()

    await world.until(delivery, State.QUEUED)


async def test_a_heartbeat_of_a_stranger_is_passed_over_and_one_from_the_future_is_heard_now(
    world: World,
) -> None:
    signer = Signer(world.store.private(worker_key("w1")))
    beat = Heartbeat(
        worker=WorkerName("w1/beef"),
        destination=DestinationName(DESTINATION),
        version="0",
        adapter="x",
        in_flight=0,
        healthy=True,
        checked_at=NOW,
        at=NOW,
    )
    future = replace(beat, worker=WorkerName("w1/future"), at=NOW.replace(year=2200))
    stranger = Signer(keys.new_signing_key())
    for message in (
        wire.HEARTBEAT_CODEC.write(replace(beat, worker=WorkerName("w1/forged")), stranger),
        wire.HEARTBEAT_CODEC.write(future, signer),
        wire.HEARTBEAT_CODEC.write(beat, signer),
    ):
        await world.broker.publish(HEARTBEATS, message)

    beats: list[Heartbeat] = []
    async with asyncio.timeout(5):
        while len(beats) < 2:
            await asyncio.sleep(0.01)
            beats = list(await world.gateway.journal.heartbeats())

    assert [kept.worker for kept in beats] == ["w1/beef", "w1/future"]
    assert all(kept.heard_at and kept.heard_at.year < 2200 for kept in beats)


async def test_feedback_is_kept_once_however_often_it_comes(world: World) -> None:
    world.start_worker()
    delivery = await world.until(await world.accepted(), State.DELIVERED)
    signer = Signer(world.store.private(worker_key("w1")))
    feedback = FeedbackRecord(
        id="result-1:3",
        delivery_id=delivery.id,
        status=FeedbackStatus.REJECTED,
        code="K012",
        at=NOW,
        received_at=NOW,
    )
    message = wire.FEEDBACK_CODEC.write(feedback, signer, {wire.KIND_HEADER: wire.FEEDBACK_TYPE})

    for _ in range(3):
        await world.broker.publish(OUTCOMES, message)
    await until_logged(world, "feedback.received")
    await asyncio.sleep(0.1)

    dossier = await world.gateway.journal.dossier(delivery.application_id)
    assert dossier is not None
    assert [(kept.status, kept.code) for kept in dossier.feedback] == [
        (FeedbackStatus.REJECTED, "K012")
    ]


async def until_logged(world: World, action: str, *, times: int = 1) -> None:
    async with asyncio.timeout(5):
        while (await world.actions()).count(action) < times:  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0.01)
