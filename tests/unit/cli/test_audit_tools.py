"""``audit search``, ``prove``, ``verify-proof`` and ``report``, as somebody types them."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.chain import leaf
from gateway.audit.report.page import Report, page
from gateway.audit.report.words import ACTIONS
from gateway.crypto import keys
from gateway.crypto.sign import Purpose, Signer
from gateway.domain.entry import Action
from gateway.ports.journal import Acceptance
from gateway.testing.builders import MUNICIPALITY
from tests.unit.audit.exported_log import note_key
from tests.unit.cli.conftest import Terminal

Keep = Callable[..., Acceptance]
Grow = Callable[[int], None]
PERIOD = ("--from", "2026-11-01", "--to", "2026-12-01")


def test_what_is_found_is_told_within_80_columns(terminal: Terminal, keep: Keep) -> None:
    application = str(keep().application.id)

    text = terminal.run("audit", "search", "--application", application)

    assert f"application {application}" in text
    assert "2026-11-20 09:30:00" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "No entry" in terminal.run("audit", "search", "--actor", "nobody-at-all")


def test_the_entries_own_members_are_printed_as_json(terminal: Terminal, keep: Keep) -> None:
    application = str(keep().application.id)

    found = terminal.ask("audit", "search", "--municipality", MUNICIPALITY, "--limit", "1")

    [entry] = found["entries"]
    assert {"index", "position", "action", "actor", "at", "nprev", "nseq", "v"} < entry.keys()
    assert entry["application"] == application
    older = terminal.ask("audit", "search", "--before", str(found["before"]))
    assert all(each["position"] < entry["position"] for each in older["entries"])


def test_a_page_says_how_to_go_on(terminal: Terminal, keep: Keep) -> None:
    keep("A-1")
    keep("A-2")

    assert "1 shown; older: --before" in terminal.run("audit", "search", "--limit", "1")


@pytest.mark.parametrize(
    "arguments",
    [["--action", "x"], ["--outcome", "x"], ["--since", "x"], ["--municipality", "x"]],
)
def test_what_cannot_be_searched_for_is_said_in_words(
    terminal: Terminal, keep: Keep, arguments: list[str]
) -> None:
    keep()

    assert "operation.refused" in terminal.run("audit", "search", *arguments, code=1)


def test_an_entry_that_is_not_sealed_yet_is_not_proved(terminal: Terminal, keep: Keep) -> None:
    application = str(keep().application.id)

    assert "not sealed yet" in terminal.run("audit", "prove", application, code=1)
    assert not list(Path().glob("*.tlog-proof"))


SIGNING_KEY = keys.new_signing_key()


def a_receipt(application: str, leaf_hash: bytes) -> str:
    claims = {"application": application, "leaf": leaf_hash.hex()}
    return Signer(SIGNING_KEY).sign_attached(json.dumps(claims).encode(), Purpose.RECEIPT)


def test_a_proof_is_verified_without_a_gateway(
    terminal: Terminal, keep: Keep, grow: Grow, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = str(keep().application.id)
    grow(3)
    made = terminal.ask("audit", "prove", application)
    data = Path(made["entry"]).read_bytes()
    Path("receipt").write_text(a_receipt(application, leaf(data)))
    Path("answer.json").write_text(json.dumps({"receipt": a_receipt(application, bytes(32))}))
    key = terminal.ask("audit", "key")["keys"][-1]["vkey"]
    monkeypatch.setenv("KAKEHASHI_CONFIG", "not-there.yaml")
    verify = ("audit", "verify-proof", made["proof"], "--entry", made["entry"], "--key")

    proven = terminal.ask(*verify, key, "--receipt", "receipt")

    assert (proven["index"], proven["size"]) == (0, 5)
    unchecked = "signature not checked: by a key that is not here"
    assert proven["receipt"] == {"agrees": True, "signature_verified": False, "note": unchecked}
    assert "proven: entry 0 of a log of 5" in terminal.run(*verify, key)
    assert "NOT proven" in terminal.run(*verify, note_key().vkey(), code=1)
    assert "another" not in terminal.run(*verify, "x", code=2)
    assert "NOT proven" in terminal.run(*verify, key, "--receipt", "answer.json", code=1)
    Path("jwks").write_text('{"keys": []}')
    signed = ("--receipt", "receipt", "--receipt-keys", "jwks")
    assert unchecked in terminal.run(*verify, key, *signed, code=2)
    Path("jwks").write_text(json.dumps({"keys": [json.loads(keys.public_half(SIGNING_KEY))]}))
    assert terminal.ask(*verify, key, *signed)["receipt"]["signature_verified"]
    Path("receipt").write_text(a_receipt(application, leaf(data)).rpartition(".")[0] + ".AAAA")
    assert "NOT proven" in terminal.run(*verify, key, *signed, code=1)
    Path("jwks").write_text("{}")
    assert "not a JWKS" in terminal.run(*verify, key, *signed, code=2)
    Path("receipt").write_text("x")
    assert "not a receipt" in terminal.run(*verify, key, "--receipt", "receipt", code=2)
    Path(made["entry"]).write_bytes(data.replace(b"portal", b"partal"))
    assert "NOT proven" in terminal.run(*verify, key, code=1)


def test_any_entry_is_proved_by_its_index(terminal: Terminal, grow: Grow) -> None:
    grow(300)

    assert terminal.ask("audit", "prove", "--index", "299")["proof"] == "entry-299.tlog-proof"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["prove"], "name an application"),
        (["prove", "x"], "not an id"),
        (["prove", "--index", "5"], "no entry of this index"),
        (["prove", "01a20000-0000-7000-8000-000000000000"], "no application"),
    ],
)
def test_what_cannot_be_proved_is_said_in_words(
    terminal: Terminal, keep: Keep, arguments: list[str], told: str
) -> None:
    keep()

    assert told in terminal.run("audit", *arguments, code=1)


FIGURES: dict[str, Any] = {
    "log": {
        "origin": "kakehashi/<b>",
        "size": 5,
        "root": "00" * 32,
        "checkpoint": "kakehashi/<b>\n5\n",
    },
    "period": {
        "since": "2026-10-31T15:00:00.000Z",
        "until": "2026-11-30T15:00:00.000Z",
        "municipality": None,
    },
    "entries": 5,
    "unreadable": 1,
    "actions": dict.fromkeys(Action, 1),
    "volumes": [{"day": "2026-11-20", "procedure": "childcare/<script>", "count": 1_234}],
    "outcomes": [{"day": "2026-11-20", "action": "delivery.parked", "count": 2}],
    "denials": [{"action": "requests.denied", "code": "<img>", "actor": "front-end", "count": 3}],
    "openings": [{"destination": "jido-teate", "worker": "w1/0a", "count": 4}],
    "reads": [{"actor": "sato", "purpose": "search", "count": 5}],
    "decisions": [{"actor": "sato", "action": "delivery.confirmed", "count": 6}],
    "keys": [
        {
            "index": 3,
            "at": "2026-11-20T00:30:00.000Z",
            "action": "key.changed",
            "actor": "sequencer",
            "node": "gw-1",
            "facts": {"key": "log/2", "was": "<svg onload=x>"},
        }
    ],
    "changes": [],
    "clocks": [{"node": "gw-1", "observed": 1, "most_moved_ms": 5, "unsynchronised": 0}],
    "jumps": [],
    "untold": {"keys": 7},
}
WELL: dict[str, Any] = {
    "ok": True,
    "entries": 5,
    "matched": 1,
    "first_bad_index": None,
    "failures": [],
}
ILL: dict[str, Any] = {
    **WELL,
    "ok": False,
    "first_bad_index": 2,
    "failures": [
        {"index": 2, "node": "gw-1", "nseq": 3, "problem": "not what was <sealed>"},
        {"index": None, "node": "gw-1", "nseq": 4, "problem": "x"},
        {"index": None, "node": None, "nseq": None, "problem": "y"},
    ],
}
AT = datetime(2026, 12, 1, tzinfo=UTC)


def test_every_action_has_a_name_in_both_languages() -> None:
    assert ACTIONS.keys() == set(Action)


def test_a_report_names_a_hundred_actors_and_counts_the_others_together() -> None:
    reads = [{"actor": f"who-{n:03}", "purpose": "search", "count": n} for n in range(1, 251)]

    text = page(Report({**FIGURES, "reads": reads}, WELL, AT), "en")

    assert text.count("<td>who-") == 100
    assert "who-151" in text
    assert "who-150" not in text
    # The total of all, and that of those who are not named: 1 + … + 150.
    assert "<td>150 others<td>" in text
    assert '<td class="n">11,325' in text
    assert '<td class="n">31,375' in text


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("verified", [WELL, ILL])
def test_a_report_loads_nothing_and_takes_no_word_for_markup(
    language: Any, verified: dict[str, Any]
) -> None:
    text = page(Report(FIGURES, verified, AT), language)

    assert f'lang="{language}"' in text
    assert "childcare/&lt;script&gt;" in text
    for foreign in ("<script", "<img", "<svg", "<b>", "src=", "href=", "url(", "http"):
        assert foreign not in text
    assert ("verdict well" in text) is verified["ok"]
    assert re.search(r"1,234", text)


def test_a_report_is_written_and_says_that_the_log_is_whole(
    terminal: Terminal, keep: Keep, grow: Grow
) -> None:
    keep()
    grow(2)

    terminal.run("audit", "report", *PERIOD, "--out", "r.html", "--lang", "ja")

    text = Path("r.html").read_text(encoding="utf-8")
    assert "監査ログ報告書" in text
    assert "verdict well" in text
    figures = terminal.ask("audit", "report", *PERIOD)
    assert figures["entries"] >= 2
    assert "verification" in figures


def test_a_report_needs_a_file(terminal: Terminal) -> None:
    assert "--out" in terminal.run("audit", "report", *PERIOD, code=2)
