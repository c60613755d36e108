"""A worker does as the gateway says while it runs, and believes nobody else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.crypto import keys
from gateway.crypto.sign import Signer
from gateway.domain.claim import Heartbeat, Terms
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.drivers.system_clock import SystemClock
from gateway.sdk import Application, Delivery, Health, Receipt
from gateway.services import ask_terms
from gateway.services.deliver import Deliver
from gateway.testing.scripted_gateway import ScriptedGateway, says_nothing, terms_for
from gateway.testing.world import ScriptedDestination, eventually

BEAT_S = 0.01


class Core(ScriptedDestination):
    """Answers when it is let, and counts how many wait for that."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        self.sent.append((application, delivery))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.may_answer.wait()
        self.at_once -= 1
        return Receipt()


class Bench:
    """One worker that runs, and both of its ends."""

    def __init__(self, folder: Path, **over: Any) -> None:
        self.gateway = ScriptedGateway()
        self.core = Core()
        self.worker: Deliver = self.gateway.worker(self.core, folder, **over)
        self.stop = asyncio.Event()

    @property
    def beat(self) -> Heartbeat:
        return self.gateway.beats[-1]

    def say(self, **over: Any) -> None:
        self.gateway.says = lambda beat: terms_for(beat, **over)

    async def says(self, **over: Any) -> None:
        """Say it, and wait until it was heard."""
        self.say(**over)
        heard = len(self.gateway.beats)
        await eventually(lambda: len(self.gateway.beats) >= heard + 3)

    async def one_is_sent_and_four_wait(self) -> None:
        await eventually(lambda: len(self.gateway.outcomes) == 1)
        await eventually(lambda: self.beat.unclaimed == 4)

    async def many_beats(self) -> None:
        heard = len(self.gateway.beats)
        await eventually(lambda: len(self.gateway.beats) >= heard + 10)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_terms, "HEARTBEAT_S", BEAT_S)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    async with bench.gateway.running():
        running = asyncio.create_task(bench.worker.run(bench.stop))
        await eventually(lambda: bool(bench.gateway.beats) and bench.worker._gate.width > 0)
        yield bench
        running.cancel()
        await asyncio.wait({running})


async def test_a_worker_that_hears_nothing_works_as_it_was_configured(bench: Bench) -> None:
    await bench.gateway.hand_out(10)
    await eventually(lambda: bench.core.at_once == 4)
    await bench.many_beats()

    assert len(bench.core.sent) == 4
    assert (bench.beat.in_flight, bench.beat.unclaimed) == (4, 0)


async def test_more_or_fewer_at_once_need_no_restart(bench: Bench) -> None:
    await bench.says(max_in_flight=2)
    await bench.gateway.hand_out(5)
    await eventually(lambda: bench.core.at_once == 2)
    await bench.many_beats()
    assert len(bench.core.sent) == 2
    bench.core.may_answer.set()
    await eventually(lambda: len(bench.gateway.outcomes) == 5)

    bench.core.may_answer.clear()
    await bench.says(max_in_flight=3)
    await bench.gateway.hand_out(5)
    await eventually(lambda: bench.core.at_once == 3)
    await bench.many_beats()
    assert bench.core.most_at_once == 3


async def test_never_more_at_once_than_the_adapter_can_take(bench: Bench) -> None:
    await bench.says(max_in_flight=2_000)

    assert bench.worker._gate.width == ScriptedDestination.spec.max_in_flight


async def test_a_paused_destination_is_left_alone_and_resumed_without_a_restart(
    bench: Bench,
) -> None:
    bench.core.may_answer.set()
    await bench.says(open=False)
    await bench.gateway.hand_out(10)
    await bench.many_beats()
    assert await bench.gateway.waiting() == 10

    await bench.says(open=True)
    await eventually(lambda: len(bench.gateway.outcomes) == 10)

    assert len(bench.core.sent) == 10


async def test_its_heartbeats_stay_in_order_when_its_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    async with bench.gateway.running():
        running = asyncio.create_task(bench.worker.run(bench.stop))
        await bench.many_beats()
        now = SystemClock.now
        monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) - timedelta(hours=1))
        await bench.many_beats()
        running.cancel()
        await asyncio.wait({running})

    said = [beat.at for beat in bench.gateway.beats]
    assert said == sorted(set(said))


async def test_a_worker_without_a_share_stands_by(bench: Bench) -> None:
    bench.core.may_answer.set()
    await bench.says(max_in_flight=0)
    await bench.gateway.hand_out(3)
    await bench.many_beats()
    assert await bench.gateway.waiting() == 3

    await bench.says(max_in_flight=1)

    await eventually(lambda: len(bench.core.sent) == 3)


async def test_what_was_said_last_holds_while_no_gateway_answers(bench: Bench) -> None:
    await bench.says(max_in_flight=1)

    bench.gateway.says = says_nothing
    await bench.many_beats()

    assert bench.worker._gate.width == 1


@pytest.mark.parametrize(
    "over",
    [
        {"worker": WorkerName("w2/bbbb")},
        {"destination": DestinationName("other")},
        {"heard_at": "earlier"},
        {"rate_per_s": -1.0},
    ],
    ids=["another worker's", "another destination's", "an earlier answer", "malformed"],
)
async def test_terms_that_are_not_the_answer_change_nothing_and_are_told_once(
    bench: Bench, over: dict[str, Any]
) -> None:
    def says(beat: Heartbeat) -> Terms:
        members = dict(over)
        if "heard_at" in members:
            members["heard_at"] = beat.at - timedelta(seconds=5)
        return terms_for(beat, open=False, **members)

    bench.gateway.says = says
    with capture_logs() as logs:
        await bench.many_beats()

    assert bench.worker._gate.width == 4
    assert len([log for log in logs if log["event"] == "terms.refused"]) == 1


