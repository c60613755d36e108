"""The operating system's clock, and identifiers made with it."""

import os
import time
from datetime import UTC, datetime
from uuid import UUID

from gateway.domain.identifiers import uuid7


class SystemClock:
    """Tells the system's time, which is expected to be kept by NTP."""

    def now(self) -> datetime:
        """Return the current time, aware UTC."""
        return datetime.now(UTC)


def new_id() -> UUID:
    """Return a fresh UUIDv7."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))
