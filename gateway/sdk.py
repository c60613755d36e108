"""All that an adapter author imports: the contract between the runtime and an adapter.

An adapter is a class with a ``spec`` and the four methods of ``Destination`` (or of
``Source``). The runtime constructs it from its validated ``Config``, opens it once, calls
``send`` for one delivery after another, and closes it. What a method may rely on and what
it owes stands in its docstring, and nowhere else; the contract kit
(``gateway.testing.adapter_kit``) proves most of it.

Errors are made of a reason: ``RejectedError(reason, pointer=None)``,
``UnknownOutcomeError(reason)``, and ``TransientError``, ``ThrottledError`` and
``DestinationUnavailableError`` with ``(reason, retry_after_s=None)``: not before that many
seconds, at most 366 days. A reason is a code that is the same each time: 1 to 100 of ASCII
letters, digits and ``. _ : + -``, a letter or digit first, without what could be the number of
a person (7 digits in a row, or 10 with separators). Instead of any other the error's own code
is kept. A pointer has at most 16 members of at most 64 of ``A-Z a-z 0-9 _ ~ . -``; any other is
left out. ``ConfigError(key)`` names the key and the reason, and is shown to the operator as it is.
``FeedbackStatus`` is ``ACCEPTED`` (受理), ``RETURNED`` (差戻し), ``REJECTED`` (却下), ``WITHDRAWN``
(取下げ) or ``COMPLETED`` (完了).
"""

from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, Final, Protocol, runtime_checkable

from gateway.domain.errors import (
    ConfigError,
    DestinationTransientError,
    DestinationUnavailableError,
    RejectedError,
    ThrottledError,
    UnknownOutcomeError,
)
from gateway.domain.outcome import FeedbackStatus
from gateway.sdk_values import (
    JST,
    Accepted,
    AdapterConfig,
    AdapterSpec,
    Application,
    Context,
    Delivery,
    Feedback,
    FieldSpan,
    Health,
    Idempotency,
    Incoming,
    Preview,
    Receipt,
    Refused,
)

__all__ = [
    "CONTRACT_VERSION",
    "JST",
    "Accepted",
    "AdapterConfig",
    "AdapterSpec",
    "Application",
    "ConfigError",
    "Context",
    "Delivery",
    "Destination",
    "DestinationUnavailableError",
    "Feedback",
    "FeedbackStatus",
    "FieldSpan",
    "GivesFeedback",
    "Health",
    "Idempotency",
    "Incoming",
    "LooksUp",
    "Preview",
    "Receipt",
    "Refused",
    "RejectedError",
    "SendResult",
    "SendsBatch",
    "Source",
    "ThrottledError",
    "TransientError",
    "UnknownOutcomeError",
]

CONTRACT_VERSION: Final = "1.1"
"""Version of all that ``__all__`` names. Additions raise the second number; an adapter
written for 1.0 works with 1.9. Anything that could break an adapter raises the first."""

TransientError = DestinationTransientError

SendResult = Receipt | RejectedError | TransientError | UnknownOutcomeError
"""What became of one application of a batch: what ``send`` would return, or raise."""


class Destination(Protocol):
    """Sends applications to one core system.

    ``__init__(config)`` has no side effect. Everything is called from one event loop, which
    no method may block for more than 50 ms. Order of calls: ``open`` until it succeeds, then
    ``check``, ``send`` and the optional capabilities, at the same time; ``close`` last.

    A library that blocks runs in threads of the adapter's own. Cancelling does not stop a
    thread, so on ``CancelledError`` cut its connection from outside, wait for the thread's end
    and let the cancellation go on (docs/howto/use-a-blocking-library.md).

    Several processes may have one destination at once: other workers, another version of the
    adapter during a roll-out, and ``kakehashi adapter check``. None knows of the others.

    Log with ``structlog.get_logger()``, events named ``NAME.happened``: ``warning`` when the core
    system goes and ``info`` when it is back, once each; nothing for a single delivery, which the
    runtime logs. What is logged goes to the worker's standard error from ``log.level`` on, and
    nowhere else; of what libraries log by ``logging``, warnings only, without their arguments.
    Of fields, those are written that docs/reference/log-events.md names; of others, the name only.
    No error, log line or ``repr`` holds a secret or anything of an application, at any level.
    """

    spec: ClassVar[AdapterSpec]

    async def open(self, context: Context) -> None:
        """Get ready: connections, folders; no effect on the core system.

        Called again after it failed, every 1 to 30 s, so it begins anew or goes on. Cancelled
        when it takes longer than the destination's ``send_timeout_s``; ``close`` gives back what
        it had.

        Raises:
            ConfigError: It can never work as configured: the worker stops and says so.
            DestinationUnavailableError: It cannot be reached now. So does any other error.
        """

    async def check(self) -> Health:
        """Tell whether ``send`` can be expected to work, without any effect on the core system.

        Called before the first ``send``, every 30 s beside running ones, and when an open
        breaker wants to know. Bad credentials are not ``ok``. Deadline: ``send_timeout_s``.

        Raises:
            ConfigError: It can never work as configured: the worker stops and says so.
            TransientError: As ``Health(ok=False)`` with the error's code. So does any other.
        """

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        """Hand ``application`` over; return only when the core system has it durably.

        Called by at most ``max_in_flight`` tasks at once, never twice at once with the same
        key. A receipt survives a crash of either side; where the answer does not prove that,
        raise ``UnknownOutcomeError``. With ``delivery.dry_run`` it has no effect at all and
        the receipt has a ``preview``.

        ``CancelledError`` comes when ``delivery.deadline`` has passed or the worker stops:
        stop, leave nothing open, let it propagate; the delivery is then in doubt. Own limits
        should end earlier, as they can tell "had no effect" from "may have had one".

        It may ask the core system several things, and once more what certainly had no effect, as
        after a refused token that was renewed. It does not wait to try again: the runtime does,
        which counts attempts and ``send`` calls (``rate_per_s``), and knows when the window ends.

        With ``Idempotency.NATIVE`` it is called again with a key whose outcome is unknown,
        and returns the first receipt again.

        Raises:
            RejectedError: The core system, or the mapping, refuses it for good: parked, with
                the code and the pointer of the field.
            TransientError: It certainly had no effect; tried again later, attempt counted.
            ThrottledError: The same, because of a limit; waits as told, not counted.
            DestinationUnavailableError: The same, because nothing can be reached, or our
                credentials are refused; not counted, the breaker opens.
            UnknownOutcomeError: It may have had an effect: in doubt. So does any other error,
                which is also reported as the adapter's defect.
            ConfigError: It can never work as configured, and nothing was sent: the worker stops;
                tried again by the next, not counted.
        """

    async def close(self) -> None:
        """Give everything back; sends that still run end or raise.

        Idempotent; safe without, during and after a failed ``open``. Afterwards no task,
        thread, socket or open file of it is left; what is in ``Context.folder`` stays. The kit
        sees tasks, threads and TCP sockets; the rest is for tests of the adapter's own. It does
        not raise.
        """


