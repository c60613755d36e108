"""A worker outlives its adapter's troubles, stops in order, and sends what it holds once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.crypto import keys
from gateway.crypto.seal import Opener
from gateway.domain.errors import KakehashiError
from gateway.domain.identifiers import WorkerName
from gateway.domain.lifecycle import State
from gateway.ports.broker import destination_queue
from gateway.sdk import (
    Application,
    ConfigError,
    Context,
    Delivery,
    DestinationUnavailableError,
    Feedback,
    FeedbackStatus,
    Health,
    Receipt,
)
from gateway.services import worker_memory
from gateway.testing.faults import FlakyBroker, FlakyJournal
from gateway.testing.world import DESTINATION, ScriptedDestination, World, eventually

QUEUE = destination_queue(DESTINATION)


class Troubled(ScriptedDestination):
    """Follows scripts for opening, checking and closing too, and counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.opening: list[Exception | None] = []
        self.checking: list[Any] = []
        self.closing: Exception | None = None
        self.counts = {"open": 0, "check": 0, "close": 0}

    async def open(self, _: Context) -> None:
        self.counts["open"] += 1
        trouble = self.opening.pop(0) if self.opening else None
        if trouble is not None:
            raise trouble

    async def check(self) -> Health:
        self.counts["check"] += 1
        found = self.checking.pop(0) if self.checking else Health(ok=True)
        if isinstance(found, Exception):
            raise found
        return found

    async def close(self) -> None:
        self.counts["close"] += 1
        if self.closing is not None:
            raise self.closing


@pytest.fixture
def adapter(flaky: World) -> Troubled:
    troubled = Troubled()
    flaky.adapter = flaky.worker._adapter = troubled
    return troubled


async def finished(world: World) -> None:
    world.stop.set()
    async with asyncio.timeout(5):
        await world.worker.run(world.stop)


def seen(logs: list[Any], name: str) -> list[Any]:
    return [entry for entry in logs if entry["event"] == name]