async def test_terms_that_somebody_else_signed_change_nothing(bench: Bench) -> None:
    bench.gateway.signs = Signer(keys.new_signing_key())
    bench.say(open=False)
    with capture_logs() as logs:
        await bench.many_beats()

    assert bench.worker._gate.width == 4
    assert [log["code"] for log in logs if log["event"] == "terms.refused"] == [
        "seal.signature_invalid"
    ]


async def test_an_answer_that_comes_late_does_not_undo_a_later_one(bench: Bench) -> None:
    held: list[Any] = []
    may_arrive = asyncio.Event()
    original = bench.gateway.broker.request

    async def request(*question: Any, **options: Any) -> Any:
        answer = await original(*question, **options)
        if not held:
            held.append(answer)
            await may_arrive.wait()
            held.append(answer)
        return answer

    bench.say(max_in_flight=1)
    bench.gateway.broker.request = request  # type: ignore[method-assign]
    await eventually(lambda: bool(held))
    await bench.says(max_in_flight=3)
    await eventually(lambda: bench.worker._gate.width == 3)
    with capture_logs() as logs:
        may_arrive.set()
        await eventually(lambda: len(held) == 2)
        await bench.many_beats()

    assert [log for log in logs if log["event"] == "worker.terms_changed"] == []


async def test_a_rate_lets_a_burst_through_and_the_others_wait_unclaimed(bench: Bench) -> None:
    bench.core.may_answer.set()
    await bench.says(rate_per_s=0.01)
    await bench.gateway.hand_out(10)
    await bench.one_is_sent_and_four_wait()
    await bench.many_beats()

    assert len(bench.core.sent) == len(bench.gateway.claims) == 1
    assert bench.beat.in_flight == 4


async def test_a_higher_rate_frees_those_who_wait(bench: Bench) -> None:
    bench.core.may_answer.set()
    await bench.says(rate_per_s=0.01)
    await bench.gateway.hand_out(10)
    await bench.one_is_sent_and_four_wait()

    await bench.says(rate_per_s=None)
    await eventually(lambda: len(bench.gateway.outcomes) == 10)

    assert {claim.declined for claim in bench.gateway.claims} == {None}


async def test_what_waits_for_its_turn_when_the_destination_is_paused_is_declined(
    bench: Bench,
) -> None:
    bench.core.may_answer.set()
    await bench.says(rate_per_s=0.01)
    await bench.gateway.hand_out(5)
    await bench.one_is_sent_and_four_wait()

    await bench.says(open=False)
    await eventually(lambda: bench.beat.in_flight == 0)

    declined = [claim.declined for claim in bench.gateway.claims[1:]]
    assert declined == ["destination.paused"] * 4
    assert await bench.gateway.waiting() == 0


async def test_a_worker_that_stops_declines_what_waits_for_its_turn(bench: Bench) -> None:
    bench.core.may_answer.set()
    await bench.says(rate_per_s=0.01)
    await bench.gateway.hand_out(10)
    await bench.one_is_sent_and_four_wait()

    bench.stop.set()
    await eventually(lambda: not bench.worker._in_hand)

    assert [claim.declined for claim in bench.gateway.claims[1:]] == ["worker.stopping"] * 4
    assert len(bench.core.sent) == 1
    assert await bench.gateway.waiting() == 5


async def test_an_outcome_names_its_adapter(bench: Bench) -> None:
    bench.core.may_answer.set()

    await bench.gateway.hand_out(1)
    await eventually(lambda: len(bench.gateway.outcomes) == 1)

    assert bench.gateway.outcomes[0].adapter == "scripted 1.0.0"


def test_terms_before_the_first_answer_are_the_settings(tmp_path: Path) -> None:
    worker = ScriptedGateway().worker(Core(), tmp_path, rate_per_s=7.0)

    terms = worker._gate._terms

    assert (terms.open, terms.max_in_flight, terms.rate_per_s) == (True, 4, 7.0)
    assert (terms.failures, terms.probe_s, terms.probe_cap_s) == (3, 0.02, 0.05)


async def test_a_check_that_somebody_wants_is_made_once_and_answered_by_name(
    bench: Bench,
) -> None:
    await eventually(lambda: len(bench.gateway.beats) >= 1 and bench.beat.healthy)
    asked, again = SystemClock().now(), SystemClock().now() + timedelta(seconds=1)
    checks = _count_checks(bench)

    await bench.says(check=asked)
    await eventually(lambda: bench.beat.answers == asked)
    await bench.many_beats()

    assert len(checks) == 1
    assert (bench.beat.healthy, bench.beat.said) == (False, "受付 停止中")
    assert bench.beat.checked_at >= asked
    await bench.says(check=again)
    await eventually(lambda: bench.beat.answers == again)
    assert len(checks) == 2


async def test_a_check_changes_none_of_the_other_terms(bench: Bench) -> None:
    await bench.says(max_in_flight=2)
    with capture_logs() as logs:
        await bench.says(max_in_flight=2, check=SystemClock().now())

    assert [entry for entry in logs if entry["event"] == "worker.terms_changed"] == []


def _count_checks(bench: Bench) -> list[None]:
    """Have the core system be down from now on; return one for each time that it is asked."""
    asked: list[None] = []

    async def check() -> Health:
        asked.append(None)
        return Health(ok=False, detail="受付\n停止中")

    bench.core.check = check  # type: ignore[method-assign]
    return asked