@runtime_checkable
class LooksUp(Protocol):
    """An adapter that can find out whether a delivery has arrived (``Idempotency.LOOKUP``)."""

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """Return the receipt of the delivery, or ``None`` if it never had an effect.

        Has no effect itself. Called beside ``send``, never for a key that is being sent. A
        "no" counts only ``settle_s`` after the send ended: what was on its way may still
        arrive until then. Deadline and cancellation as for ``send``; the doubt stays.

        Raises:
            TransientError: Cannot tell now; asked again. So does any other error.
        """


@runtime_checkable
class SendsBatch(Protocol):
    """An adapter that hands several applications over at once (一括, 方式4).

    Not yet called by the runtime, which calls ``send`` for each; the kit tests it.
    """

    async def send_batch(
        self, items: Sequence[tuple[Application, Delivery]]
    ) -> Sequence[SendResult]:
        """Hand ``items`` over, 1 to ``max_batch``, in their order; return what became of each.

        The results stand in the order of ``items``, one for each: one that is refused keeps
        no other from being delivered. Each result promises what ``send`` promises. All items
        have the same ``dry_run``; the earliest deadline counts for all.

        Raises:
            TransientError: None of them had an effect; so say its subclasses.
            UnknownOutcomeError: Any of them may have: all are in doubt. So does any other
                error, and cancellation.
        """


@runtime_checkable
class GivesFeedback(Protocol):
    """An adapter whose core system gives out statuses."""

    def feedback(self) -> AsyncIterator[Feedback]:
        """Yield statuses as they come, without end, waiting in between.

        Run by one task, beside ``send``. Asking for the next one tells that the one before is
        durable on its way to the gateway: only then may it be taken away from the core system.
        After a crash the same one comes again, with the same id; the gateway keeps it once.
        Cancellation comes when the worker stops, at any ``await``; at a ``yield`` the iterator
        is closed (``GeneratorExit``), and the one that was given is not taken away.

        Each worker of a destination runs it, and nobody shares the results out. So the id comes
        from what the core system wrote, never from a worker's memory, and what another worker
        took away meanwhile is no error.

        A status that breaks the rules of ``Feedback`` is logged (``feedback.unusable``) and
        dropped, and the next one is asked for.

        Raises:
            ConfigError: It can never work as configured: the worker stops.
            TransientError: Cannot be read now; called again after 1 to 30 s. So does any
                other error, and the end of the iterator.
        """


class Source(Protocol):
    """Takes applications from a front end that does not speak our API.

    Not yet called by the runtime: front ends send to the front-end API. The lifecycle and its
    rules are those of ``Destination``.
    """

    spec: ClassVar[AdapterSpec]

    async def open(self, context: Context) -> None:
        """As ``Destination.open``."""

    async def check(self) -> Health:
        """As ``Destination.check``: without any effect on the front end."""

    def receive(self) -> AsyncIterator[Incoming]:
        """Yield applications as they come, without end, waiting in between.

        Run by one task. It does not wait for ``ack``: several may be out at once. What was
        not acknowledged comes again after a crash, with the same id and the same body.

        Raises:
            ConfigError: It can never work as configured.
            TransientError: Cannot be read now; called again later. So does any other error.
        """

    async def ack(self, incoming: Incoming, result: Accepted | Refused) -> None:
        """Tell the front end what became of ``incoming``; only now may it be taken away.

        Called once the acceptance is durable, in any order, possibly again with the same
        result: the second time changes nothing.

        Raises:
            TransientError: Not told; called again. So does any other error.
        """

    async def close(self) -> None:
        """As ``Destination.close``; ends ``receive``."""
