"""The commands that look into the journal and decide, without a running gateway."""

import asyncio
import socket
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from gateway.bootstrap.embedded import embedded_document
from gateway.bootstrap.stores import open_journal
from gateway.cli import reach
from gateway.cli.commands.status import present
from gateway.domain.lifecycle import State
from gateway.ports.journal import Acceptance
from gateway.settings.load import build
from gateway.testing.builders import NOW
from tests.unit.cli.conftest import Terminal

Keep = Callable[..., Acceptance]
NOBODY = "01a20000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["status", "A-1"],
        ["messages", "list"],
        ["messages", "show", "A-1"],
        ["parked", "list"],
        ["parked", "show", NOBODY],
        ["parked", "replay", NOBODY, "--reason", "x"],
        ["client", "list"],
        ["client", "revoke", "0123456789ab"],
        ["audit", "verify"],
    ],
)
def test_where_there_is_no_journal_none_is_made(terminal: Terminal, command: list[str]) -> None:
    assert "kakehashi up" in terminal.run(*command, code=3)
    assert not Path("var").exists()


async def _hold_the_journal(held: Event, let_go: Event) -> None:
    journal = open_journal(build(embedded_document(Path("var"))))
    await journal.open()
    held.set()
    await asyncio.to_thread(let_go.wait, 10)
    await journal.close()


