"""An outcome that broker or journal cannot take now is recorded later, and once."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.bootstrap.key_names import worker_key
from gateway.crypto.sign import Signer
from gateway.domain.errors import SignatureInvalidError
from gateway.domain.identifiers import CopyId, DeliveryId, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus, Outcome, OutcomeKind
from gateway.domain.records import FeedbackRecord
from gateway.drivers.system_clock import new_id
from gateway.ports.broker import OUTCOMES, Message
from gateway.sdk import Receipt
from gateway.services.wire import (
    FEEDBACK_CODEC,
    FEEDBACK_TYPE,
    KIND_HEADER,
    OUTCOME_CODEC,
    OUTCOME_TYPE,
)
from gateway.services.workers import WorkerRegister
from gateway.testing.faults import FlakyBroker, FlakyJournal
from gateway.testing.world import MUNICIPALITY, World, eventually


def seen(logs: list[Any], name: str) -> bool:
    return any(entry["event"] == name for entry in logs)


async def test_an_outcome_waits_unacknowledged_for_the_journal(
    flaky: World, journal: FlakyJournal
) -> None:
    def takes(*_: object) -> Receipt:
        journal.is_down = True
        return Receipt(reference="K-1")

    flaky.adapter.script = [takes]
    flaky.start_worker()
    with capture_logs() as logs:
        delivery = await flaky.accepted()
        await eventually(lambda: seen(logs, "outcome.not_committed"))
    journal.is_down = False

    record = await flaky.until(delivery, State.DELIVERED)

    assert record.reference == "K-1"
    assert len(flaky.adapter.sent) == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_an_outcome_whose_commit_is_unknown_is_recorded_once(
    flaky: World, journal: FlakyJournal, *, committed: bool
) -> None:
    journal.lose_commit("_record_outcome", committed=committed)
    flaky.start_worker()

    await flaky.until(await flaky.accepted(), State.DELIVERED)
    await asyncio.sleep(0.1)

    assert (await flaky.actions()).count("delivery.delivered") == 1
    assert len(flaky.adapter.sent) == 1


async def test_an_outcome_that_no_broker_confirms_is_reported_until_one_does(
    flaky: World, broker: FlakyBroker
) -> None:
    def takes(*_: object) -> Receipt:
        broker.is_down = True
        return Receipt(reference="K-1")

    flaky.adapter.script = [takes]
    flaky.start_worker()
    with capture_logs() as logs:
        delivery = await flaky.accepted()
        await eventually(lambda: seen(logs, "outcome.not_confirmed"))
    broker.is_down = False

    await flaky.until(delivery, State.DELIVERED)

    assert len(flaky.adapter.sent) == 1


async def test_an_outcome_told_twice_is_recorded_once_and_noted_once(
    flaky: World, broker: FlakyBroker
) -> None:
    broker.lost_confirms[OUTCOMES] = 1
    flaky.start_worker()

    await flaky.until(await flaky.accepted(), State.DELIVERED)
    await asyncio.sleep(0.1)

    actions = await flaky.actions()
    assert (actions.count("delivery.delivered"), actions.count("outcome.ignored")) == (1, 1)


async def test_an_outcome_of_an_unknown_delivery_is_put_aside(flaky: World) -> None:
    outcome = Outcome(
        delivery_id=DeliveryId(new_id()),
        attempt=1,
        copy=CopyId(new_id()),
        worker=WorkerName("w1/aaaa"),
        kind=OutcomeKind.DELIVERED,
        received_at=datetime.now(UTC),
        answered_at=datetime.now(UTC),
    )
    signer = Signer(flaky.store.private(worker_key("w1")))

    with capture_logs() as logs:
        headers = {KIND_HEADER: OUTCOME_TYPE}
        await flaky.broker.publish(OUTCOMES, OUTCOME_CODEC.write(outcome, signer, headers))
        await eventually(lambda: seen(logs, "outcome.delivery_unknown"))

    assert await flaky.actions() == []


async def test_a_forged_outcome_is_noted_once_the_journal_is_back(
    flaky: World, journal: FlakyJournal
) -> None:
    journal.is_down = True
    await flaky.broker.publish(OUTCOMES, Message(body=b"{}"))
    await asyncio.sleep(0.1)
    journal.is_down = False
    flaky.start_worker()

    await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert (await flaky.actions()).count("message.refused") == 1


@pytest.mark.parametrize("destinations", [["north"], []])
async def test_a_status_from_a_worker_of_another_destination_is_refused(
    tmp_path: Path, destinations: list[str]
) -> None:
    north = {"municipality": MUNICIPALITY, "adapter": "file"}
    workers = {"w2": {"destinations": destinations}}
    async with World.make(tmp_path, destinations={"north": north}, workers=workers) as world:
        delivery = await world.accepted()
        status = FeedbackRecord(
            id="r1",
            delivery_id=delivery.id,
            status=FeedbackStatus.COMPLETED,
            at=datetime.now(UTC),
            received_at=datetime.now(UTC),
        )
        signer = Signer(world.store.private(worker_key("w2")))

        with capture_logs() as logs:
            headers = {KIND_HEADER: FEEDBACK_TYPE}
            await world.broker.publish(OUTCOMES, FEEDBACK_CODEC.write(status, signer, headers))
            await eventually(lambda: seen(logs, "outcome.refused"))
            await asyncio.sleep(0.05)

        assert (await world.actions()).count("feedback.received") == 0
        assert (await world.actions()).count("message.refused") == 1


def test_a_key_of_no_worker_speaks_for_nobody() -> None:
    with pytest.raises(SignatureInvalidError):
        WorkerRegister({}).require_key("unknown")


async def test_words_that_a_worker_reports_as_codes_reach_neither_log_nor_journal(
    world: World,
) -> None:
    world.start_worker()
    delivery = await world.until(await world.accepted(), State.DELIVERED)
    signer = Signer(world.store.private(worker_key("w1")))
    now = datetime.now(UTC)
    outcome = Outcome(
        delivery_id=delivery.id,
        attempt=1,
        copy=CopyId(new_id()),
        worker=WorkerName("w1/test"),
        kind=OutcomeKind.REJECTED,
        received_at=now,
        answered_at=now,
        code="霞が関 花子 様は転出済み",
        pointer="/霞が関花子",
    )
    status = FeedbackRecord(
        id="1",
        delivery_id=delivery.id,
        status=FeedbackStatus.REJECTED,
        at=now,
        received_at=now,
        code="123456789018",
    )

    messages = [
        OUTCOME_CODEC.write(outcome, signer, {KIND_HEADER: OUTCOME_TYPE}),
        FEEDBACK_CODEC.write(status, signer, {KIND_HEADER: FEEDBACK_TYPE}),
    ]
    with capture_logs() as logs:
        for message in messages:
            await world.broker.publish(OUTCOMES, message)
        await eventually(lambda: seen(logs, "outcome.recorded") and seen(logs, "feedback.recorded"))

    told = [entry["facts"] for entry in await world.log()]
    codes = [(facts["code"], facts.get("pointer")) for facts in told if facts.get("code")]
    assert codes == [("outcome.code_unusable", None)] * 2
    assert "花子" not in str(logs) + str(told)
