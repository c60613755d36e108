"""An order to send many again is given over the socket, and outlives who carries it out."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.harness.applications import DISASTER
from tests.acceptance.harness.front import Sent
from tests.fault.processes.counting import First
from tests.fault.processes.footing import NATIVE, Footing, ended_at

COUNT: Final = 8
WITHIN_S: Final = 60.0


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def footing(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Footing]:
    """One process with SQLite, or gateway and worker with PostgreSQL and RabbitMQ; running."""
    if request.param == "postgres":
        yield request.getfixturevalue("production")
        return
    running = Footing(tmp_path / "up")
    await asyncio.to_thread(running.start)
    yield running
    running.kill()


async def parked(footing: Footing) -> list[Sent]:
    """Send applications that are all refused for now; return them."""
    footing.first(First.REJECT)
    async with footing.front() as front:
        sent = await front.submit_all([DISASTER] * COUNT)
    await footing.until_states(sent, "parked")
    return sent


def ids(footing: Footing, sent: list[Sent]) -> list[str]:
    """Return their deliveries, in the order in which an order takes them."""
    return sorted(each["id"] for each in footing.of(sent))


async def until(footing: Footing, order: str, *, state: str = "running", begun: int = 0) -> Any:
    """Return an order once it is in ``state`` and has begun so many."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        shown = await asyncio.to_thread(footing.ask, "replay.show", order=order)
        if shown["state"] == state and shown["progress"]["replayed"] >= begun:
            return shown
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.02)


def replays(footing: Footing, sent: list[Sent]) -> Counter[str]:
    """Return how often each delivery was sent again, as the audit log tells it."""
    told: Counter[str] = Counter()
    for each in sent:
        [timeline] = footing.ask("status", subject=each.id)
        hops = [hop for hop in timeline["timeline"] if hop["action"] == "delivery.replayed"]
        told.update(hop["delivery"] for hop in hops)
    return told


@pytest.mark.parametrize("step", ["replay.before_commit", "replay.after_commit"])
async def test_an_order_goes_on_where_its_carrier_was_killed_and_sends_nothing_twice(
    step: str, footing: Footing
) -> None:
    sent = await parked(footing)
    deliveries = ids(footing, sent)
    order = footing.ask(
        "replay.order", where={"destination": NATIVE}, reason="mended", rate_per_s=2.0
    )["id"]
    # The last of the selection: a person was quicker than the order.
    footing.ask("parked.confirm", delivery=deliveries[-1], reason="seen there", reference="K-1")

    await until(footing, order, begun=1)
    footing.points.order(step, signal.SIGKILL)
    await ended_at(step, signal.SIGKILL, footing)
    await asyncio.to_thread(footing.gateway.start)
    await asyncio.to_thread(footing.gateway.wait_until_ready)
    resumed = footing.ask("replay.show", order=order)
    finished = await until(footing, order, state="finished")
    await footing.settle()

    assert resumed["progress"]["waiting"] > 0, "nothing was left to do after the kill"
    assert finished["total"] == COUNT
    assert finished["progress"]["replayed"] == COUNT - 1
    assert finished["progress"]["left_alone"] == 1
    assert replays(footing, sent) == dict.fromkeys(deliveries[:-1], 1)
    arrived = footing.arrivals(NATIVE)
    assert {each: arrived[each] for each in deliveries[:-1]} == dict.fromkeys(deliveries[:-1], 1)
    assert arrived[deliveries[-1]] == 0
    assert {each["state"] for each in footing.of(sent)} == {"delivered"}
    assert footing.ask("audit.verify")["ok"]


async def test_an_order_is_planned_watched_and_stopped_over_the_socket(footing: Footing) -> None:
    sent = await parked(footing)
    where = {"destination": NATIVE}

    plan = footing.ask("parked.plan", where=where, canary=0, rate_per_s=0.1)
    untouched = replays(footing, sent)
    order = footing.ask("replay.order", where=where, reason="mended", canary=0, rate_per_s=0.1)[
        "id"
    ]
    await until(footing, order, begun=1)
    footing.ask("replay.stop", order=order, reason="not yet")
    stopped = await until(footing, order, state="cancelled")
    await footing.settle()

    states = Counter(each["state"] for each in footing.of(sent))
    assert (plan["total"], untouched) == (COUNT, Counter())
    assert stopped["progress"]["replayed"] == sum(replays(footing, sent).values())
    assert states == {
        "delivered": stopped["progress"]["replayed"],
        "parked": COUNT - stopped["progress"]["replayed"],
    }
    # Who ordered is who asks, as the kernel says; nobody can name somebody else.
    assert footing.ask("replay.list")[0]["ordered_by"] == stopped["ordered_by"] != ""

    again = footing.ask("replay.order", where=where, reason="now", canary=0, rate_per_s=100.0)
    await until(footing, again["id"], state="finished")
    await footing.settle()
    assert footing.arrivals(NATIVE) >= Counter(ids(footing, sent))
    assert set(replays(footing, sent).values()) == {1}
