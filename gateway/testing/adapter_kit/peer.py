"""The simulated core system that an adapter is tested against, and what it can be told to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

FOR_EVER: Final = 1_000_000_000
"""As ``times``: until it is told something else."""


class Fault(StrEnum):
    """How a peer treats an application. Those marked + have taken it: it arrived."""

    NONE = "none"
    """+ Takes it and says so."""
    SLOW = "slow"
    """+ The same, after ``seconds``."""
    SILENT = "silent"
    """+ Takes it and never answers; the connection stays."""
    REFUSING = "refusing"
    """Cannot be reached: nothing listens, the share is gone."""
    BUSY = "busy"
    """Has no effect and says: come back in ``seconds`` (whole, such as 429 with Retry-After)."""
    REFUSE = "refuse"
    """Refuses it for good, with the code and the pointer of ``Peer.refusal``."""
    GARBLED = "garbled"
    """+ Answers something that is no answer of its protocol's."""
    TRUNCATED = "truncated"
    """+ Ends the answer in the middle."""
    EMPTY = "empty"
    """+ Answers nothing at all, and well-formed so (an empty body, an empty file)."""
    CUT = "cut"
    """Ends the connection while the application is on its way; it has no effect."""
    CUT_AFTER = "cut-after"
    """+ Ends the connection before its answer."""
    BAD_CREDENTIALS = "bad-credentials"
    """Accepts no credentials, from a connection attempt, a check or an application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One effect on the peer.

    Attributes:
        key: The delivery's idempotency key.
        data: What was taken, byte for byte: a body, a file's content, a row as it was bound.
        headers: What came beside it, where the protocol has a place: ``traceparent``, the
            idempotency key; names in lower case.
        text: ``data`` as the core system's people would read it, if that takes more than
            decoding UTF-8, CP932 or JSON escapes.
    """

    key: str
    data: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str | None = field(default=None, repr=False)


class Peer(Protocol):
    """A controllable core system, at its adapter's disposal for one test.

    Attributes:
        absent: What its kind of core system cannot do, each with the reason, such as "a folder
            has no connection". Every other fault it can be told to do, and does: an adapter
            to which nothing happens fails. Checks that need an absent one do not apply, and
            the summary tells the reason.
        refusal: Code and JSON pointer that the adapter's ``RejectedError`` has for
            ``Fault.REFUSE``; a pointer of ``None`` says that its protocol has none.
    """

    absent: Mapping[Fault, str]
    refusal: tuple[str, str | None]

    def config(self) -> dict[str, object]:
        """Return a destination's ``config:`` that leads to it, secrets and all.

        JSON values, complete and valid: each adapter of one test is made of it. Switch on
        what makes the adapter most careful, e.g. that a receipt needs a reference.
        """

    def secrets(self) -> Sequence[str]:
        """Return the secret values of ``config()``; at least 8 characters each."""

    async def behave(self, fault: Fault, *, times: int = FOR_EVER, seconds: float = 0.0) -> None:
        """Treat the next ``times`` applications so, then be well again.

        ``NONE`` ends whatever holds. ``REFUSING`` and ``BAD_CREDENTIALS`` are told with
        ``FOR_EVER`` and hold for everything that is asked of it, checks included.
        """

    def arrivals(self) -> Sequence[Arrived]:
        """Return every effect so far, in order, doubles included.

        A core system that ignores a key it knows shows one effect for it; its ``config()``
        and its behaviour are those of the idempotency that the adapter's manifest promises.
        """

    def touched(self) -> int:
        """Return the number of effects of any kind: what arrived, and files left behind."""

    def most_at_once(self) -> int:
        """Return how many applications it has held at one moment at most, since it began."""


@runtime_checkable
class PeerOnALine(Protocol):
    """A peer that listens on a TCP port of 127.0.0.1: the kit puts a lossy line before it.

    Attributes:
        port: Where it listens.
    """

    port: int

    def config_through(self, port: int) -> dict[str, object]:
        """Return ``Peer.config()`` leading to ``port`` of 127.0.0.1 in place of its own."""


@runtime_checkable
class PeerThatTells(Protocol):
    """A peer that gives out statuses; an adapter that promises feedback needs one."""

    def config_that_tells(self) -> dict[str, object]:
        """Return ``Peer.config()`` with statuses switched on, read at once and often."""

    async def tell(self, key: str) -> None:
        """Give out a status of the delivery ``key``, whether or not it has arrived."""
