import subprocess
import sys

import pytest

from gateway import __version__
from gateway.cli.main import COMMANDS, shared_first
from tests.unit.cli.conftest import Terminal


def test_every_command_of_the_table_can_be_asked_for_help(terminal: Terminal) -> None:
    for name in COMMANDS:
        assert "Usage: kakehashi" in terminal.run(name, "--help")


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from gateway.cli.main import app\n"
        "CliRunner().invoke(app, ['--help'])\n"
        "print([name for name in sys.modules if name.startswith('gateway.cli.commands.')])"
    )

    listed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert listed.stdout.strip() == "[]"


def test_nothing_is_wider_than_a_terminal_of_80_columns(terminal: Terminal) -> None:
    for name in ["", *COMMANDS]:
        text = terminal.run(*[name] * bool(name), "--help")
        assert max(map(len, text.splitlines())) <= 80


def test_a_list_of_commands_says_each_sentence_whole(terminal: Terminal) -> None:
    for name in COMMANDS:
        commands = terminal.run(name, "--help").partition("Commands:")[2]
        assert "..." not in commands, name


def test_the_version_is_shown(terminal: Terminal) -> None:
    assert terminal.run("--version") == f"kakehashi {__version__}\n"


def test_an_unknown_command_is_a_usage_error_that_names_the_nearest(terminal: Terminal) -> None:
    assert "Did you mean parked?" in terminal.run("parkd", code=2)


def test_shared_options_may_stand_before_and_after_the_command(terminal: Terminal) -> None:
    assert terminal.run("--json", "keys", "list") == terminal.run("keys", "list", "--json")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["status", "--json", "x"], ["--json", "status", "x"]),
        (["up", "--config", "f", "--port", "0"], ["--config", "f", "up", "--port", "0"]),
        (["up", "--config=f"], ["--config=f", "up"]),
        (["status", "--", "--json"], ["status", "--", "--json"]),
        (["status", "--config"], ["--config", "status"]),
    ],
)
def test_shared_options_are_taken_from_wherever_they_stand(
    given: list[str], expected: list[str]
) -> None:
    assert shared_first(given) == expected


def test_home_beside_a_configuration_is_refused(terminal: Terminal) -> None:
    text = terminal.run("keys", "list", "--config", "c.yaml", "--home", "h", code=2)

    assert "--home" in text


def test_a_configuration_that_is_not_there_is_said_in_one_line(terminal: Terminal) -> None:
    assert terminal.run("keys", "list", "--config", "c.yaml", code=2).splitlines() == [
        "kakehashi: c.yaml: No such file or directory"
    ]


def test_every_problem_of_a_configuration_has_its_line(terminal: Terminal) -> None:
    with open("c.yaml", "w") as file:  # noqa: PTH123 - a name in the terminal's folder
        file.write("hom: x\nhttp: {port: a}\n")

    lines = terminal.run("keys", "list", "--config", "c.yaml", code=2).splitlines()

    assert "kakehashi: hom: unknown key (did you mean home?)" in lines
    assert any(line.startswith("kakehashi: http.port: ") for line in lines)


def test_a_traceback_is_shown_only_when_asked_for(terminal: Terminal) -> None:
    command = ["keys", "list", "--config", "c.yaml"]

    assert "Traceback" not in terminal.run(*command, code=2)
    assert "Traceback" in terminal.run(*command, "--debug", code=2)