def test_a_journal_that_another_process_is_about_to_give_back_is_waited_for(
    terminal: Terminal, parked: Acceptance, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, let_go = Event(), Event()
    with ThreadPoolExecutor() as threads:
        holding = threads.submit(lambda: asyncio.run(_hold_the_journal(held, let_go)))
        assert held.wait(10)
        monkeypatch.setattr(reach, "STARTING_S", 0.0)
        assert "Another process has it open" in terminal.run("status", code=3)

        monkeypatch.setattr(reach, "STARTING_S", 10.0)
        monkeypatch.setattr(reach, "_PAUSE_S", 0.01)
        asked = threads.submit(terminal.run, "status", str(parked.application.id))
        let_go.set()
        assert str(parked.application.id) in asked.result(10)
        holding.result(10)


def test_an_application_is_found_by_its_id_and_by_its_number(
    terminal: Terminal, keep: Keep
) -> None:
    application = str(keep("受付-7").application.id)

    assert terminal.ask("status", application)[0]["id"] == application
    assert terminal.ask("messages", "show", "受付-7")[0]["id"] == application
    assert terminal.run("status", "B-2", code=1) == (
        "kakehashi: operation.not_found: no application has this id or 受付番号: B-2\n"
    )


def test_a_timeline_is_told_in_words_within_80_columns(terminal: Terminal, keep: Keep) -> None:
    keep(state=State.RETRYING, code="core.busy")

    text = terminal.run("status", "A-1")

    assert "accepted: kept for good" in text
    assert "2026-11-20 09:30:00 JST" in text
    assert "core.busy" in text
    assert max(map(len, text.splitlines())) <= 80


def test_words_are_japanese_where_the_environment_is(
    terminal: Terminal, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep()
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")

    assert "配信待ち" in terminal.run("status")
    assert "受け付けました" in terminal.run("status", "A-1")


def test_the_overview_counts_deliveries_by_destination_and_state(
    terminal: Terminal, keep: Keep
) -> None:
    keep("A-1", state=State.PARKED)
    keep("A-2", state=State.DELIVERED)

    (line,) = terminal.ask("status")["destinations"]
    assert line["deliveries"] == {"parked": 1, "delivered": 1}
    assert "No worker has been seen yet." in terminal.run("status")


def test_a_destination_that_is_configured_no_more_is_told_as_such(
    terminal: Terminal, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(destination="gone")

    assert "gone (not configured)" in terminal.run("status")
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert "gone (設定にありません)" in terminal.run("status")


def test_a_worker_that_has_a_living_successor_is_not_shown() -> None:
    def seen(worker: str, last_seen_s: float, *, alive: bool) -> dict[str, object]:
        return {
            "worker": worker,
            "destination": "d",
            "last_seen_s": last_seen_s,
            "alive": alive,
        }

    shown = present(
        [
            seen("a/1", 900, alive=False),
            seen("a/2", 1, alive=True),
            seen("a/3", 2, alive=True),
            seen("b/1", 900, alive=False),
            seen("b/2", 300, alive=False),
        ]
    )

    assert [worker["worker"] for worker in shown] == ["a/2", "a/3", "b/2"]


def test_applications_are_listed_by_state_and_page_by_page(
    terminal: Terminal, parked: Acceptance, keep: Keep
) -> None:
    other = keep("A-2")

    listed = terminal.ask("messages", "list")
    assert [one["id"] for one in listed] == [
        str(other.application.id),
        str(parked.application.id),
    ]
    assert len(terminal.ask("messages", "list", "--state", "parked")) == 1
    assert terminal.ask("messages", "list", "--before", listed[0]["id"]) == listed[1:]
    assert f"--before {listed[0]['id']}" in terminal.run("messages", "list", "--limit", "1")
    assert "no such applications" in terminal.run("messages", "list", "--state", "cancelled")


def test_an_unknown_state_is_a_usage_error(terminal: Terminal) -> None:
    assert "in_doubt" in terminal.run("messages", "list", "--state", "lost", code=2)


def test_what_waits_for_a_person_is_listed_with_its_next_step(
    terminal: Terminal, parked: Acceptance
) -> None:
    delivery = str(parked.deliveries[0].record.id)

    assert terminal.ask("parked", "list")[0]["id"] == delivery
    assert "Mend the cause" in terminal.run("parked", "list")
    assert terminal.ask("parked", "show", delivery)["pointer"] == "/content/x"
    assert "core.refused" in terminal.run("parked", "show", delivery)


def test_what_waits_for_a_person_is_listed_page_by_page(terminal: Terminal, keep: Keep) -> None:
    for number in range(3):
        keep(f"A-{number}", state=State.PARKED)

    ids = [one["id"] for one in terminal.ask("parked", "list")]

    assert f"2 shown; older: --before {ids[1]}" in terminal.run("parked", "list", "--limit", "2")
    rest = terminal.run("parked", "list", "--limit", "1", "--before", ids[1])
    assert ids[2] in rest
    assert "--before" not in rest
    assert "--before" not in terminal.run("parked", "list", "--limit", "3")
    assert [one["id"] for one in terminal.ask("parked", "list", "--before", ids[0])] == ids[1:]


@pytest.mark.parametrize(
    ("decision", "state"),
    [("replay", "pending"), ("confirm", "delivered"), ("cancel", "cancelled")],
)
def test_a_decision_changes_the_state_and_names_who_took_it(
    terminal: Terminal, parked: Acceptance, decision: str, state: str
) -> None:
    delivery = str(parked.deliveries[0].record.id)

    (done,) = terminal.ask("parked", decision, delivery, "--reason", "seen by hand")

    assert done["done"]
    assert done["delivery"]["state"] == state
    hop = terminal.ask("status", "A-1")[0]["timeline"][-1]
    assert hop["actor"].startswith("operator:")
    assert hop["words"]["reason"] == "seen by hand"
    assert "Nothing waits for a person." in terminal.run("parked", "list")


def test_one_refused_decision_does_not_keep_the_others_from_it(
    terminal: Terminal, parked: Acceptance, keep: Keep
) -> None:
    waiting = str(keep("A-2").deliveries[0].record.id)
    delivery = str(parked.deliveries[0].record.id)

    done = terminal.ask("parked", "replay", waiting, NOBODY, delivery, "--reason", "x", code=1)

    assert [one["done"] for one in done] == [False, False, True]
    assert "pending" in done[0]["error"]


def test_a_file_says_which_deliveries_were_found(
    terminal: Terminal, parked: Acceptance, keep: Keep, tmp_path: Path
) -> None:
    keep("A-2", state=State.PARKED, code="core.refused", pointer="/content/x")
    [group] = terminal.ask("parked", "groups")
    listed = terminal.run("parked", "deliveries", group["id"])
    (tmp_path / "found.csv").write_text(listed, "utf-8")
    delivery = str(parked.deliveries[0].record.id)

    assert listed.startswith("id,application,municipality,updated_at,")
    assert delivery in listed
    assert "not both" in terminal.run(
        "parked", "cancel", delivery, "--from", "found.csv", "--reason", "x", code=2
    )
    done = terminal.ask("parked", "confirm", "--from", "found.csv", "--reason", "found in K")
    assert [one["done"] for one in done] == [True, True]
    assert terminal.ask("parked", "show", delivery)["state"] == "delivered"


def test_applications_are_listed_by_their_last_change(
    terminal: Terminal, parked: Acceptance, keep: Keep
) -> None:
    keep("A-2", updated_at=NOW + timedelta(days=1))
    newest = ("messages", "list", "--sort", "changed")

    first = terminal.run(*newest, "--limit", "1")
    place = first.rpartition("--before ")[2].strip()
    [rest] = terminal.ask(*newest, "--before", place)
    [oldest, _] = terminal.ask(*newest, "--oldest")

    assert rest["id"] == oldest["id"] == str(parked.application.id)


def test_a_decision_needs_a_reason(terminal: Terminal) -> None:
    assert "--reason" in terminal.run("parked", "cancel", NOBODY, code=2)


def test_a_reference_belongs_to_one_delivery(terminal: Terminal, parked: Acceptance) -> None:
    delivery = str(parked.deliveries[0].record.id)
    said = ("--reason", "x", "--reference", "整-1")

    assert "--reference" in terminal.run("parked", "confirm", delivery, NOBODY, *said, code=2)
    (done,) = terminal.ask("parked", "confirm", delivery, *said)

    assert done["delivery"]["reference"] == "整-1"


def test_a_client_key_is_shown_once_listed_without_its_secret_and_revoked(
    terminal: Terminal, keep: Keep
) -> None:
    keep()
    made = terminal.ask("client", "add", "local")

    assert made["key"].startswith(f"kkh_{made['id']}_")
    assert made["key"] not in terminal.run("client", "list")
    assert terminal.ask("client", "revoke", made["id"])["revoked"]
    assert terminal.ask("client", "list")[0]["revoked_at"] is not None
    assert "operation.not_found" in terminal.run("client", "revoke", made["id"], code=1)
    assert "no client" in terminal.run("client", "add", "stranger", code=1)


def test_a_client_key_is_printed_alone_on_its_line(terminal: Terminal, keep: Keep) -> None:
    keep()

    assert terminal.run("client", "add", "local").splitlines()[0].startswith("kkh_")


def test_a_whole_audit_log_is_verified(terminal: Terminal, keep: Keep) -> None:
    keep()

    report = terminal.ask("audit", "verify")

    assert report["ok"]
    assert "every chain is whole" in terminal.run("audit", "verify")


def test_a_changed_audit_log_is_told_with_exit_code_1(terminal: Terminal, keep: Keep) -> None:
    keep()
    with closing(sqlite3.connect("var/journal.db")) as database, database:
        # As somebody with the file, who knows SQL.
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            database.execute(f'DROP TRIGGER "{name}"')
        changed = database.execute(
            "UPDATE entries SET data = CAST(replace(CAST(data AS TEXT), 'portal', 'other') AS BLOB)"
            " WHERE nseq = 1"
        )
        assert changed.rowcount == 1

    report = terminal.ask("audit", "verify", code=1)

    assert not report["ok"]
    assert report["failures"][0]["node"] == "gw-1"
    assert "not what was written" in terminal.run("audit", "verify", code=1)


def test_keys_that_are_missing_are_named(terminal: Terminal, keep: Keep) -> None:
    keep()
    Path("var/keys/gateway/pseudonym.private.jwk").unlink()

    text = terminal.run("status", code=2)

    assert "keys.not_found: gateway/pseudonym" in text
    assert "keys list" in text


def test_a_socket_that_a_killed_gateway_left_is_passed_over(terminal: Terminal, keep: Keep) -> None:
    keep()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind("var/kakehashi.sock")

    assert terminal.ask("status")["node"] == "cli"
