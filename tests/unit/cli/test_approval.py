"""``kakehashi approval``: the command line is no way round a second person."""

import getpass
import json

import pytest

from gateway.domain.entry import Actor, ActorKind
from gateway.ports.journal import Acceptance
from tests.unit.cli.conftest import Terminal

WHY = ("--reason", "resubmitted")


@pytest.fixture(autouse=True)
def four_eyes(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - after it
    monkeypatch.setenv("KAKEHASHI_OPERATIONS__FOUR_EYES", json.dumps(["parked.cancel"]))


def test_what_needs_a_second_person_is_only_asked_for(
    terminal: Terminal, parked: Acceptance, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = str(parked.deliveries[0].record.id)

    told = terminal.run("parked", "cancel", delivery, *WHY, code=1)

    assert "another person must approve it" in told
    [waits] = terminal.ask("approval", "list")
    assert (waits["operation"], waits["deliveries"]) == ("parked.cancel", 1)
    assert waits["requested_by"] == getpass.getuser()
    assert "parked.cancel" in terminal.run("approval", "list")
    own = terminal.run("approval", "approve", waits["id"], *WHY, code=1)
    assert "another person" in own
    assert terminal.ask("parked", "show", delivery)["state"] == "parked"

    somebody = Actor(ActorKind.OPERATOR, "suzuki")
    monkeypatch.setattr("gateway.cli.reach._this_user", lambda: somebody)
    assert "approved" in terminal.run("approval", "approve", waits["id"], "--reason", "seen")
    assert terminal.ask("parked", "show", delivery)["state"] == "cancelled"
    assert "Nothing waits for approval" in terminal.run("approval", "list")
    assert "suzuki: seen" in terminal.run("approval", "list", "--all")


def test_a_request_is_withdrawn_by_who_asked(terminal: Terminal, parked: Acceptance) -> None:
    terminal.run("parked", "cancel", str(parked.deliveries[0].record.id), *WHY, code=1)
    [waits] = terminal.ask("approval", "list")

    assert "withdrawn" in terminal.run("approval", "withdraw", waits["id"], *WHY)
    assert "waits no more" in terminal.run("approval", "withdraw", waits["id"], *WHY, code=1)
