"""A core system that is down is left in peace, asked now and then, and tried by one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from structlog.testing import capture_logs

from gateway.domain.breaker import BreakerPolicy
from gateway.domain.claim import BreakerState, Claim, Verdict
from gateway.domain.lifecycle import State
from gateway.domain.outcome import OutcomeKind
from gateway.sdk import (
    Application,
    Delivery,
    DestinationUnavailableError,
    Health,
    Idempotency,
    Receipt,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.services import ask_terms, worker_health
from gateway.services.deliver import Deliver
from gateway.testing.scripted_gateway import OTHER, ScriptedGateway
from gateway.testing.world import ScriptedDestination, World, eventually


class Core(ScriptedDestination):
    """Refuses connections while it is down, and answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: Exception | None = None
        self.is_well = True
        self.checks = 0
        self.asked_at_once = 0
        self.most_asked_at_once = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def check(self) -> Health:
        self.checks += 1
        self.asked_at_once += 1
        self.most_asked_at_once = max(self.most_asked_at_once, self.asked_at_once)
        await asyncio.sleep(0)
        self.asked_at_once -= 1
        return Health(ok=self.is_well)

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        self.sent.append((application, delivery))
        trouble = self.trouble
        await self.may_answer.wait()
        if trouble is not None:
            raise trouble
        return Receipt(reference="K-1")


DOWN = DestinationUnavailableError("tcp.refused")
NEVER = BreakerPolicy(failures=3, probe_s=3600, probe_cap_s=3600)
"""Once open it stays so for as long as a test lasts."""

