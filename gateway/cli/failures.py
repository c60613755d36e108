"""How a command ends when it cannot do what it was asked: one line, what to do, exit code."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePath
from traceback import extract_tb
from typing import Final

from gateway.cli import words
from gateway.domain.errors import ConfigError, KakehashiError, TransientError
from gateway.services.operate.in_japanese import in_japanese


class ExitCode(IntEnum):
    """What the caller's shell is told, but for 0: done."""

    NOT_WELL = 1
    """The thing asked about is not well, or not there."""
    USAGE = 2
    """Asked or configured wrongly."""
    UNREACHABLE = 3
    """The journal, the broker, the gateway or a port cannot be reached or had."""
    INTERRUPTED = 130
    """Ctrl-C, as a shell tells it: 128 and the number of the signal (POSIX.1-2017, XCU 2.8.2)."""


class CommandError(Exception):
    """A command cannot do what it was asked.

    Attributes:
        message: What is wrong, for the person at the terminal; a line for each thing.
        exit_code: How the command ends.
        hint: What to do about it.
    """

    def __init__(self, message: str, exit_code: ExitCode, hint: str | None = None) -> None:
        """Keep what to say."""
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Failure:
    """What is printed.

    Attributes:
        lines: One line for each thing that is wrong.
        exit_code: How the command ends.
        hint: What to do.
    """

    lines: tuple[str, ...]
    exit_code: ExitCode
    hint: str | None = None


_BY_CODE: Final[dict[str, tuple[ExitCode, tuple[str, str] | None]]] = {
    "config.invalid": (ExitCode.USAGE, None),
    "operation.not_found": (ExitCode.NOT_WELL, None),
    "operation.refused": (ExitCode.NOT_WELL, None),
    "account.password_refused": (ExitCode.NOT_WELL, None),
    "delivery.not_found": (
        ExitCode.NOT_WELL,
        (
            "配信の ID は kakehashi parked list で調べてください。",
            "kakehashi parked list shows the deliveries' ids.",
        ),
    ),
    "keys.not_found": (
        ExitCode.USAGE,
        (
            "kakehashi keys list で確認し、keys new または keys import で加えてください。",
            "kakehashi keys list shows what is there; kakehashi keys new or keys import adds it.",
        ),
    ),
    "keys.unusable": (
        ExitCode.USAGE,
        (
            "秘密鍵のファイルは、実行する利用者の所有で、モードを 0600 にしてください。",
            "Private key files need mode 0600, and an owner that is you.",
        ),
    ),
    "log.unusable": (
        ExitCode.USAGE,
        (
            "どのゲートウェイにも同じ log/N の鍵が要ります(docs/howto/production.md)。",
            "Every gateway of one journal needs the same log/N keys; see docs/howto/production.md.",
        ),
    ),
    "journal.unavailable": (
        ExitCode.UNREACHABLE,
        ("設定の journal.url を確認してください。", "See journal.url in the configuration."),
    ),
    "journal.unusable": (ExitCode.UNREACHABLE, None),
    "journal.node_taken": (
        ExitCode.UNREACHABLE,
        (
            "別のプロセスが使っています。ゲートウェイなら、その設定でこのコマンドを実行してください。",
            "Another process has it open. If that is a gateway, run this with its configuration.",
        ),
    ),
    "broker.unavailable": (
        ExitCode.UNREACHABLE,
        ("設定の broker.url を確認してください。", "See broker.url in the configuration."),
    ),
    "broker.topology_mismatch": (
        ExitCode.NOT_WELL,
        (
            "すべて停止してから kakehashi topology apply --recreate で作り直してください。",
            "Stop workers and gateways, then: kakehashi topology apply --recreate replaces them.",
        ),
    ),
}
"""Code of an error, ours or a gateway's, to exit code and hint, in Japanese and English."""

_BY_SUBJECT: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("journal.unavailable", "details_in_use"): (
        "記述は消去しました。鍵のバイト列はまだファイルに残っています。読み取り中のバックアップ等の終了後に再実行してください。",
        "Erased, but the keys' bytes are in the files while a backup reads: run it again after it.",
    ),
    ("journal.unusable", "schema_newer"): (
        "より新しい版の kakehashi がこのジャーナルを使いました。その版以降で実行してください。",
        "A newer kakehashi has used this journal: run that release, or a later one.",
    ),
    ("journal.unusable", "gateways_running"): (
        "前の版のゲートウェイとワーカーを先にすべて停止してください(docs/howto/production.md)。",
        "Stop every gateway and worker of the older release first; see docs/howto/production.md.",
    ),
}
"""Code and first word of what it is about to a hint, in Japanese and English."""


