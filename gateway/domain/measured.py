"""What gateways count and measure for those who watch, kept in the journal for all of them."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.identifiers import DestinationName


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowMinute:
    """What one gateway process counted of a destination in one minute.

    Attributes:
        series: Which process: its node's name, ``/``, and the Unix milliseconds of its start in
            hexadecimal digits.
        destination: Of which destination.
        minute: Which minute, counted from 1970 by that process's clock.
        ended: Whether it will never say anything else of this minute.
        numbers: What it counted, as ``services.flow`` writes it: JSON, at most 2 kB.
    """

    series: str
    destination: DestinationName
    minute: int
    ended: bool
    numbers: str


@dataclass(frozen=True, slots=True)
class JournalSize:
    """How large the journal was.

    Attributes:
        at: Aware UTC.
        bytes: As ``Journal.size_bytes`` said then.
    """

    at: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class CodeCount:
    """For what reason deliveries of a destination are tried again.

    Attributes:
        code: What came of their last attempts; ``None`` where nothing did.
        deliveries: How many.
        last_at: When the last one of them changed, aware UTC.
    """

    code: str | None
    deliveries: int
    last_at: datetime
