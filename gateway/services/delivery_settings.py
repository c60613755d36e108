"""What a worker is told about its destination."""

from dataclasses import dataclass

from gateway.domain.identifiers import DestinationName, MunicipalityCode, WorkerName
from gateway.sdk import Idempotency


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """What a worker is told about its destination.

    Attributes:
        destination: Its configured name.
        municipality: Whose core system it is.
        worker: ``NAME/INSTANCE`` of this process.
        adapter: ``name version`` of the adapter, for heartbeats.
        version: The gateway's version.
        idempotency: What the core system offers against doubles.
        max_in_flight: How many copies are in hand at once, 1 to 2,000.
        send_timeout_s: Deadline of one send.
        settle_s: How long after a send a lookup's "no" proves nothing.
        key_memory_s: How long the core system remembers an idempotency key.
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
