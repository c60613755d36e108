"""Asking a running gateway what its operators ask: over its Unix socket."""

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import FailedError
from gateway.settings.model import SOCKET_NAME

_TIMEOUT_S: Final = 120.0
_SEALED_WITHIN_S: Final = 1800.0
_HARDLY_ANY: Final = 100
"""What a gateway writes of itself while one asks."""


class _SocketConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


def ask(folder: Path, operation: str, **arguments: object) -> tuple[int, Any, float]:
    """Return status, answer and milliseconds of one operation, its connection included."""
    body = json.dumps(arguments).encode()
    began = time.perf_counter()
    with closing(_SocketConnection(folder / SOCKET_NAME)) as connection:
        connection.request("POST", f"/ops/v1/{operation}", body)
        response = connection.getresponse()
        answer = response.read()
    return response.status, json.loads(answer), 1000 * (time.perf_counter() - began)


def answered(folder: Path, operation: str, **arguments: object) -> tuple[Any, float]:
    """Return answer and milliseconds.

    Raises:
        FailedError: It was refused.
    """
    status, answer, spent_ms = ask(folder, operation, **arguments)
    if status != 200:  # noqa: PLR2004 - OK (RFC 9110, 15.3.1)
        raise FailedError(f"{operation}: {answer}")
    return answer, spent_ms


def until_sealed(folder: Path, say: Callable[[str], None]) -> None:
    """Wait until a filled journal's log is sealed: what seals it would slow what is measured.

    Raises:
        FailedError: It took more than half an hour.
    """
    say("waiting until the log is sealed")
    last = time.monotonic() + _SEALED_WITHIN_S
    while answered(folder, "audit.standing")[0]["unsealed"] > _HARDLY_ANY:
        if time.monotonic() > last:
            raise FailedError("the log is not sealed")
        time.sleep(1)
