"""What the gateway has been told about each destination."""

from dataclasses import dataclass, field

from gateway.domain.identifiers import DestinationName, MunicipalityCode
from gateway.domain.retry import RetryPolicy
from gateway.sdk import Idempotency


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationPolicy:
    """How the gateway treats one destination's deliveries.

    Attributes:
        name: The configured name.
        municipality: Whose core system it is.
        idempotency: What the core system offers against doubles.
        retry: Its retry budget.
        paused: Nothing is published, and claims are told to wait.
        hold_s: How long a claim that was told to wait is put off.
        send_timeout_s: Deadline that its workers give one send.
        resends: How often a delivery in doubt is resent to a core system that
            deduplicates, before a person must look.
    """

    name: DestinationName
    municipality: MunicipalityCode
    idempotency: Idempotency = Idempotency.NONE
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    paused: bool = False
    hold_s: float = 30.0
    send_timeout_s: float = 60.0
    resends: int = 3
