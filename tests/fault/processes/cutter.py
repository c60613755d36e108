"""A way to PostgreSQL that is cut round the COMMIT of a chosen step."""

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from typing import Final, Self

_COMMIT: Final = b"COMMIT\0"
"""End of the simple query that commits (PostgreSQL manual, 55.7, Query)."""
_COMMITTED: Final = b"C\0\0\0\x0bCOMMIT\0"
"""The server's CommandComplete of a commit."""
_CHUNK_BYTES: Final = 65_536
_END_S: Final = 10.0


class Cut(Enum):
    """Where the connection ends."""

    BEFORE = auto()
    """COMMIT never comes to the server: nothing is stored."""
    SENT = auto()
    """COMMIT is sent, and the connection ends: who knows whether the server got to it."""
    AFTER = auto()
    """The server has committed; its answer never leaves."""


class Cutter:
    """Passes everything on, until it has seen what it was told to cut behind.

    Attributes:
        port: Where it listens on 127.0.0.1.
        cuts: How often it has cut.
    """

    def __init__(self, server_port: int) -> None:
        """Listen."""
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cuts = 0
        self._order: tuple[bytes, Cut] | None = None
        self._at_cut: Callable[[], object] = _nothing
        self._threads: list[threading.Thread] = []
        self._start(self._listen)

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def order(self, action: str, cut: Cut, *, at_cut: Callable[[], object] | None = None) -> None:
        """Cut at the COMMIT of the next transaction that writes an entry of this ``action``.

        Args:
            action: Of the entry.
            cut: Where.
            at_cut: What to do there, before the client learns of anything, in another thread.
        """
        self._at_cut = at_cut or _nothing
        self._order = (action.encode(), cut)

    def __enter__(self) -> Self:
        """Listen already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take no more connections; those there are end with their ends, which are gone."""
        with self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)  # It wakes who waits for the next one.
        for thread in self._threads:
            thread.join(_END_S)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._pass, client)

    def _pass(self, client: socket.socket) -> None:
        address = ("127.0.0.1", self._server_port)
        with client, suppress(OSError), socket.create_connection(address) as server:
            transaction = b""
            while True:
                for end in select.select([client, server], [], [])[0]:
                    data = end.recv(_CHUNK_BYTES)
                    if not data:
                        return
                    if end is server:
                        client.sendall(data)
                        continue
                    transaction += data
                    if _COMMIT in data:
                        cut = self._due(transaction)
                        transaction = b""
                        if cut is Cut.AFTER:
                            _commit(server, data)
                        if cut is Cut.SENT:
                            server.sendall(data)
                        if cut is not None:
                            self._at_cut()
                            self.cuts += 1
                            return
                    server.sendall(data)

    def _due(self, transaction: bytes) -> Cut | None:
        if self._order is None or self._order[0] not in transaction:
            return None
        (_, cut), self._order = self._order, None
        return cut


def _nothing() -> None:
    """Do no more than cut."""


def _commit(server: socket.socket, question: bytes) -> None:
    """Have the server commit, and keep its answer."""
    server.sendall(question)
    answer = b""
    while _COMMITTED not in answer:
        data = server.recv(_CHUNK_BYTES)
        assert data, "the server did not commit"
        answer += data
