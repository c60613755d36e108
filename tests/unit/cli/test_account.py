"""Accounts from the command line, with no gateway running: how the first one is made."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.bootstrap.embedded import embedded_document, make_missing_keys
from gateway.bootstrap.stores import open_keys
from gateway.cli.main import app
from gateway.settings.load import build
from tests.unit.cli.conftest import Terminal

PASSWORD = "wakaba no kaze ga fuku"


@pytest.fixture(autouse=True)
def _keys(terminal: Terminal) -> None:  # noqa: ARG001 - its folder
    settings = build(embedded_document(Path("var")))
    make_missing_keys(settings, open_keys(settings))


def test_the_first_account_is_made_with_a_password_that_is_shown_once(terminal: Terminal):
    assert "kakehashi account add" in terminal_list_of_a_new_journal(terminal)

    printed = terminal.run("account", "add", "kanri", "--role", "admin", "--role", "viewer")

    first, rest = printed.split("\n", 1)
    assert len(first.replace("-", "")) == 20
    assert "not shown again" in rest
    listed = terminal.run("account", "list")
    assert "kanri" in listed
    assert "admin, viewer" in listed
    assert first not in listed


def test_the_first_account_needs_nobody_else_where_repairs_do(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KAKEHASHI_OPERATIONS__FOUR_EYES", '["parked.cancel"]')

    assert "not shown again" in terminal.run("account", "add", "kanri", "--role", "admin")


def terminal_list_of_a_new_journal(terminal: Terminal) -> str:
    """Return what is listed before there is any account."""
    terminal.run("client", "add", "local")
    return terminal.run("account", "list")


def test_a_password_is_read_from_a_file_or_standard_input_or_asked_for(terminal: Terminal):
    Path("password").write_text(f"{PASSWORD}\n", encoding="utf-8")

    for name, more, typed in (
        ("a", ["--password-file", "password"], None),
        ("b", ["--password-file", "-"], f"{PASSWORD}\n"),
        ("c", ["--ask"], f"{PASSWORD}\n{PASSWORD}\n"),
    ):
        words = ["account", "add", name, "--role", "viewer", *more]
        done = CliRunner().invoke(app, words, input=typed, prog_name="kakehashi")
        assert done.exit_code == 0, done.output
        assert PASSWORD not in done.output
        assert "password that you gave" in done.output

    words = ["account", "add", "d", "--role", "viewer", "--ask", "--password-file", "password"]
    assert "either this or" in terminal.run(*words, code=2)


def test_a_poor_password_and_wrong_roles_are_refused_in_words(terminal: Terminal):
    Path("password").write_text("password1234", encoding="utf-8")
    words = ["account", "add", "hanako", "--role", "viewer", "--password-file", "password"]
    assert "everybody guesses first" in terminal.run(*words, code=1)
    assert "king" in terminal.run("account", "add", "hanako", "--role", "king", code=2)
    assert "no account" in terminal.run("account", "disable", "hanako", code=1)


def test_an_account_is_changed_disabled_and_enabled(terminal: Terminal):
    terminal.run("account", "add", "hanako", "--role", "viewer")

    assert "operator" in terminal.run("account", "roles", "hanako", "--role", "operator")
    assert "not shown again" in terminal.run("account", "password", "hanako")
    assert "is disabled" in terminal.run("account", "disable", "hanako")
    [account] = terminal.ask("account", "list")
    assert account["roles"] == ["operator"]
    assert account["disabled_at"] is not None
    assert "is enabled" in terminal.run("account", "enable", "hanako")


def test_a_token_is_made_listed_and_revoked(terminal: Terminal):
    terminal.run("account", "add", "watch", "--role", "viewer")

    assert terminal.run("account", "token", "list") == "No tokens yet.\n"
    printed = terminal.run("account", "token", "add", "watch", "--label", "Zabbix", "--days", "30")
    [token] = terminal.ask("account", "token", "list", "watch")

    assert printed.startswith(f"kko_{token['id']}_")
    assert "Zabbix" in terminal.run("account", "token", "list")
    assert "is revoked" in terminal.run("account", "token", "revoke", token["id"])
    assert "no unrevoked token" in terminal.run("account", "token", "revoke", token["id"], code=1)


def test_sessions_are_listed_and_ended(terminal: Terminal):
    terminal.run("account", "add", "hanako", "--role", "viewer")

    assert terminal.run("account", "session", "list") == "Nobody has signed in.\n"
    assert "no session" in terminal.run("account", "session", "end", "0123456789ab", code=1)
