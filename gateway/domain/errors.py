"""Everything that can go wrong, as one tree; a class says whose fault it is.

Each class has a stable dotted ``code`` that appears unchanged in HTTP bodies,
audit entries, metrics, logs and the documentation. The argument is the subject
of the error, never a sentence and never personal data.
"""

from typing import ClassVar


class KakehashiError(Exception):
    """An error of the gateway or of something it depends on."""

    code: ClassVar[str] = "internal"

    def __str__(self) -> str:
        """Return the code and the subject, for logs and terminals."""
        subject = " ".join(str(argument) for argument in self.args if argument is not None)
        return f"{self.code}: {subject}" if subject else self.code


class PermanentError(KakehashiError):
    """Trying again changes nothing."""


class TransientError(KakehashiError):
    """The same step may succeed later."""


class ConfigError(PermanentError):
    """The configuration cannot be used; the argument names the key and the reason."""

    code = "config.invalid"


# The journal


class JournalUnavailableError(TransientError):
    """The journal did not commit or answer; nothing of the step is visible."""

    code = "journal.unavailable"


class CommitUnknownError(JournalUnavailableError):
    """The connection was lost during COMMIT: the step may or may not be durable."""

    code = "journal.commit_unknown"


class JournalUnusableError(PermanentError):
    """The journal must not be used as it is: wrong settings, version or checksum."""

    code = "journal.unusable"


class NodeNameTakenError(PermanentError):
    """Another living process holds this node's name on the same journal."""

    code = "journal.node_taken"


class LogUnusableError(PermanentError):
    """The sealed audit log is not what one of our keys signed; nothing is sealed after it."""

    code = "log.unusable"


class DeliveryNotFoundError(PermanentError):
    """The journal knows no such delivery."""

    code = "delivery.not_found"


class IllegalTransitionError(PermanentError):
    """The lifecycle table has no such pair of state and event."""

    code = "delivery.illegal_transition"


# The broker


class BrokerUnavailableError(TransientError):
    """The broker did not confirm or answer in time, or the connection is down."""

    code = "broker.unavailable"


class UnroutableError(TransientError):
    """The broker returned the message: the queue does not exist."""

    code = "broker.unroutable"


class QueueFullError(TransientError):
    """The broker refused the message: the queue is at its length limit."""

    code = "broker.queue_full"


class TopologyMismatchError(PermanentError):
    """A queue or exchange exists with other arguments (AMQP 406)."""

    code = "broker.topology_mismatch"


# Keys, seals and signatures


class KeyNotFoundError(PermanentError):
    """No such key in the key store."""

    code = "keys.not_found"


class KeyUnusableError(PermanentError):
    """A key's file or content is not acceptable: mode, owner, type, or damage."""

    code = "keys.unusable"


class SignatureInvalidError(PermanentError):
    """Unsigned, signed by an unknown key, or not what was signed."""

    code = "seal.signature_invalid"


class SealInvalidError(PermanentError):
    """The sealed bytes cannot be opened with our key, or break the rules for seals."""

    code = "seal.invalid"


# Messages between gateway and worker


class MessageMalformedError(PermanentError):
    """A message between gateway and worker does not have the documented shape."""

    code = "message.malformed"


# What an adapter may raise (design: one row of the outcome table each)


class RejectedError(PermanentError):
    """The core system refused this application for good.

    Attributes:
        reason: The core system's or the adapter's stable code, never free text.
        pointer: JSON pointer to the offending field (RFC 6901), or ``None``.
    """

    code = "destination.rejected"

    def __init__(self, reason: str, pointer: str | None = None) -> None:
        """Keep the reason and where it points."""
        super().__init__(reason, pointer)
        self.reason = reason
        self.pointer = pointer


class DestinationTransientError(TransientError):
    """Sending failed for now and certainly had no effect; the attempt is counted.

    Attributes:
        reason: A stable code that says why.
        retry_after_s: Wait at least so long, in seconds; ``None`` leaves it to the gateway.
    """

    code = "destination.transient"

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        """Keep the reason and the wait the core system asked for."""
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class ThrottledError(DestinationTransientError):
    """The core system asks to slow down; waits as told, the attempt is not counted."""

    code = "destination.throttled"


class DestinationUnavailableError(DestinationTransientError):
    """The core system cannot be reached at all; the attempt is not counted."""

    code = "destination.unavailable"


class UnknownOutcomeError(KakehashiError):
    """Something was sent and no answer tells what became of it: the delivery is in doubt.

    Attributes:
        reason: A stable code that says at which point the answer was lost.
    """

    code = "destination.unknown_outcome"

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason
