"""What ``serve``, ``work``, ``up`` and ``topology`` refuse before they start anything."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap.embedded import embedded_document
from gateway.cli.commands.up import with_workers
from gateway.settings.load import build
from tests.unit.cli.conftest import Terminal

NOWHERE = "amqp://127.0.0.1:1/"


def write(**over: Any) -> tuple[str, str]:
    document = {**embedded_document(Path("var")), "broker": {"url": NOWHERE}, **over}
    Path("c.yaml").write_text(json.dumps(document))
    return ("--config", "c.yaml")


@pytest.mark.parametrize("command", [["serve"], ["work", "x"], ["topology", "apply"]])
def test_processes_that_share_their_work_need_a_configuration(
    terminal: Terminal, command: list[str]
) -> None:
    assert "needs a configuration" in terminal.run(*command, code=2)
    assert not Path("var").exists()


@pytest.mark.parametrize("command", [["serve"], ["work", "delivered"], ["topology", "apply"]])
def test_a_broker_in_memory_does_not_reach_them(terminal: Terminal, command: list[str]) -> None:
    at = write(broker={"url": "memory:"})

    assert "kakehashi up" in terminal.run(*command, *at, code=2)


def test_serve_makes_no_keys_and_names_all_that_it_misses(terminal: Terminal) -> None:
    lines = terminal.run("serve", *write(), code=2).splitlines()

    missing = {line.split(": ")[2] for line in lines if line.startswith("kakehashi: keys: ")}
    assert missing == {
        "gateway/signing",
        "gateway/pseudonym",
        "log/1",
        "destination/delivered",
        "worker/embedded",
    }
    assert "keys new" in lines[-1]
    assert not Path("var/keys").exists()


def test_a_worker_needs_its_keys(terminal: Terminal) -> None:
    assert "keys.not_found" in terminal.run("work", "delivered", *write(), code=2)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nope"], "none is configured for nope"),
        (["delivered", "--worker", "nope"], "workers.nope: not configured (known: embedded"),
        (["nope", "--worker", "embedded"], "destinations.nope: not configured"),
    ],
)
def test_who_may_work_for_whom_stands_in_the_configuration(
    terminal: Terminal, words: list[str], expected: str
) -> None:
    assert expected in terminal.run("work", *words, *write(), code=2)


def test_a_worker_is_named_where_several_may_do_it(terminal: Terminal) -> None:
    both = {name: {"destinations": ["delivered"]} for name in ("one", "two")}

    assert "--worker one|two" in terminal.run("work", "delivered", *write(workers=both), code=2)


def test_a_worker_may_not_take_what_is_not_among_its_destinations(terminal: Terminal) -> None:
    at = write(workers={"idle": {"destinations": []}})

    text = terminal.run("work", "delivered", "--worker", "idle", *at, code=2)

    assert "workers.idle.destinations: delivered is not among them" in text


def test_up_has_its_own_broker(terminal: Terminal) -> None:
    assert "serve and work" in terminal.run("up", *write(), code=2)


def test_up_works_for_destinations_that_have_no_worker() -> None:
    settings = build({**embedded_document(Path("var")), "workers": {}})

    assert with_workers(settings).workers["embedded"].destinations == ("delivered",)


def test_the_topology_names_each_workers_rights_and_no_more(terminal: Terminal) -> None:
    document = terminal.ask("topology", "show")

    assert document["permissions"]["workers"] == {
        "embedded": {
            "configure": "^$",
            "write": r"^kakehashi\.gateway$",
            "read": r"^dest\.(delivered)$",
        }
    }
    assert "dest.delivered.dead" in terminal.run("topology", "show")


def test_a_broker_that_cannot_be_reached_is_told_with_exit_code_3(terminal: Terminal) -> None:
    assert "broker.unavailable" in terminal.run("topology", "apply", *write(), code=3)


def test_a_gateway_whose_journal_cannot_be_made_says_so_in_a_line(terminal: Terminal) -> None:
    at = write(journal={"url": "sqlite:////proc/nowhere/journal.db"})
    terminal.run("keys", "new", "gateway", *at)
    terminal.run("keys", "new", "pseudonym", *at)
    assert "log/1" in terminal.run("serve", *at, code=2)
    terminal.run("keys", "new", "log", *at)
    terminal.run("keys", "new", "destination", "delivered", *at)
    terminal.run("keys", "new", "worker", "embedded", *at)

    last = terminal.run("serve", *at, code=2).splitlines()[-1]

    assert last == "kakehashi: /proc/nowhere: No such file or directory"


def test_the_openapi_document_is_one_json_document(terminal: Terminal) -> None:
    document = json.loads(terminal.run("openapi"))

    assert document["openapi"] == "3.1.0"
    assert terminal.ask("openapi") == document


def test_the_document_of_the_operations_api_is_another_one(terminal: Terminal) -> None:
    document = json.loads(terminal.run("openapi", "--operations"))

    assert document["info"]["title"] == "Kakehashi operations API"
