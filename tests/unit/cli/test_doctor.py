"""``kakehashi doctor`` where something is missing, hangs, or is of another release."""

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.bootstrap.embedded import embedded_document
from gateway.cli.diagnosis import broker, running
from gateway.drivers import kernel_clock
from gateway.settings.model import SOCKET_NAME
from tests.unit.cli.conftest import Terminal
from tests.unit.cli.test_top import a_certificate

CONFIGURED = ("--config", "kakehashi.yaml")


@pytest.fixture(autouse=True)
def a_clock_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every machine that runs tests has one."""
    monkeypatch.setattr(kernel_clock, "synchronised", lambda: True)


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def configure(**over: object) -> None:
    document = {**embedded_document(Path("var")), **over}
    Path("kakehashi.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def lines(found: dict[str, Any], subject: str) -> list[dict[str, Any]]:
    return [line for line in found["lines"] if line["subject"] == subject]


def of(found: dict[str, Any], subject: str) -> dict[str, Any]:
    [line] = lines(found, subject)
    return line


def test_a_configured_gateway_that_does_not_run_is_bad(terminal: Terminal) -> None:
    configure()

    found = terminal.ask("doctor", *CONFIGURED, code=1)

    assert (found["verdict"], of(found, "gateway")["level"]) == ("bad", "bad")
    assert "kakehashi up" in of(found, "gateway")["action"]


def test_a_journal_without_findings_is_not_called_well_while_no_gateway_runs(
    terminal: Terminal, keep: Callable[..., object]
) -> None:
    keep()

    found = terminal.ask("doctor", code=1)

    assert of(found, "gateway")["level"] == "bad"
    assert not [line for line in lines(found, "operation") if line["level"] == "ok"]


def test_beside_a_configured_up_neither_workers_nor_keys_are_missed(terminal: Terminal) -> None:
    configure(workers={})

    found = terminal.ask("doctor", *CONFIGURED, code=1)

    said = [line["said"] for line in lines(found, "configuration")]
    assert not any("no worker may work" in each for each in said)
    assert {line["level"] for line in lines(found, "configuration")} == {"ok", "warn"}


def test_a_warning_counts_only_where_somebody_says_so(terminal: Terminal) -> None:
    assert terminal.ask("doctor")["verdict"] == "warn"
    assert terminal.ask("doctor", "--strict", code=1)["ok"]


def test_a_broker_that_never_answers_is_given_up(
    terminal: Terminal, deaf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "PATIENCE_S", 0.2)
    configure(broker={"url": f"amqp://127.0.0.1:{deaf}/"})

    found = terminal.ask("doctor", *CONFIGURED, code=1)

    assert "It does not answer." in of(found, "broker")["action"]


def test_a_gateway_that_never_answers_is_given_up(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PATIENCE_S", 0.2)
    configure()
    Path("var").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"var/{SOCKET_NAME}")
        listening.listen()

        found = terminal.ask("doctor", *CONFIGURED, code=1)

    assert of(found, "gateway")["said"].startswith("It runs and gives no answer: ")


@pytest.mark.parametrize(
    ("change", "level", "says"),
    [
        ("DELETE FROM schema_migrations WHERE version > 5", "warn", "schema 5, this release"),
        ("INSERT INTO schema_migrations VALUES (999, 'x', 'x')", "bad", "(schema 999, this"),
    ],
)
def test_a_journal_of_another_release_is_told_and_left_as_it_is(
    terminal: Terminal, keep: Callable[..., object], change: str, level: str, says: str
) -> None:
    keep()
    with closing(sqlite3.connect("var/journal.db", isolation_level=None)) as connection:
        connection.execute(change)
        before = connection.execute("SELECT * FROM schema_migrations").fetchall()

        journal = of(terminal.ask("doctor", code=1), "journal")

        assert connection.execute("SELECT * FROM schema_migrations").fetchall() == before
    assert journal["level"] == level
    assert says in journal["said"]


def test_certificates_that_a_destination_names_are_looked_at(terminal: Terminal) -> None:
    a_certificate(Path("core.pem"), ends_in=timedelta(days=3))
    config = {
        "url": "https://core.example/",
        "ca_file": "core.pem",
        "client_certificate_file": "gone.pem",
        "client_key_file": "gone.key",
    }
    core = {"municipality": "131016", "adapter": "http", "config": config}
    configure(destinations={"core": core}, routes=[], workers={})

    found = terminal.ask("doctor", *CONFIGURED, code=1)

    levels = {line["said"].partition(":")[0]: line["level"] for line in lines(found, "certificate")}
    assert levels == {
        "destinations.core.config.ca_file": "warn",
        "destinations.core.config.client_certificate_file": "bad",
        "destinations.core.config.client_key_file": "bad",
    }
