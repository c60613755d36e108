"""``kakehashi parked`` for many: groups, orders, resubmissions; without a running gateway."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from rich.cells import cell_len

from gateway.bootstrap.embedded import embedded_document
from gateway.bootstrap.key_names import PSEUDONYM_KEY
from gateway.bootstrap.stores import open_journal, open_keys
from gateway.cli import loop
from gateway.cli.commands import replays
from gateway.crypto.at_rest import WordsAtRest
from gateway.domain.lifecycle import State
from gateway.domain.repair import ReplayId, ReplayState
from gateway.drivers.system_clock import SystemClock
from gateway.ports.journal import Acceptance
from gateway.services.carry_out_replays import CarryOutReplays
from gateway.settings.load import build
from gateway.testing.contracts.journal_repairs import halt
from tests.unit.cli.conftest import Terminal

Keep = Callable[..., Acceptance]
NOBODY = "01a20000-0000-7000-8000-000000000000"
WHY = ("--reason", "the adapter was mended")


def test_what_waits_is_grouped_by_its_cause_largest_first(terminal: Terminal, keep: Keep) -> None:
    keep("A-1", state=State.IN_DOUBT, code="attempt.unknown")
    for number in range(2, 4):
        keep(f"A-{number}", state=State.PARKED, code="core.refused", adapter="file 1.0.0")

    many, one = terminal.ask("parked", "groups")

    assert (many["deliveries"], many["code"], many["adapter"]) == (2, "core.refused", "file 1.0.0")
    assert (one["state"], one["adapter"]) == ("in_doubt", None)
    text = terminal.run("parked", "groups")
    assert f"{many['id']}  parked  2  " in text
    assert "→ delivered: core.refused (file 1.0.0)" in text
    assert len(terminal.ask("parked", "groups", "--in-doubt")) == 1
    assert "Nothing waits" in terminal.run("parked", "groups", "--code", "core.other")


def test_a_dry_run_says_how_many_by_group_and_changes_nothing(
    terminal: Terminal, parked: Acceptance
) -> None:
    said = ("parked", "replay", "--destination", "delivered", "--dry-run")

    text = terminal.run(*said, "--canary", "1", "--rate", "0.5")

    assert "1 would be sent again, 1 first, 0.5 a second" in text
    assert "core.refused" in text
    assert terminal.ask("parked", "orders") == []
    state = terminal.ask("parked", "show", str(parked.deliveries[0].record.id))["state"]
    assert state == "parked"


def carry() -> None:
    """Carry out what was ordered, as a gateway would that is started now."""

    async def look() -> None:
        settings = build(embedded_document(Path("var")))
        journal = open_journal(settings)
        await journal.open()
        seconds = iter(range(99))
        carrier = CarryOutReplays(
            journal=journal,
            clock=SystemClock(),
            at_rest=WordsAtRest(open_keys(settings).private(PSEUDONYM_KEY)),
            monotonic=lambda: float(next(seconds)),
        )
        for _ in range(3):
            await carrier.look()
        await journal.close()

    loop.run(look())


@pytest.mark.usefixtures("parked")
def test_an_order_is_stored_without_a_gateway_and_begins_with_one(terminal: Terminal) -> None:
    text = terminal.run("parked", "replay", "--destination", "delivered", *WHY)
    [order] = terminal.ask("parked", "orders")

    assert "it starts when one runs" in text
    assert f"kakehashi parked order {order['id']} --follow" in text
    assert (order["state"], order["progress"]["waiting"]) == ("running", 1)
    carry()
    shown = terminal.run("parked", "order", order["id"])
    assert "finished" in shown
    assert "on the way  1" in shown
    assert order["id"] in terminal.run("parked", "orders")


@pytest.mark.usefixtures("parked")
def test_a_group_is_sent_again_by_its_id(terminal: Terminal) -> None:
    [group] = terminal.ask("parked", "groups")

    order = terminal.ask("parked", "replay", "--group", group["id"], *WHY)

    assert order["selection"] == "parked, delivered, core.refused, no adapter"
    assert (order["total"], order["canary"], order["rate_per_s"]) == (1, 0, 10.0)


@pytest.mark.usefixtures("parked")
def test_an_order_that_halted_says_so_and_a_person_resumes_or_stops_it(terminal: Terminal) -> None:
    said = ("parked", "replay", "--destination", "delivered", "--canary", "1", *WHY)
    order = terminal.ask(*said)["id"]

    async def halted() -> None:
        settings = build(embedded_document(Path("var")))
        journal = open_journal(settings)
        await journal.open()
        [stored] = await journal.replay_orders()
        assert await halt(journal, ReplayId(stored.id), was={ReplayState.RUNNING})
        await journal.close()

    loop.run(halted())

    assert "The canary did not arrive" in terminal.run("parked", "order", order, code=1)
    assert terminal.ask("parked", "order", order, "--follow", code=1)["state"] == "halted"
    assert "running" in terminal.run("parked", "resume", order, *WHY)
    assert "stopped" in terminal.run("parked", "stop", order, *WHY)
    refused = terminal.run("parked", "stop", order, *WHY, code=1)
    assert "the order is cancelled; this is for one that is halted or running" in refused


@pytest.mark.usefixtures("parked")
def test_an_order_is_followed_to_its_end(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = terminal.ask("parked", "replay", "--destination", "delivered", *WHY)["id"]

    def stop_meanwhile(_: float) -> None:
        terminal.run("parked", "stop", order, *WHY)

    monkeypatch.setattr(replays.time, "sleep", stop_meanwhile)

    assert terminal.ask("parked", "order", order, "--follow")["state"] == "cancelled"


@pytest.mark.parametrize(
    ("said", "code", "says"),
    [
        (["replay", *WHY], 2, "say what to send"),
        (["replay", "--code", "x", *WHY], 2, "say what to send"),
        (["replay", NOBODY, "--destination", "delivered", *WHY], 2, "not both"),
        (["replay", NOBODY, "--dry-run"], 2, "not both"),
        (["replay", NOBODY], 2, "--reason"),
        (["replay", "--destination", "delivered"], 2, "--reason"),
        (["replay", "--destination", "delivered", "--reason", " "], 1, "a reason of 1 to 200"),
        (["replay", "--destination", "archive", *WHY], 1, "nothing waits of what was selected"),
        (["replay", "--destination", "delivered", "--in-doubt", *WHY], 1, "in_doubt, delivered"),
        (["replay", "--destination", "delivered", "--since", "soon", *WHY], 1, "since must look"),
        (["replay", "--destination", "delivered", "--rate", "0", *WHY], 1, "the rate is 0.001"),
        (["replay", "--group", "00000000", *WHY], 1, "no"),
        (["stop", NOBODY], 2, "--reason"),
        (["resume", NOBODY, *WHY], 1, "no order has this id"),
        (["order", NOBODY], 1, "no order has this id"),
    ],
)
@pytest.mark.usefixtures("parked")
def test_what_cannot_be_ordered_is_refused_in_words(
    terminal: Terminal, said: list[str], code: int, says: str
) -> None:
    text = terminal.run("parked", *said, code=code)

    assert says in " ".join(text.replace("│", " ").split())
    assert terminal.ask("parked", "orders") == []


def test_whom_to_ask_for_what_is_told_by_client(terminal: Terminal, parked: Acceptance) -> None:
    [asked] = terminal.ask("parked", "resubmissions", "--code", "core.refused")

    assert asked["client"] == "portal"
    assert [one["application"] for one in asked["applications"]] == [str(parked.application.id)]
    text = terminal.run("parked", "resubmissions")
    assert str(parked.application.id) in text
    assert "core.refused /content/x" in text
    assert '"supersedes"' in text
    assert "Nobody" in terminal.run("parked", "resubmissions", "--code", "core.other")


def test_whom_to_ask_is_told_to_the_last_page(
    terminal: Terminal, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        keep(f"A-{number}", state=State.PARKED)
    monkeypatch.setattr(replays, "perform", partial(replays.perform, limit=1))

    [asked] = terminal.ask("parked", "resubmissions")

    assert len(asked["applications"]) == 3


@pytest.mark.parametrize("language", ["C.UTF-8", "ja_JP.UTF-8"])
def test_everything_fits_80_columns(
    terminal: Terminal, keep: Keep, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("LANG", language)
    keep(state=State.PARKED, code="core.refused.of-some-length", adapter="some-adapter 10.20.30")
    order = terminal.ask("parked", "replay", "--destination", "delivered", *WHY)["id"]

    for said in (
        ["groups"],
        ["replay", "--destination", "delivered", "--dry-run"],
        ["orders"],
        ["order", order],
        ["resubmissions"],
    ):
        text = terminal.run("parked", *said)
        assert max(map(cell_len, text.splitlines())) <= 80, text
