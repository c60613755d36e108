"""What a worker is told about its destination."""

from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.breaker import BreakerPolicy
from gateway.domain.claim import Terms
from gateway.domain.identifiers import DestinationName, MunicipalityCode, WorkerName
from gateway.sdk import Idempotency


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """What a worker is told about its destination.

    Attributes:
        destination: Its configured name.
        municipality: Whose core system it is.
        worker: ``NAME/INSTANCE`` of this process.
        adapter: ``name version`` of the adapter, for heartbeats and outcomes.
        version: The gateway's version.
        idempotency: What the core system offers against doubles.
        max_in_flight: How many copies are in hand at once, 1 to 2,000, until the gateway
            says otherwise.
        send_timeout_s: Deadline of one send.
        settle_s: How long after a send a lookup's "no" proves nothing.
        key_memory_s: How long the core system remembers an idempotency key.
        breaker: When it stops sending, until the gateway says otherwise.
        rate_per_s: Most sends a second, until the gateway says otherwise; ``None`` for
            no limit.
        host: The machine or pod, as it names itself, for heartbeats.
    """

    destination: DestinationName
    municipality: MunicipalityCode
    worker: WorkerName
    adapter: str
    version: str
    idempotency: Idempotency
    max_in_flight: int
    send_timeout_s: float
    settle_s: float
    key_memory_s: float
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    rate_per_s: float | None = None
    host: str = ""

    def terms(self, now: datetime) -> Terms:
        """Return what the worker does as long as no gateway has said anything."""
        return Terms(
            worker=self.worker,
            destination=self.destination,
            heard_at=now,
            open=True,
            max_in_flight=self.max_in_flight,
            rate_per_s=self.rate_per_s,
            failures=self.breaker.failures,
            probe_s=self.breaker.probe_s,
            probe_cap_s=self.breaker.probe_cap_s,
        )
