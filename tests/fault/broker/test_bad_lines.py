"""The network between the broker and the gateway, or the worker, fails."""

from collections.abc import Iterator

import pytest

from gateway.domain.lifecycle import State
from gateway.testing.cores.http_core import Mode
from gateway.testing.proxy import ProxiedLine
from tests.fault.broker.bridge import named, until
from tests.fault.broker.conftest import Events, StartBridge

SIDES = {"the gateway": "url", "the worker": "worker_url"}

CUTS = (3, 900, 11, 300, 5, 1500)
"""How many bytes still pass. A frame's head has 7, a sealed delivery thousands."""


def url_of(line: ProxiedLine, vhost: str) -> str:
    """Return the broker's address at the other end of ``line``."""
    return f"amqp://guest:guest@127.0.0.1:{line.port}/{vhost}"


@pytest.mark.parametrize("side", SIDES)
async def test_a_line_that_swallows_everything_is_given_up_and_nothing_is_lost(
    bridge: StartBridge, line: ProxiedLine, vhost: str, events: Events, side: str
) -> None:
    parts = await bridge(**{SIDES[side]: url_of(line, vhost)}, heartbeat_s=1)
    parts.core.behave(Mode.SLOW, times=8, seconds=1)
    parts.start_worker()
    await parts.accept(20)
    await until(lambda: parts.arrived() == 8, "the worker's hands are not full")

    line.black_hole()
    await parts.accept(10)
    assert await parts.is_ready()
    await until(lambda: named(events, "broker.connection_lost") >= 2, "the silence is trusted")
    line.heal()

    assert await parts.books.settled() == {State.DELIVERED: 30}


@pytest.mark.parametrize("side", SIDES)
async def test_a_line_that_is_cut_in_mid_frame_again_and_again_loses_and_doubles_nothing(
    bridge: StartBridge, line: ProxiedLine, vhost: str, side: str
) -> None:
    parts = await bridge(**{SIDES[side]: url_of(line, vhost)})
    parts.core.behave(Mode.SLOW, seconds=0.1)
    parts.start_worker()

    for cuts, count in enumerate(CUTS, 1):
        before = parts.arrived()
        if cuts % 2:  # In deliveries and claims, or in their answers.
            line.cut_after(count, answers=cuts % 3 == 0)
        await parts.accept(4)
        if not cuts % 2:  # In outcomes, and what acknowledges them.
            await until(lambda before=before: parts.arrived() > before, "nothing arrives")
            line.cut_after(count)
        await until(lambda cuts=cuts: line.cuts == cuts, "nothing passes")

    assert await parts.books.settled() == {State.DELIVERED: 4 * len(CUTS)}


async def test_over_a_line_two_seconds_slow_connections_are_made_anew_and_everything_arrives(
    bridge: StartBridge, line: ProxiedLine, vhost: str, vhosts: Iterator[str]
) -> None:
    # One bridge whose gateway is far away, and one whose worker is.
    both = [
        await bridge(
            vhost=name, **{side: url_of(line, name)}, confirm_timeout_s=10, connect_timeout_s=20
        )
        for side, name in zip(SIDES.values(), (vhost, next(vhosts)), strict=True)
    ]
    for parts in both:
        parts.start_worker()
        await parts.accept(4)
    for parts in both:
        assert await parts.books.settled() == {State.DELIVERED: 4}

    line.slow_down(1)  # There, and back again.
    line.sever()
    for parts in both:
        await parts.accept(8)

    for parts in both:
        assert await parts.books.settled() == {State.DELIVERED: 12}
    assert line.connections == 2 * (2 + 2)
