"""``kakehashi destination``, without a running gateway."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.bootstrap.embedded import embedded_document
from gateway.bootstrap.stores import open_journal
from gateway.cli import loop
from gateway.cli.commands import destination
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.settings.load import build
from gateway.testing.builders import a_heartbeat
from tests.unit.cli.conftest import Terminal


@pytest.fixture
def journal(terminal: Terminal, keep: Callable[..., object]) -> Terminal:
    """A terminal where a journal is."""
    keep()
    return terminal


def test_a_change_is_shown_beside_what_is_configured_and_can_be_reset(journal: Terminal) -> None:
    because = ("--reason", "the core system asks for it")
    changed = journal.run(
        "destination", "set", "delivered", "rate_per_s=5", "window=mon 08:30-17:15", *because
    )
    shown = journal.ask("destination", "show", "delivered")
    journal.run("destination", "reset", "delivered", *because)
    after = journal.ask("destination", "show", "delivered")

    assert "the core system asks for it" in changed
    assert max(map(len, changed.splitlines())) <= 80
    assert shown["settings"]["rate_per_s"] == {"value": 5.0, "configured": None, "changed": True}
    assert shown["settings"]["window"]["value"] == ["mon 08:30-17:15"]
    assert not any(setting["changed"] for setting in after["settings"].values())


def test_days_are_set_with_commas_and_taken_back(journal: Terminal) -> None:
    because = ("--reason", "基盤更改")
    closed = "window.closed_on=2099-12-13, 2099-12-12"
    changed = journal.run(
        "destination", "set", "delivered", closed, "window.open_on=2099-12-29", *because
    )
    shown = journal.ask("destination", "show", "delivered")["settings"]
    fewer = journal.run(
        "destination", "set", "delivered", "window.closed_on=2099-12-13, 2099-12-14", *because
    )
    journal.run("destination", "set", "delivered", "window.closed_on=none", *because)
    after = journal.ask("destination", "show", "delivered")["settings"]

    assert "2099-12-12, 2099-12-13" in changed
    assert "no longer" not in changed
    assert "no longer in window.closed_on: 2099-12-12\n" in fewer
    assert shown["window.closed_on"]["value"] == ["2099-12-12", "2099-12-13"]
    assert shown["window.open_on"]["value"] == ["2099-12-29"]
    assert after["window.closed_on"]["value"] == []
    assert after["window.open_on"]["value"] == ["2099-12-29"]


def test_a_paused_destination_is_seen_in_the_list_and_in_the_overview(journal: Terminal) -> None:
    said = journal.run("destination", "pause", "delivered", "--reason", "x")

    assert said.splitlines()[0] == "delivered  paused  What is accepted waits."
    assert len(said.splitlines()) == 2  # and who, and why
    assert "delivered  paused" in journal.run("destination", "list")
    assert "delivered (paused)" in journal.run("status")


@pytest.mark.parametrize(
    ("setting", "says", "code"),
    [
        ("rate_per_s", "must look like rate_per_s=5", 2),
        ("rate_per_s=fast", "rate_per_s: Input should be a valid number", 1),
        ("speed=5", "cannot be changed while it runs; known: paused, max_in_flight", 1),
        ("window=always;never", "must look like 'mon-fri 08:30-17:15'", 1),
    ],
)
def test_a_wrong_setting_is_refused_in_words(
    journal: Terminal, setting: str, says: str, code: int
) -> None:
    text = journal.run("destination", "set", "delivered", setting, "--reason", "x", code=code)

    assert says in " ".join(text.split()).replace("│ ", "")


def test_an_unknown_destination_is_named_with_those_there_are(journal: Terminal) -> None:
    text = journal.run("destination", "pause", "core", "--reason", "x", code=1)

    assert "no destination of this name: core (known: delivered)" in text


def test_a_check_is_answered_by_nobody_where_no_worker_lives(journal: Terminal) -> None:
    assert "no worker lives that could check it" in journal.run(
        "destination", "check", "delivered", code=1
    )


def test_a_worker_that_does_not_answer_is_told(
    journal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "ANSWERS_S", 0.0)
    loop.run(_beat())

    shown = journal.run("destination", "check", "delivered", code=1)

    assert "w1/a  no answer" in shown


async def _beat() -> None:
    journal = open_journal(build(embedded_document(Path("var"))))
    await journal.open()
    await journal.put_heartbeat(
        a_heartbeat(
            worker=WorkerName("w1/a"),
            destination=DestinationName("delivered"),
            at=datetime.now(UTC),
        )
    )
    await journal.close()
