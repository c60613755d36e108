import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Terminal


def test_a_new_adapter_is_a_package_with_an_entry_point(terminal: Terminal) -> None:
    written = terminal.ask("adapter", "new", "my-core", "--owner", "Integrators, Inc.")

    assert written["folder"] == "my-core"
    assert 'my-core = "my_core:MyCoreDestination"' in Path("my-core/pyproject.toml").read_text()
    assert 'owner = "Integrators, Inc."' in Path("my-core/my_core/manifest.toml").read_text()
    assert 'ja = "my-core 連携"' in Path("my-core/my_core/manifest.toml").read_text("utf-8")
    left = [name for name in written["files"] if "{{" in Path(name).read_text(encoding="utf-8")]
    assert left == []


def test_a_new_adapter_says_what_comes_next(terminal: Terminal) -> None:
    told = terminal.run("adapter", "new", "my-core", "--into", "elsewhere")

    assert "kakehashi adapter test elsewhere" in told
    assert "pip install -e elsewhere" in told


def test_a_new_adapter_has_a_sample_of_the_procedure_that_is_named(terminal: Terminal) -> None:
    terminal.run("adapter", "new", "my-core", "--procedure", "care/certification-claim")

    body = Path("my-core/my_core/samples/care-certification-claim.message.json").read_bytes()
    assert json.loads(body)["procedure"] == "care/certification-claim"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["My_Core"], "not a name"),
        (["1core"], "not a name"),
        (["http"], "an installed adapter is called so"),
        (["class"], "a word of Python's own"),
        (["json"], "a package json is there already"),
        (["pytest-asyncio"], "a package pytest_asyncio is there already"),
        (["yaml"], "a package yaml is there already"),
        (["gateway"], "a package gateway is there already"),
        (["adapters"], "a package adapters is there already"),
        (["my-core", "--title", 'a "quote"'], "no quotes"),
        (["my-core", "--title", "a tab\t"], "a tab?: 1 to 80 characters"),
        (["my-core", "--title", "a byte \udcff"], "a byte ?: 1 to 80 characters"),
        (["my-core", "--title", "国保システム"], "--title is the English one"),
        (["my-core", "--title-ja", "kokuho"], "--title-ja is the Japanese one"),
        (["my-core", "--owner", "me"], "nobody whom others could ask"),
        (["my-core", "--owner", "Nobody"], "Name a person or a team with --owner"),
        (["my-core", "--into", "full/a"], "is a file"),
        (["my-core", "--procedure", "no/such"], "no such procedure"),
        (["my-core", "--into", "full"], "not empty"),
    ],
)
def test_what_cannot_become_an_adapter_is_a_usage_error(
    terminal: Terminal, words: list[str], expected: str
) -> None:
    Path("full").mkdir()
    Path("full/a").touch()

    assert expected in terminal.run("adapter", "new", *words, code=2)
    assert [path.name for path in Path().iterdir()] == ["full"]


def test_a_file_of_the_name_is_not_written_over(terminal: Terminal) -> None:
    Path("my-core").touch()

    assert "and a file" in terminal.run("adapter", "new", "my-core", code=2)


def test_a_user_without_a_name_is_asked_who_answers_for_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)

    assert "--owner" in terminal.run("adapter", "new", "my-core", code=2)


def test_a_name_is_refused_before_anything_is_asked(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.commands.adapter_new._asked", lambda *_: pytest.fail("asked"))

    assert "not a name" in terminal.run("adapter", "new", "My_Core", code=2)


def test_a_folder_without_tests_does_not_pass(terminal: Terminal) -> None:
    Path("empty").mkdir()

    assert "no tests in it" in terminal.run("adapter", "test", "empty", code=2)


def test_what_cannot_hold_tests_does_not_pass_for_tests(terminal: Terminal) -> None:
    Path("README.md").touch()

    assert "no tests in it" in terminal.run("adapter", "test", "README.md", code=2)


def test_tests_that_ask_nothing_of_the_contract_do_not_pass(
    terminal: Terminal, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("test_x.py").write_text("def test_x():\n    pass\n")

    assert "no AdapterContract in it" in terminal.run("adapter", "test", "test_x.py", code=1)
    assert "Warning" not in capfd.readouterr().err


def test_a_contract_that_pytest_does_not_find_does_not_pass(terminal: Terminal) -> None:
    terminal.run("adapter", "new", "my-core")
    contract = Path("my-core/my_core/tests/test_contract.py")
    contract.write_text(contract.read_text().replace("class TestContract", "class MyContract"))

    assert "no AdapterContract in it" in terminal.run("adapter", "test", "my-core", code=1)


def test_a_part_of_the_contract_does_not_pass_for_the_whole(terminal: Terminal) -> None:
    terminal.run("adapter", "new", "my-core")

    told = terminal.run("adapter", "test", "my-core", "--", "-k", "waivers_name", code=1)

    assert "my-core 0.1.0 (TestContract): only 1 of" in told


def test_a_failing_test_is_not_well(terminal: Terminal) -> None:
    Path("test_x.py").write_text("def test_x():\n    assert False\n")

    terminal.run("adapter", "test", "test_x.py", code=1)


def test_a_missing_pytest_is_told_with_the_extra_to_install(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    assert "kakehashi[testing]" in terminal.run("adapter", "test", ".", code=2)
