"""How an operation reaches the journal: through a running gateway, or by itself.

A gateway that runs is asked over its Unix socket, where the kernel says who asks.
Without one the journal is opened here, under the node name ``cli``.
"""

import json
import os
import pwd
import socket
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final

from gateway.cli import logging, loop, screen, words
from gateway.cli.failures import CommandError, ExitCode, of_code
from gateway.cli.invocation import Invocation
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.errors import NodeNameTakenError
from gateway.settings.model import SOCKET_NAME, Settings

NODE: Final = "cli"
ANSWER_S: Final = 60.0
"""A gateway that has said nothing for so long hangs; its database is given up after 10 s."""
LONG_S: Final = 600.0
"""Some work is done before anything is said of it, and takes as long as the journal is large."""
STARTING_S: Final = 20.0
"""A gateway that holds the journal but has no socket yet, or no more, is waited for so long."""

_LONG: Final = frozenset(
    {
        "audit.entries",
        "audit.report",
        "audit.shred",
        "audit.verify",
        "journal.backup",
        "journal.doubt_restored",
        "messages.export",
        "parked.plan",
        "replay.order",
        "retention.plan",
        "retention.run",
    }
)
_PAUSE_S: Final = 0.1
_SAID_AFTER_S: Final = 1.0
_OK: Final = 200
_UNAVAILABLE: Final = 503
_LINES: Final = "application/x-ndjson"
"""How far it is, line by line, and the answer in the last one."""
_MAKES_THE_JOURNAL: Final = frozenset({"client.add", "account.add"})
"""What may be the first thing that is done with a configuration."""

Told = Callable[[int, int], None]
"""Told how much of how much is done; of 0: that is not known."""


class RefusedByGatewayError(CommandError):
    """The gateway was asked and said no.

    Attributes:
        code: The error's stable code.
    """

    def __init__(self, code: str, detail: str, *, transient: bool) -> None:
        """Say it as if it had happened here."""
        failure = of_code(code, detail, transient=transient)
        super().__init__(detail, failure.exit_code, failure.hint)
        self.code = code


class NoGatewayError(CommandError):
    """None runs here, and the journal is not to be opened instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait.

    Attributes:
        answer_s: Until a gateway says anything.
        starting_s: Until one that starts has its socket.
    """

    answer_s: float
    starting_s: float


def perform(invocation: Invocation, operation: str, **arguments: object) -> Any:
    """Do one operation (``services.operate.by_name``) and return its answer as JSON values.

    Raises:
        CommandError: It was refused, or there is neither a gateway nor a journal.
        KakehashiError: It failed, with the journal opened here.
    """
    return _perform(invocation, operation, arguments, _patience(operation))


def perform_within(
    answer_s: float, invocation: Invocation, operation: str, **arguments: object
) -> Any:
    """Do the same, and give a gateway up that does not answer, or does not begin, in time."""
    patience = Patience(answer_s=answer_s, starting_s=1.0)
    return _perform(invocation, operation, arguments, patience)


def perform_told(told: Told, invocation: Invocation, operation: str, **arguments: object) -> Any:
    """Do the same, and tell how far it is; only of what ``gateway.http.how_far`` names."""
    return _perform(invocation, operation, arguments, _patience(operation), told)


def ask_gateway(invocation: Invocation, operation: str, **arguments: object) -> Any:
    """Do the same, but only through a running gateway: the journal is not opened here.

    Raises:
        NoGatewayError: None runs.
        CommandError: It was refused, or gave no answer.
    """
    logging.quiet()
    path = invocation.settings().home / SOCKET_NAME
    try:
        return _ask(path, operation, arguments, ANSWER_S)
    except (ConnectionRefusedError, FileNotFoundError):
        raise NoGatewayError(
            words.of(("ここではゲートウェイが動いていません", "no gateway runs here")),
            ExitCode.UNREACHABLE,
        ) from None