_OF_OPERATIONS: Final = ("operation.", "approval.", "account.", "delivery.")
"""Whose sentences have a Japanese twin."""

_NAMED_WRONGLY: Final = {errno.EEXIST, errno.ENOENT, errno.EISDIR, errno.ENOTDIR}
"""What the system says when a file is another than was meant."""


def of_code(code: str, detail: str, *, transient: bool) -> Failure:
    """Return the failure for an error code; ``detail`` is the error as it prints itself."""
    otherwise = ExitCode.UNREACHABLE if transient else ExitCode.NOT_WELL
    exit_code, pair = _BY_CODE.get(code, (otherwise, None))
    # Also of what a gateway answers, which knows no more of the error than how it prints itself.
    subject = detail.removeprefix(f"{code}: ").partition(" ")[0]
    pair = _BY_SUBJECT.get((code, subject), pair)
    hint = None if pair is None else words.of(pair)
    return Failure((_in_words(code, detail),), exit_code, hint)


def _in_words(code: str, detail: str) -> str:
    """Return ``detail`` in the language of whoever asks, behind its code."""
    said = detail.removeprefix(f"{code}: ")
    if words.language() == "en" or not code.startswith(_OF_OPERATIONS):
        return detail
    return f"{code}: {in_japanese(said) or said}"


def failure(error: BaseException) -> Failure | None:
    """Return what to print for ``error``; ``None`` for one that nobody expected."""
    match error:
        case CommandError():
            return Failure(tuple(error.message.splitlines()), error.exit_code, error.hint)
        case ConfigError():
            lines = ": ".join(str(argument) for argument in error.args).splitlines()
            return Failure(tuple(lines) or (error.code,), ExitCode.USAGE)
        case KakehashiError():
            transient = isinstance(error, TransientError)
            return of_code(error.code, str(error), transient=transient)
        case OSError():
            return _of_the_system(error)
        case BaseExceptionGroup():
            # Of tasks that failed together the first did so by itself, the others often after it.
            together = _together([failure(inner) for inner in error.exceptions])
            return together or failure(first_leaf(error))
        case _:
            return None


def first_leaf(error: BaseException) -> BaseException:
    """Return the first error in a group of groups that is none itself, or else ``error``."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def unexpected(error: BaseException) -> Failure:
    """Return what to print for an error that is our mistake; its text may hold anything."""
    error = first_leaf(error)
    place = next(iter(reversed(extract_tb(error.__traceback__))), None)
    where = f" ({PurePath(place.filename).name}:{place.lineno})" if place else ""
    line = f"unexpected {type(error).__qualname__}{where}"
    hint = words.of(
        (
            "ゲートウェイの不具合です。--debug で詳細を表示します。",
            "This is a mistake in the gateway; --debug shows the traceback.",
        )
    )
    return Failure((line,), ExitCode.NOT_WELL, hint)


def _of_the_system(error: OSError) -> Failure:
    subject = f"{error.filename}: " if error.filename else ""
    line = f"{subject}{error.strerror or type(error).__name__}"
    hint = None
    if error.errno == errno.EADDRINUSE:
        hint = words.of(
            (
                "ほかのプロセスが使用中です。別のポートか 0(空きを使う)を指定してください。",
                "Another process listens there; choose another port, or 0 for a free one.",
            )
        )
    exit_code = ExitCode.USAGE if error.errno in _NAMED_WRONGLY else ExitCode.UNREACHABLE
    return Failure((line,), exit_code, hint)


def _together(failures: list[Failure | None]) -> Failure | None:
    known = [found for found in failures if found is not None]
    if not known or len(known) < len(failures):
        return None
    lines = tuple(_different(line for found in known for line in found.lines))
    return Failure(lines, known[0].exit_code, known[0].hint)


def _different(lines: Iterator[str]) -> Iterator[str]:
    yield from dict.fromkeys(lines)
