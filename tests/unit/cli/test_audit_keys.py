"""``kakehashi audit key|shred``."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.note import parse_vkey
from gateway.bootstrap.embedded import embedded_document
from gateway.bootstrap.log_signing import log_signing
from gateway.bootstrap.stores import open_journal, open_keys
from gateway.cli import loop
from gateway.domain.lifecycle import State
from gateway.drivers.system_clock import SystemClock
from gateway.ports.journal import Acceptance
from gateway.services.seal_log import SealLog
from gateway.settings.load import build
from tests.unit.cli.conftest import Terminal

Keep = Callable[..., Acceptance]


@pytest.fixture
def parked(keep: Keep) -> Acceptance:
    """An application that waits for a person."""
    return keep(state=State.PARKED, code="E1")


def seal() -> None:
    """Seal the log, as a gateway would that is started now."""
    settings = build(embedded_document(Path("var")))

    async def begin() -> None:
        journal = open_journal(settings)
        await journal.open()
        sealer = SealLog(
            journal=journal,
            signing=log_signing(open_keys(settings)),
            origin=None,
            new_origin="kakehashi/test",
            clock=SystemClock(),
        )
        await sealer.begin()
        await journal.close()

    loop.run(begin())


@pytest.mark.usefixtures("parked")
def test_outsiders_are_given_the_origin_and_every_key_of_the_log(terminal: Terminal) -> None:
    assert "never sealed" in terminal.run("audit", "key", code=1)
    seal()
    terminal.run("keys", "new", "log")

    shown: Any = terminal.ask("audit", "key")

    assert shown["origin"] == "kakehashi/test"
    assert [(key["name"], key["signs"]) for key in shown["keys"]] == [
        ("log/1", False),
        ("log/2", True),
    ]
    assert {parse_vkey(key["vkey"]).name for key in shown["keys"]} == {"kakehashi/test"}
    printed = terminal.run("audit", "key")
    assert all(key["vkey"] in printed.split() for key in shown["keys"])


def test_shredded_words_are_told_as_erased(terminal: Terminal, parked: Acceptance) -> None:
    application = str(parked.application.id)
    terminal.run("parked", "cancel", str(parked.deliveries[0].record.id), "--reason", "山田様より")
    assert "山田様より" in terminal.run("status", application)

    done = terminal.ask("audit", "shred", application, "--reason", "保存期間満了")

    assert done == {"application": application, "details": 1}
    shown = terminal.run("status", application)
    assert "山田様より" not in shown
    assert "words erased on" in shown
    assert terminal.ask("status", application)[0]["timeline"][-2]["erased"]


def test_words_whose_key_was_removed_are_not_told_as_erased(
    terminal: Terminal, parked: Acceptance
) -> None:
    application = str(parked.application.id)
    terminal.run("parked", "cancel", str(parked.deliveries[0].record.id), "--reason", "x")
    [journal] = Path("var").rglob("*.db")
    with closing(sqlite3.connect(journal)) as database, database:
        database.execute("DELETE FROM detail_keys")

    for command in (["status", application], ["audit", "search", "--application", application]):
        text = " ".join(terminal.run(*command).split())
        assert "nobody erased them" in text
        assert "words erased" not in text


def test_what_cannot_be_shredded_is_said_in_words(terminal: Terminal, parked: Acceptance) -> None:
    application = str(parked.application.id)

    assert "nothing to shred" in terminal.run(
        "audit", "shred", application, "--reason", "x", code=1
    )
    assert "not an id" in terminal.run("audit", "shred", "A-1", "--reason", "x", code=1)
    terminal.run("audit", "shred", application, code=2)
