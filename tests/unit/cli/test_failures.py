import errno

import pytest

from gateway.cli.failures import CommandError, ExitCode, failure, of_code, unexpected
from gateway.domain.errors import (
    BrokerUnavailableError,
    ConfigError,
    DeliveryNotFoundError,
    JournalUnavailableError,
    JournalUnusableError,
    KakehashiError,
    KeyNotFoundError,
    NodeNameTakenError,
    TopologyMismatchError,
)
from gateway.services.operate.refusals import NotFoundError, OperationError


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (CommandError("x", ExitCode.UNREACHABLE), 3),
        (ConfigError("home: x"), 2),
        (KeyNotFoundError("gateway/signing"), 2),
        (NotFoundError("x"), 1),
        (OperationError("x"), 1),
        (DeliveryNotFoundError("x"), 1),
        (TopologyMismatchError("x"), 1),
        (JournalUnavailableError("x"), 3),
        (NodeNameTakenError("cli"), 3),
        (BrokerUnavailableError("x"), 3),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), 2),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 3),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: Exception, exit_code: int) -> None:
    found = failure(error)

    assert found is not None
    assert found.exit_code == exit_code


@pytest.mark.parametrize(
    ("language", "hint"),
    [
        ("en_US.UTF-8", "A newer kakehashi has used this journal"),
        ("ja_JP.UTF-8", "より新しい版の kakehashi"),
    ],
)
def test_a_journal_of_a_newer_release_says_which_one_to_run(
    monkeypatch: pytest.MonkeyPatch, language: str, hint: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)

    found = failure(JournalUnusableError("schema_newer", 9999))
    other = failure(JournalUnusableError("journal_mode", "delete"))

    assert found is not None
    assert found.lines == ("journal.unusable: schema_newer 9999",)
    assert str(found.hint).startswith(hint)
    assert other is not None
    assert other.hint is None


@pytest.mark.parametrize(
    ("language", "hint"),
    [("en_US.UTF-8", "Stop every gateway"), ("ja_JP.UTF-8", "前の版のゲートウェイ")],
)
def test_an_upgrade_beside_gateways_that_run_says_what_to_stop(
    monkeypatch: pytest.MonkeyPatch, language: str, hint: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)

    found = failure(JournalUnusableError("gateways_running", "gw-1"))

    assert found is not None
    assert found.lines == ("journal.unusable: gateways_running gw-1",)
    assert str(found.hint).startswith(hint)


def test_what_several_tasks_raised_is_told_line_by_line_and_once() -> None:
    group = ExceptionGroup("tasks", [ConfigError("a: x\nb: y"), ConfigError("a: x")])

    found = failure(group)

    assert found is not None
    assert found.lines == ("a: x", "b: y")


def group(*errors: Exception) -> ExceptionGroup[Exception]:
    """Return groups in a group, as task groups in a task group raise them."""
    return ExceptionGroup("tasks", [ExceptionGroup("tasks", errors)])


@pytest.mark.parametrize(
    ("first", "exit_code"),
    [(ConfigError("a"), 2), (JournalUnavailableError("a"), 3), (KakehashiError("a"), 1)],
)
def test_what_failed_first_decides_if_it_is_expected(first: Exception, exit_code: int) -> None:
    found = failure(group(first, ValueError("secret")))

    assert found is not None
    assert (found.lines[0][-1], found.exit_code) == ("a", exit_code)


def test_what_failed_first_is_named_if_it_is_unexpected() -> None:
    try:
        int("a resident's name")
    except ValueError as raised:
        error = group(raised, ConfigError("a"))

    assert failure(error) is None
    assert unexpected(error).lines[0].startswith("unexpected ValueError (test_failures.py:")


def test_an_unexpected_error_is_named_by_class_and_never_by_its_text() -> None:
    found = unexpected(ValueError("a resident's name"))

    assert "ValueError" in found.lines[0]
    assert "resident" not in "".join(found.lines)


def test_every_error_of_ours_is_expected() -> None:
    assert failure(KakehashiError("x")) is not None


def test_an_erasure_that_a_backup_holds_up_says_what_to_do_also_through_a_gateway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    error = JournalUnavailableError("details_in_use")

    for found in (failure(error), of_code(error.code, str(error), transient=True)):
        assert found is not None
        assert "run it again" in str(found.hint)


def test_a_refusal_is_told_in_japanese_behind_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")

    refused = of_code(
        "operation.not_found", "operation.not_found: no destination x", transient=False
    )
    unknown = of_code("operation.refused", "operation.refused: else", transient=False)

    assert refused.lines == ("operation.not_found: 配信先 x はありません。",)
    assert unknown.lines == ("operation.refused: else",)