Start = Callable[[Deliver], Coroutine[Any, Any, None]]


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    gateway = ScriptedGateway()
    async with gateway.running():
        yield gateway


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start workers; at the end they are cancelled."""
    async with AsyncExitStack() as stack:

        async def start_one(worker: Deliver) -> None:
            task = asyncio.create_task(worker.run(asyncio.Event()))

            async def cancel() -> None:
                task.cancel()
                await asyncio.wait({task})

            stack.push_async_callback(cancel)

        yield start_one


def state(worker: Deliver) -> BreakerState:
    return worker._gate.breaker.state


def declined(gateway: ScriptedGateway) -> int:
    return sum(claim.declined is not None for claim in gateway.claims)


async def idle() -> None:
    """Give what must not happen the time to happen."""
    await asyncio.sleep(0.1)


async def test_a_core_system_that_cannot_be_reached_is_left_alone_at_once(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path
) -> None:
    core.trouble = DOWN
    worker = gateway.worker(core, tmp_path, breaker=NEVER)
    await gateway.hand_out(50)
    with capture_logs() as logs:
        await start(worker)
        await eventually(lambda: state(worker) == BreakerState.OPEN and worker._gate.epoch > 1)
        await eventually(lambda: not worker._in_hand)
        await idle()

    assert len(core.sent) <= 4
    assert await gateway.waiting() >= 42
    assert [log for log in logs if log["event"] == "breaker.opened"] == [
        {
            "event": "breaker.opened",
            "destination": "core",
            "code": "tcp.refused",
            "log_level": "warning",
        }
    ]


@pytest.mark.parametrize(
    "trouble",
    [TransientError("db.locked"), UnknownOutcomeError("http.reset"), ValueError("a defect")],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_so_many_failures_in_a_row_open_the_breaker(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path, trouble: Exception
) -> None:
    core.trouble = trouble
    worker = gateway.worker(core, tmp_path, breaker=NEVER, max_in_flight=1)
    await gateway.hand_out(10)
    await start(worker)

    await eventually(lambda: len(core.sent) >= 3 and state(worker) == BreakerState.OPEN)
    await idle()

    assert len(core.sent) == 3


async def test_a_deadline_is_a_failure(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path
) -> None:
    core.may_answer.clear()
    worker = gateway.worker(core, tmp_path, breaker=NEVER, send_timeout_s=0.02)
    await gateway.hand_out(10)
    await start(worker)

    await eventually(lambda: worker._gate.epoch > 1)

    assert state(worker) == BreakerState.OPEN


@pytest.mark.parametrize(
    "trouble",
    [RejectedError("E0002"), ThrottledError("http.429")],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_an_answer_that_refuses_opens_nothing(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path, trouble: Exception
) -> None:
    core.trouble = trouble
    worker = gateway.worker(core, tmp_path, breaker=NEVER)
    await gateway.hand_out(10)
    await start(worker)

    await eventually(lambda: len(gateway.outcomes) == 10)

    assert state(worker) == BreakerState.CLOSED


async def test_what_is_in_hand_when_the_breaker_opens_is_declined_and_given_up_for_good(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path
) -> None:
    # One may be sent at once, the other three wait for their turn.
    core.trouble = DOWN
    core.may_answer.clear()
    worker = gateway.worker(core, tmp_path, breaker=NEVER, rate_per_s=0.01)
    await gateway.hand_out(4)
    await start(worker)
    await eventually(lambda: len(worker._in_hand) == 4 and len(core.sent) == 1)
    assert worker._carry.unclaimed == 3

    core.may_answer.set()
    await eventually(lambda: not worker._in_hand)

    assert [claim.declined for claim in gateway.claims] == [None, *["destination.unavailable"] * 3]
    assert [(outcome.code, outcome.counted) for outcome in gateway.outcomes] == [
        ("tcp.refused", False)
    ]
    assert len(core.sent) == 1
    assert await gateway.waiting() == 0


async def test_what_was_claimed_when_the_breaker_opens_is_reported_unsent_and_uncounted(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path
) -> None:
    def opens_meanwhile(_: Claim) -> Verdict:
        core.trouble = DOWN
        return Verdict.GO

    gateway.answers = opens_meanwhile
    worker = gateway.worker(core, tmp_path, breaker=NEVER)
    await gateway.hand_out(4)
    core.may_answer.set()
    await start(worker)
    await eventually(lambda: len(gateway.outcomes) == 4)

    unsent = [outcome for outcome in gateway.outcomes if outcome.sent_at is None]
    assert len(core.sent) + len(unsent) == 4
    assert unsent
    for outcome in unsent:
        assert outcome.opened_at is None
        assert (outcome.kind, outcome.counted) == (OutcomeKind.DEFERRED, False)
        assert outcome.code == "destination.unavailable"


@pytest.mark.parametrize(
    "idempotency", [Idempotency.LOOKUP, Idempotency.NATIVE], ids=lambda value: value.value
)
async def test_a_doubt_stays_one_while_nobody_can_be_asked(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path, idempotency: Idempotency
) -> None:
    verdicts = [Verdict.GO]
    gateway.answers = lambda _: verdicts.pop() if verdicts else Verdict.RESOLVE
    core.trouble = DOWN
    worker = gateway.worker(core, tmp_path, breaker=NEVER, idempotency=idempotency)
    await gateway.hand_out(4)
    await start(worker)

    await eventually(lambda: len(gateway.outcomes) == 4)

    assert [(outcome.kind, outcome.code) for outcome in gateway.outcomes[1:]] == [
        (OutcomeKind.IN_DOUBT, "destination.unavailable")
    ] * 3
    assert len(core.sent) == 1


async def test_an_answer_that_was_looked_up_counts_as_one(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path
) -> None:
    async def lookup(_: str) -> NoReturn:
        raise DOWN

    core.lookup = lookup  # type: ignore[method-assign]
    gateway.answers = lambda _: Verdict.RESOLVE
    worker = gateway.worker(core, tmp_path, breaker=NEVER, idempotency=Idempotency.LOOKUP)
    await gateway.hand_out(1)
    await start(worker)

    await eventually(lambda: len(gateway.outcomes) == 1)

    assert gateway.outcomes[0].kind == OutcomeKind.IN_DOUBT
    assert state(worker) == BreakerState.OPEN


async def test_a_core_system_that_says_it_is_well_again_is_tried_with_one_delivery(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path
) -> None:
    core.trouble, core.is_well = DOWN, True
    worker = gateway.worker(core, tmp_path)
    await start(worker)
    await eventually(lambda: state(worker) == BreakerState.CLOSED)
    core.is_well = False
    await gateway.hand_out(50)
    await eventually(lambda: state(worker) == BreakerState.OPEN and not worker._in_hand)
    sent, checks = len(core.sent), core.checks
    await eventually(lambda: core.checks >= checks + 3)
    assert len(core.sent) == sent

    core.trouble, core.is_well = None, True
    core.may_answer.clear()
    await eventually(lambda: len(core.sent) > sent)
    await idle()

    assert state(worker) == BreakerState.HALF_OPEN
    assert len(core.sent) == sent + 1
    core.may_answer.set()
    await eventually(lambda: state(worker) == BreakerState.CLOSED)
    await eventually(lambda: len(gateway.outcomes) + declined(gateway) == 50)
    assert len({claim.copy for claim in gateway.claims}) == len(gateway.claims) == 50
    assert core.most_asked_at_once == 1


async def test_a_try_that_fails_leaves_the_others_where_they_are(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path
) -> None:
    core.trouble = DOWN
    worker = gateway.worker(core, tmp_path)
    await gateway.hand_out(50)
    await start(worker)

    await eventually(lambda: worker._gate.breaker.waits >= 4)

    assert len(core.sent) <= 4 + worker._gate.breaker.waits


async def test_a_check_that_fails_while_deliveries_arrive_stops_nothing(
    gateway: ScriptedGateway,
    core: Core,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_health, "_CHECK_S", 0.02)
    monkeypatch.setattr(ask_terms, "HEARTBEAT_S", 0.02)
    worker = gateway.worker(core, tmp_path)
    await start(worker)
    await eventually(lambda: state(worker) == BreakerState.CLOSED)
    core.is_well = False
    await eventually(lambda: not gateway.beats[-1].healthy)

    await gateway.hand_out(3)
    await eventually(lambda: len(gateway.outcomes) == 3)

    assert {outcome.kind for outcome in gateway.outcomes} == {OutcomeKind.DELIVERED}
    assert gateway.beats[-1].breaker == BreakerState.CLOSED


async def test_the_gateway_hears_of_every_change_at_once(
    gateway: ScriptedGateway,
    core: Core,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ask_terms, "HEARTBEAT_S", 3600)
    monkeypatch.setattr(worker_health, "PAUSE_S", 0.01)
    core.trouble, core.is_well = DOWN, False
    worker = gateway.worker(core, tmp_path)
    await start(worker)
    await eventually(lambda: len(gateway.beats) == 1)
    core.is_well = True
    await eventually(lambda: len(gateway.beats) == 2)
    core.is_well = False
    await gateway.hand_out(2)
    await eventually(lambda: len(gateway.beats) == 3)
    core.trouble, core.is_well = None, True
    core.may_answer.clear()
    await gateway.hand_out(1)
    await eventually(lambda: len(gateway.beats) == 4)
    core.may_answer.set()
    await eventually(lambda: len(gateway.beats) == 5)

    assert [beat.breaker for beat in gateway.beats] == [
        BreakerState.OPEN,
        BreakerState.CLOSED,
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.CLOSED,
    ]


async def test_a_worker_that_waits_for_its_core_system_gives_signs_of_life(
    gateway: ScriptedGateway,
    core: Core,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ask_terms, "HEARTBEAT_S", 0.01)
    core.is_well = False
    worker = gateway.worker(core, tmp_path)
    await gateway.hand_out(3)

    await start(worker)
    await eventually(lambda: len(gateway.beats) >= 5)

    assert {(beat.breaker, beat.healthy) for beat in gateway.beats} == {(BreakerState.OPEN, False)}
    assert await gateway.waiting() == 3


async def test_another_destination_on_the_same_broker_notices_nothing(
    gateway: ScriptedGateway, core: Core, start: Start, tmp_path: Path
) -> None:
    core.trouble = DOWN
    core_of_another = Core()
    worker = gateway.worker(core, tmp_path, breaker=NEVER)
    await start(worker)
    await start(gateway.worker(core_of_another, tmp_path, breaker=NEVER, destination=OTHER))
    await gateway.hand_out(50)
    await eventually(lambda: state(worker) == BreakerState.OPEN and worker._gate.epoch > 1)

    await gateway.hand_out(50, to=OTHER)
    await eventually(lambda: len(core_of_another.sent) == 50)

    assert len(core.sent) <= 4


async def test_a_core_system_that_is_down_is_hardly_sent_to_and_gets_everything_when_it_is_back(
    tmp_path: Path,
) -> None:
    breaker = {"probe_s": 0.02, "probe_cap_s": 0.05}
    async with World.make(tmp_path, breaker=breaker) as world:
        core = Core()
        policies = world.gateway.destinations._policies
        for name, policy in policies.items():
            policies[name] = replace(policy, hold_s=0.05)
        world.adapter = world.worker._adapter = core
        world.start_worker()
        await eventually(lambda: state(world.worker) == BreakerState.CLOSED)
        core.trouble, core.is_well = DOWN, False
        deliveries = [await world.accepted() for _ in range(20)]
        await eventually(lambda: core.checks >= 20)
        sent_while_down = len(core.sent)

        core.trouble, core.is_well = None, True
        for delivery in deliveries:
            await world.until(delivery, State.DELIVERED)

    # Without a breaker each is sent again whenever its retry is due.
    assert sent_while_down <= 4
    assert len(core.sent) == sent_while_down + 20
