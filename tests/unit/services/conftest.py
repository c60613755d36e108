"""A running world, one that fails when told to, and one that a test configures."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.identifiers import NodeName
from gateway.services import (
    ask_terms,
    authenticate,
    bury_dead_letters,
    carry_feedback,
    record_outcomes,
    relay,
    watch_backlog,
    worker_health,
)
from gateway.services.stages import claim, report
from gateway.testing.faults import FlakyBroker, FlakyJournal
from gateway.testing.world import World

BRIEF_S = 0.02

PAUSES = (
    (authenticate, "_RELOAD_S"),
    (bury_dead_letters, "_RETRY_S"),
    (carry_feedback, "PAUSE_S"),
    (claim, "_ANSWER_TIMEOUT_S"),
    (claim, "_PAUSE_S"),
    (record_outcomes, "_RETRY_S"),
    (relay, "_HOLD_S"),
    (report, "_PAUSE_S"),
    (watch_backlog, "_LOOK_S"),
    (ask_terms, "HEARTBEAT_S"),
    (ask_terms, "_ANSWER_TIMEOUT_S"),
    (worker_health, "PAUSE_S"),
    (worker_health, "_CHECK_S"),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that runs, and a worker that does not yet."""
    async with World.make(tmp_path) as world:
        yield world


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pause between two tries is brief."""
    for module, name in PAUSES:
        monkeypatch.setattr(module, name, BRIEF_S)


@pytest.fixture
def broker() -> FlakyBroker:
    """A broker that fails when told to."""
    return FlakyBroker()


@pytest.fixture
def journal(tmp_path: Path) -> FlakyJournal:
    """A journal that fails when told to; not open."""
    return FlakyJournal(tmp_path / "journal.db", node=NodeName("gw-1"))


@pytest.fixture
async def flaky(
    tmp_path: Path,
    broker: FlakyBroker,
    journal: FlakyJournal,
    hasty: None,  # noqa: ARG001 - a fixture cannot use one otherwise
) -> AsyncIterator[World]:
    """A world between ``broker`` and ``journal``, in a hurry."""
    async with World.make(tmp_path, broker=broker, opened=journal) as world:
        yield world