def answers(home: Path) -> bool:
    """Tell whether a gateway listens; a killed one leaves its socket behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(os.fspath(home / SOCKET_NAME))
        except PermissionError:
            return True
        except OSError:
            return False
    return True


def _patience(operation: str) -> Patience:
    answer_s = LONG_S if operation in _LONG else ANSWER_S
    return Patience(answer_s=answer_s, starting_s=STARTING_S)


def _perform(
    invocation: Invocation,
    operation: str,
    arguments: dict[str, object],
    patience: Patience,
    told: Told | None = None,
) -> Any:
    logging.quiet()
    settings = invocation.settings()
    path = settings.home / SOCKET_NAME
    began = time.monotonic()
    is_said = False
    while True:
        if path.exists():
            try:
                return _ask(path, operation, arguments, patience.answer_s, told)
            except (ConnectionRefusedError, FileNotFoundError):
                pass  # what a killed gateway left there
        here = arguments if told is None else {**arguments, "told": told}
        try:
            return loop.run(_perform_here(invocation, settings, operation, here))
        except NodeNameTakenError:
            # A gateway that is just starting, or stopping, holds the journal and has no socket.
            waited_s = time.monotonic() - began
            if waited_s >= patience.starting_s:
                raise
            if waited_s >= _SAID_AFTER_S and not is_said:
                is_said = True
                _say_that_it_waits()
            time.sleep(_PAUSE_S)


def _say_that_it_waits() -> None:
    console = screen.Terminal(stderr=True)
    if console.is_terminal:
        said = (
            "ゲートウェイが起動中か停止中です。待っています…",
            "A gateway is starting, or stopping: waiting for it …",
        )
        console.print(words.of(said), style="dim")


class _SocketConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket; nothing was sent if this fails."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


def _ask(
    path: Path,
    operation: str,
    arguments: dict[str, object],
    timeout_s: float,
    told: Told | None = None,
) -> Any:
    with closing(_SocketConnection(path, timeout_s)) as connection:
        try:
            connection.connect()
        except PermissionError:
            raise CommandError(
                f"{path}: belongs to another user",
                ExitCode.UNREACHABLE,
                "Operations are for the user that the gateway runs as; try sudo -u.",
            ) from None
        headers = {} if told is None else {"Accept": _LINES}
        try:
            asked = json.dumps(arguments).encode()
            connection.request("POST", f"/ops/v1/{operation}", asked, headers)
            status, body = _read(connection.getresponse(), told)
        except (OSError, HTTPException, ValueError) as error:
            raise CommandError(
                f"{path}: the gateway did not answer ({type(error).__name__})",
                ExitCode.UNREACHABLE,
                "Whether it was done is not known; look before you try again.",
            ) from error
    if status != _OK:
        code = str(body.get("code", "internal"))
        detail = str(body.get("detail") or code)
        raise RefusedByGatewayError(code, detail, transient=status >= _UNAVAILABLE)
    return body


def _read(answer: HTTPResponse, told: Told | None) -> tuple[int, Any]:
    """Return the status and the document; an older gateway gives no lines."""
    if told is None or answer.headers.get("Content-Type") != _LINES:
        return answer.status, json.loads(answer.read())
    while line := answer.readline():
        said = json.loads(line)
        if "answer" in said:
            return _OK, said["answer"]
        if "problem" in said:
            return int(said["problem"]["status"]), said["problem"]
        told(int(said["done"]), int(said["of"]))
    raise HTTPException


async def _perform_here(
    invocation: Invocation, settings: Settings, operation: str, arguments: dict[str, object]
) -> Any:
    # Only needed without a gateway: who asks one over its socket need not wait for these.
    from gateway.bootstrap.operate import build_operate  # noqa: PLC0415
    from gateway.bootstrap.stores import open_journal, open_keys  # noqa: PLC0415
    from gateway.services.operate.by_name import operations  # noqa: PLC0415

    if operation not in _MAKES_THE_JOURNAL:
        _require_journal(invocation, settings)
    journal = open_journal(settings, NODE)
    operate = build_operate(settings, open_keys(settings), journal)
    await journal.open()
    try:
        # Who can open the journal and the keys is as good as the gateway's user.
        return await operations(operate, at_the_machine=True)[operation](_this_user(), arguments)
    finally:
        await journal.close()


def _this_user() -> Actor:
    """Return who asks, by what the kernel says and not the environment."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid-{os.getuid()}"
    return Actor(ActorKind.OPERATOR, name)


def _require_journal(invocation: Invocation, settings: Settings) -> None:
    """Refuse to look into a database that is not there, instead of making one."""
    scheme, _, path = settings.journal.url.partition(":///")
    if scheme != "sqlite" or Path(path).exists():
        return
    hint = "Start one: kakehashi up." if invocation.is_embedded else "See journal.url and home."
    raise CommandError(f"no gateway runs here, and there is no {path}", ExitCode.UNREACHABLE, hint)