@pytest.mark.parametrize(
    "trouble",
    [DestinationUnavailableError("tcp.refused"), OSError("/mnt/share"), ValueError("山田")],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_an_adapter_that_cannot_open_yet_is_opened_again(
    flaky: World, adapter: Troubled, trouble: Exception
) -> None:
    adapter.opening = [trouble, trouble]
    with capture_logs() as logs:
        flaky.start_worker()

        await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert adapter.counts["open"] == 3
    assert len(seen(logs, "destination.not_available")) == 1
    assert "山田" not in str(logs)


@pytest.mark.parametrize(
    "found",
    [Health(ok=False, detail="login"), DestinationUnavailableError("tcp.refused"), OSError(), None],
    ids=["not ok", "unavailable", "a defect", "nothing"],
)
async def test_an_open_adapter_that_is_not_well_is_asked_again_not_opened_again(
    flaky: World, adapter: Troubled, found: Any
) -> None:
    adapter.checking = [found, found]
    flaky.start_worker()

    await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert adapter.counts["open"] == 1
    assert adapter.counts["check"] >= 3


async def test_a_core_system_that_goes_and_comes_back_is_told_once_each(
    flaky: World, adapter: Troubled
) -> None:
    down = [Health(ok=False), DestinationUnavailableError("tcp.refused"), OSError()]
    adapter.checking = [Health(ok=True), Health(ok=True), *down]
    with capture_logs() as logs:
        flaky.start_worker()
        await eventually(lambda: bool(seen(logs, "destination.recovered")))

    assert len(seen(logs, "destination.down")) == 1
    await flaky.until(await flaky.accepted(), State.DELIVERED)


async def test_an_adapter_that_can_never_work_ends_its_worker_with_its_own_word(
    flaky: World, adapter: Troubled
) -> None:
    adapter.opening = [ConfigError("folder: is a file")]

    with pytest.raises(ConfigError, match="folder: is a file"):
        await flaky.worker.run(flaky.stop)

    assert adapter.counts["close"] == 1


@pytest.mark.parametrize("where", ["send", "check", "feedback"])
async def test_an_adapter_that_can_no_longer_work_ends_its_worker_with_its_own_word(
    flaky: World, adapter: Troubled, where: str
) -> None:
    trouble = ConfigError("token: expired")

    def sends(*_: object) -> Receipt:
        raise trouble

    async def gives() -> AsyncIterator[object]:
        yield sends()

    if where == "send":
        adapter.script = [sends]
        await flaky.accepted()
    elif where == "check":
        adapter.checking = [Health(ok=True), trouble]
    else:
        adapter.feedback = gives  # type: ignore[method-assign]

    with pytest.raises(ConfigError, match="token: expired"):
        await flaky.worker.run(flaky.stop)

    assert adapter.counts["close"] == 1


async def test_what_nobody_expected_ends_the_worker_and_is_not_hidden(
    flaky: World, adapter: Troubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KakehashiError("a mistake of ours")

    monkeypatch.setattr(flaky.worker._desk, "run", broken)

    with pytest.raises(BaseExceptionGroup) as caught:
        await flaky.worker.run(flaky.stop)

    assert caught.group_contains(KakehashiError, match="a mistake of ours")
    assert adapter.counts["close"] == 1


async def test_a_worker_that_is_stopped_before_it_started_opens_nothing(
    flaky: World, adapter: Troubled
) -> None:
    await finished(flaky)

    assert adapter.counts == {"open": 0, "check": 0, "close": 1}


async def test_a_worker_that_waits_for_its_core_system_stops_at_once(
    flaky: World, adapter: Troubled
) -> None:
    adapter.opening = [DestinationUnavailableError("tcp.refused")] * 1000
    running = asyncio.create_task(flaky.worker.run(flaky.stop))
    await eventually(lambda: adapter.counts["open"] >= 2)

    flaky.stop.set()
    await asyncio.wait_for(running, 5)

    assert adapter.counts["close"] == 1


async def test_an_idle_worker_stops_and_closes_once_even_if_that_fails(
    flaky: World, adapter: Troubled
) -> None:
    adapter.closing = OSError("broken pipe")
    running = asyncio.create_task(flaky.worker.run(flaky.stop))
    await eventually(lambda: adapter.counts["check"] >= 1)
    await asyncio.sleep(0.05)

    flaky.stop.set()
    await asyncio.wait_for(running, 5)

    assert adapter.counts["close"] == 1


async def test_a_worker_that_stops_finishes_what_it_sends_and_takes_nothing_new(
    flaky: World, adapter: Troubled
) -> None:
    sending, may_end = asyncio.Event(), asyncio.Event()

    async def send(application: Application, delivery: Delivery) -> Receipt:
        adapter.sent.append((application, delivery))
        sending.set()
        await may_end.wait()
        return Receipt(reference="K-1")

    adapter.send = send  # type: ignore[method-assign]
    running = asyncio.create_task(flaky.worker.run(flaky.stop))
    first = await flaky.accepted()
    await asyncio.wait_for(sending.wait(), 5)

    flaky.stop.set()
    await asyncio.sleep(0.05)
    second = await flaky.accepted()
    may_end.set()
    await asyncio.wait_for(running, 5)

    assert (await flaky.until(first, State.DELIVERED)).reference == "K-1"
    await flaky.until(second, State.QUEUED)
    assert len(adapter.sent) == 1


async def test_a_copy_that_comes_again_while_it_is_in_hand_is_sent_once(
    flaky: World, broker: FlakyBroker, adapter: Troubled
) -> None:
    sending, may_end = asyncio.Event(), asyncio.Event()

    async def send(application: Application, delivery: Delivery) -> Receipt:
        adapter.sent.append((application, delivery))
        sending.set()
        await may_end.wait()
        return Receipt(reference="K-1")

    adapter.send = send  # type: ignore[method-assign]
    broker.doubles = True
    flaky.start_worker()
    delivery = await flaky.accepted()
    await asyncio.wait_for(sending.wait(), 5)
    await asyncio.sleep(0.05)
    may_end.set()

    await flaky.until(delivery, State.DELIVERED)
    await asyncio.sleep(0.1)

    assert len(adapter.sent) == 1
    assert await broker.depth(QUEUE) == 0


async def test_a_cancelled_task_of_the_adapter_s_own_does_not_keep_the_copy_for_ever(
    flaky: World, adapter: Troubled
) -> None:
    async def send(*_: object) -> Receipt:
        stray = asyncio.ensure_future(asyncio.sleep(3600))
        stray.cancel()
        await stray
        raise AssertionError

    adapter.send = send  # type: ignore[method-assign]
    flaky.start_worker()

    record = await flaky.until(await flaky.accepted(), State.IN_DOUBT)

    assert record.code == "adapter.defect"


async def test_a_worker_forgets_which_copies_it_opened_once_there_are_many(
    flaky: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_memory, "_COPIES_REMEMBERED", 2)
    flaky.start_worker()
    for _ in range(4):
        await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert len(flaky.worker._carry._memory._opened) == 2


async def test_a_sealed_delivery_that_cannot_be_opened_is_parked(
    flaky: World, adapter: Troubled
) -> None:
    other = keys.new_encryption_key()
    flaky.worker._carry._opener = Opener([other])
    flaky.start_worker()

    record = await flaky.until(await flaky.accepted(), State.PARKED)

    assert record.code == "seal.invalid"
    assert adapter.sent == []


# Feedback


def a_status(key: object, **over: Any) -> Feedback:
    status = Feedback(
        id="result-1",
        idempotency_key=str(key),
        status=FeedbackStatus.ACCEPTED,
        at=datetime(2026, 11, 20, 10, tzinfo=UTC),
    )
    return replace(status, **over)


@pytest.mark.parametrize(
    "over",
    [
        {"idempotency_key": "not-a-key"},
        {"idempotency_key": 5},
        {"at": datetime(2026, 11, 20, 10)},  # noqa: DTZ001 - that is what is wrong with it
        {"at": datetime.max.replace(tzinfo=UTC)},
        {"at": "2026-11-20"},
        {"id": "x" * 201},
        {"id": "a\x00b"},
        {"id": "\udc80"},
        {"status": "arrived"},
    ],
    ids=str,
)
async def test_an_unusable_status_is_passed_over_and_the_next_one_recorded(
    flaky: World, adapter: Troubled, over: dict[str, Any]
) -> None:
    flaky.start_worker()
    record = await flaky.until(await flaky.accepted(), State.DELIVERED)
    with capture_logs() as logs:
        adapter.statuses.put_nowait(replace(a_status(record.id), **over))
        adapter.statuses.put_nowait(a_status(record.id, reference="K-1\n", code="山田"))
        await eventually(lambda: bool(seen(logs, "feedback.recorded")))

    dossier = await flaky.gateway.journal.dossier(record.application_id)
    assert dossier is not None
    assert [(status.id, status.reference, status.code) for status in dossier.feedback] == [
        ("result-1", "K-1", "feedback.code")
    ]
    assert len(seen(logs, "feedback.unusable")) == 1


async def test_feedback_that_fails_or_ends_is_asked_for_again_and_deliveries_go_on(
    flaky: World, adapter: Troubled
) -> None:
    rounds: list[Exception | None] = [OSError("/mnt/share"), None]
    original = adapter.feedback

    async def gives() -> AsyncIterator[Feedback]:
        if rounds:
            trouble = rounds.pop(0)
            if trouble is not None:
                raise trouble
            return
        async for status in original():
            yield status

    adapter.feedback = gives  # type: ignore[method-assign]
    with capture_logs() as logs:
        flaky.start_worker()
        record = await flaky.until(await flaky.accepted(), State.DELIVERED)
        adapter.statuses.put_nowait(a_status(record.id))
        await eventually(lambda: bool(seen(logs, "feedback.recorded")))

    assert len(seen(logs, "feedback.failed")) == 1


async def test_feedback_about_an_unknown_delivery_is_put_aside(
    flaky: World, adapter: Troubled
) -> None:
    with capture_logs() as logs:
        flaky.start_worker()
        adapter.statuses.put_nowait(a_status("00000000-0000-7000-8000-000000000000"))
        await eventually(lambda: bool(seen(logs, "feedback.delivery_unknown")))

    await flaky.until(await flaky.accepted(), State.DELIVERED)


class Silent:
    """An adapter without feedback or lookup, as most are."""

    spec = ScriptedDestination.spec

    async def open(self, _: Context) -> None:
        pass

    async def check(self) -> Health:
        return Health(ok=True)

    async def send(self, _: Application, __: Delivery) -> Receipt:
        return Receipt()

    async def close(self) -> None:
        pass


async def test_an_adapter_needs_neither_feedback_nor_lookup(flaky: World) -> None:
    flaky.worker._adapter = Silent()
    flaky.start_worker()

    record = await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert record.reference is None


# Signs of life


async def test_a_worker_shows_that_it_lives_and_whether_its_core_system_does(
    flaky: World, adapter: Troubled
) -> None:
    adapter.checking = [Health(ok=False)] * 3
    flaky.start_worker()
    health = []
    async with asyncio.timeout(10):
        while True not in health:
            beats = await flaky.gateway.journal.heartbeats()
            health += [beat.healthy for beat in beats]
            await asyncio.sleep(0.005)

    assert {beat.worker for beat in beats} == {flaky.worker._settings.worker}
    assert False in health


async def test_a_broker_that_takes_no_heartbeats_stops_no_worker(
    flaky: World, broker: FlakyBroker
) -> None:
    broker.remove("kakehashi.heartbeats")
    flaky.start_worker()

    await flaky.until(await flaky.accepted(), State.DELIVERED)

    assert await flaky.gateway.journal.heartbeats() == []
    assert flaky.worker._settings.worker.startswith(WorkerName("w1/"))


async def test_a_worker_that_is_stopped_while_it_opens_takes_nothing(
    flaky: World, adapter: Troubled
) -> None:
    async def check() -> Health:
        flaky.stop.set()
        return Health(ok=True)

    adapter.check = check  # type: ignore[method-assign]
    delivery = await flaky.accepted()

    await asyncio.wait_for(flaky.worker.run(flaky.stop), 5)

    await flaky.until(delivery, State.QUEUED)
    assert adapter.counts == {"open": 1, "check": 0, "close": 1}


@pytest.mark.usefixtures("hasty")
async def test_a_check_that_never_ends_is_no_good_news(tmp_path: Path) -> None:
    async with World.make(tmp_path, send_timeout_s=0.02) as world:
        asked = 0

        async def check() -> Health:
            nonlocal asked
            asked += 1
            if asked < 3:
                await asyncio.sleep(3600)
            return Health(ok=True)

        world.adapter.check = check  # type: ignore[method-assign]
        world.start_worker()
        with capture_logs() as logs:
            await eventually(lambda: bool(seen(logs, "destination.opened")))

    assert seen(logs, "destination.not_available")[0]["detail"] == "check.deadline"


async def test_a_heartbeat_that_cannot_be_kept_is_passed_over(
    flaky: World, journal: FlakyJournal
) -> None:
    journal.is_down = True
    with capture_logs() as logs:
        flaky.start_worker()
        await eventually(lambda: bool(seen(logs, "heartbeat.refused")))
    journal.is_down = False

    await flaky.until(await flaky.accepted(), State.DELIVERED)
