"""How an operation reaches the journal: through a running gateway, or by itself.

A gateway that runs is asked over its Unix socket, where the kernel says who asks.
Without one the journal is opened here, under the node name ``cli``.
"""

import json
import os
import pwd
import socket
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from gateway.cli import logging, loop
from gateway.cli.failures import CommandError, ExitCode, of_code
from gateway.cli.invocation import Invocation
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.errors import NodeNameTakenError
from gateway.settings.model import SOCKET_NAME, Settings

NODE: Final = "cli"
ANSWER_TIMEOUT_S: Final = 600.0
"""An operation may read the whole audit log: 100 million entries at 200,000 a second."""
STARTING_S: Final = 5.0
"""A gateway that holds the journal but has no socket yet, or no more, is waited for so long."""

_PAUSE_S: Final = 0.1
_OK: Final = 200
_UNAVAILABLE: Final = 503
_MAKES_THE_JOURNAL: Final = frozenset({"client.add", "account.add"})
"""What may be the first thing that is done with a configuration."""


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


def perform(invocation: Invocation, operation: str, **arguments: object) -> Any:
    """Do one operation (``services.operate.by_name``) and return its answer as JSON values.

    Raises:
        CommandError: It was refused, or there is neither a gateway nor a journal.
        KakehashiError: It failed, with the journal opened here.
    """
    logging.quiet()
    settings = invocation.settings()
    path = settings.home / SOCKET_NAME
    given_up_at = time.monotonic() + STARTING_S
    while True:
        if path.exists():
            try:
                return _ask(path, operation, arguments)
            except (ConnectionRefusedError, FileNotFoundError):
                pass  # what a killed gateway left there
        try:
            return loop.run(_perform_here(invocation, settings, operation, arguments))
        except NodeNameTakenError:
            # A gateway that is just starting, or stopping, holds the journal and has no socket.
            if time.monotonic() >= given_up_at:
                raise
            time.sleep(_PAUSE_S)


class _SocketConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket; nothing was sent if this fails."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


def _ask(path: Path, operation: str, arguments: dict[str, object]) -> Any:
    with closing(_SocketConnection(path)) as connection:
        try:
            connection.connect()
        except PermissionError:
            raise CommandError(
                f"{path}: belongs to another user",
                ExitCode.UNREACHABLE,
                "Operations are for the user that the gateway runs as; try sudo -u.",
            ) from None
        try:
            connection.request("POST", f"/ops/v1/{operation}", json.dumps(arguments).encode())
            answer = connection.getresponse()
            body = json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise CommandError(
                f"{path}: the gateway did not answer ({type(error).__name__})",
                ExitCode.UNREACHABLE,
                "Whether it was done is not known; look before you try again.",
            ) from error
    if answer.status != _OK:
        code = str(body.get("code", "internal"))
        detail = str(body.get("detail") or code)
        raise RefusedByGatewayError(code, detail, transient=answer.status >= _UNAVAILABLE)
    return body


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
        return await operations(operate)[operation](_this_user(), arguments)
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
