"""How things are named: UUIDv7 identifiers, and the names of tenants and destinations."""

import re
from typing import Final, NewType
from uuid import UUID

ApplicationId = NewType("ApplicationId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
CopyId = NewType("CopyId", UUID)

MunicipalityCode = NewType("MunicipalityCode", str)
"""全国地方公共団体コード, six digits with a valid check digit."""

ProcedureName = NewType("ProcedureName", str)
"""``area/procedure``, lower-case, as the folder under ``schemas/``."""

DestinationName = NewType("DestinationName", str)
ClientName = NewType("ClientName", str)
NodeName = NewType("NodeName", str)
WorkerName = NewType("WorkerName", str)

NAME_PATTERN: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A name an operator gives: one DNS label (RFC 1123, 2.1), so it fits queues, files and metrics."""

_MILLISECOND_BITS: Final = 48
_RANDOM_BYTES: Final = 10


def uuid7(unix_ms: int, random: bytes) -> UUID:
    """Return a version 7 UUID (RFC 9562, 5.7), which sorts by its time.

    Args:
        unix_ms: Milliseconds since 1970-01-01 UTC, below 2**48.
        random: 10 random bytes; 6 of their 80 bits are overwritten.

    Raises:
        ValueError: The time does not fit, or ``random`` is not 10 bytes long.
    """
    if not 0 <= unix_ms < 1 << _MILLISECOND_BITS:
        raise ValueError(unix_ms)
    if len(random) != _RANDOM_BYTES:
        raise ValueError(len(random))
    value = bytearray(unix_ms.to_bytes(6, "big") + random)
    value[6] = 0x70 | value[6] & 0x0F
    value[8] = 0x80 | value[8] & 0x3F
    return UUID(bytes=bytes(value))
