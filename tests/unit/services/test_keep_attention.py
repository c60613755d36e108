"""Groups and requests change by themselves, though nobody looks."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.domain.approval import ApprovalState
from gateway.domain.attention import AttentionState
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.lifecycle import State
from gateway.sdk import Application, Delivery, Receipt, RejectedError
from gateway.services import keep_attention
from gateway.services.operate import four_eyes
from gateway.services.operate.by_name import operations
from gateway.services.operate.four_eyes import WaitsForApprovalError
from gateway.testing.faults import FlakyJournal
from gateway.testing.world import World, eventually

SATO = Actor(ActorKind.OPERATOR, "sato")


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path, operations={"four_eyes": ["parked.cancel"]}) as world:
        world.start_worker()
        yield world


def refuses(_application: Application, _delivery: Delivery) -> Receipt:
    raise RejectedError("K-7")


async def test_groups_open_and_are_resolved_and_requests_expire_though_nobody_looks(
    watched: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, journal = watched.gateway, watched.gateway.journal
    watched.adapter.script.append(refuses)
    one = await watched.until(await watched.accepted(), State.PARKED)
    monkeypatch.setattr(four_eyes, "LIFETIME", -four_eyes.LIFETIME)
    with pytest.raises(WaitsForApprovalError):
        await operations(gateway.operate)["parked.cancel"](
            SATO, {"delivery": str(one.id), "reason": "resubmitted"}
        )

    await gateway.keep_attention.keep()
    await gateway.keep_attention.keep()

    assert [group.state for group in await journal.attention()] == [AttentionState.OPEN]
    [request] = await journal.approvals(waiting=False, limit=5)
    assert request.state == ApprovalState.EXPIRED
    assert (await watched.actions()).count("approval.expired") == 1

    await gateway.operate.decide.replay(str(one.id), actor=SATO, reason="mended")
    await watched.until(one, State.DELIVERED)
    await gateway.keep_attention.keep()

    assert [group.state for group in await journal.attention()] == [AttentionState.RESOLVED]


async def test_a_journal_that_is_away_for_a_while_does_not_end_it(
    flaky: World, journal: FlakyJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep_attention, "EVERY_S", 0.01)
    journal.is_down = True
    with capture_logs() as logs:
        running = asyncio.create_task(flaky.gateway.keep_attention.run())
        await eventually(lambda: "attention.not_kept" in [log["event"] for log in logs])
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
