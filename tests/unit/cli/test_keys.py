import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Terminal

KINDS = [
    (["gateway"], "gateway/signing"),
    (["pseudonym"], "gateway/pseudonym"),
    (["destination", "jido-teate"], "destination/jido-teate"),
    (["worker", "worker-1"], "worker/worker-1"),
]


@pytest.mark.parametrize(("words", "name"), KINDS)
def test_each_kind_of_key_is_made_under_its_name_and_never_replaced(
    terminal: Terminal, words: list[str], name: str
) -> None:
    made = terminal.ask("keys", "new", *words)

    assert made["name"] == name
    assert terminal.ask("keys", "list") == [made]
    assert "never replaced" in terminal.run("keys", "new", *words, code=1)
    assert terminal.ask("keys", "list") == [made]


def test_each_key_of_the_log_has_the_next_number(terminal: Terminal) -> None:
    made = [terminal.ask("keys", "new", "log")["name"] for _ in range(2)]

    assert made == ["log/1", "log/2"]
    terminal.run("keys", "export", "log/1", "--out", "log.jwk")
    terminal.run("keys", "import", "log.jwk", "--as", "log/7", "--home", "elsewhere")
    assert terminal.ask("keys", "new", "log", "--home", "elsewhere")["name"] == "log/8"


@pytest.mark.parametrize("words", [["worker"], ["gateway", "name"], ["log", "2"], ["lock"]])
def test_a_key_that_cannot_be_meant_is_a_usage_error(terminal: Terminal, words: list[str]) -> None:
    terminal.run("keys", "new", *words, code=2)

    assert terminal.ask("keys", "list") == []


def test_only_the_public_half_leaves_and_is_taken_in_elsewhere(terminal: Terminal) -> None:
    made = terminal.ask("keys", "new", "worker", "w")

    exported = json.loads(terminal.run("keys", "export", "worker/w"))
    terminal.run("keys", "export", "worker/w", "--out", "w.jwk")
    taken = terminal.ask("keys", "import", "w.jwk", "--as", "worker/w", "--home", "elsewhere")

    assert "d" not in exported
    assert json.loads(Path("w.jwk").read_bytes()) == exported
    assert taken == {**made, "halves": ["public"]}


def test_an_export_never_writes_over_a_file(terminal: Terminal) -> None:
    terminal.run("keys", "new", "worker", "w")
    Path("w.jwk").write_text("mine")

    terminal.run("keys", "export", "worker/w", "--out", "w.jwk", code=2)

    assert Path("w.jwk").read_text() == "mine"


def test_a_secret_has_no_half_to_export(terminal: Terminal) -> None:
    terminal.run("keys", "new", "pseudonym")

    assert "no public half" in terminal.run("keys", "export", "gateway/pseudonym", code=2)


def test_a_key_that_is_not_there_is_told_with_what_to_do(terminal: Terminal) -> None:
    assert "keys list" in terminal.run("keys", "export", "worker/w", code=2)


def test_a_private_key_is_taken_in_only_when_said_and_only_if_nobody_could_read_it(
    terminal: Terminal,
) -> None:
    terminal.run("keys", "new", "worker", "w")
    backup = Path("backup.jwk")
    backup.write_bytes(Path("var/keys/worker/w.private.jwk").read_bytes())
    backup.chmod(0o640)
    command = ["keys", "import", "backup.jwk", "--as", "worker/w", "--home", "new"]

    assert "stays where it was made" in terminal.run(*command, code=2)
    assert "0640" in terminal.run(*command, "--private", code=2)
    backup.chmod(0o600)
    assert terminal.ask(*command, "--private")["halves"] == ["private"]


def test_a_public_key_is_not_taken_in_as_a_private_one(terminal: Terminal) -> None:
    terminal.run("keys", "new", "worker", "w")
    terminal.run("keys", "export", "worker/w", "--out", "w.jwk")

    terminal.run("keys", "import", "w.jwk", "--as", "worker/v", "--private", code=2)


@pytest.mark.parametrize("name", ["destination/w", "gateway/pseudonym", "gateway", "other/w"])
def test_a_signing_key_gets_no_name_of_another_purpose(terminal: Terminal, name: str) -> None:
    terminal.run("keys", "new", "worker", "w")
    terminal.run("keys", "export", "worker/w", "--out", "w.jwk")

    terminal.run("keys", "import", "w.jwk", "--as", name, "--home", "new", code=2)

    assert terminal.ask("keys", "list", "--home", "new") == []


def test_another_key_under_a_taken_name_is_refused(terminal: Terminal) -> None:
    for name in ("w", "v"):
        terminal.run("keys", "new", "worker", name)
    terminal.run("keys", "export", "worker/w", "--out", "w.jwk")

    assert "different key" in terminal.run("keys", "import", "w.jwk", "--as", "worker/v", code=2)


def test_a_file_that_is_no_key_is_refused(terminal: Terminal) -> None:
    Path("x").write_text("hello")

    assert "keys.unusable" in terminal.run("keys", "import", "x", "--as", "worker/w", code=2)
