"""What the kernel knows of its clocks."""

import ctypes
import time
from typing import Final

_TIMEX_BYTES: Final = 1_024
"""Room for ``struct timex``, which has 208 bytes on 64-bit Linux (adjtimex(2))."""

_TIME_ERROR: Final = 5
"""What adjtimex(2) returns when the clock is not synchronised; 0 to 4 when it is."""


def steady() -> float:
    """Return seconds since the machine was started, those that it slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def synchronised() -> bool | None:
    """Return whether the kernel says that its clock is kept by another one, as NTP does.

    ``None`` if it does not say: another system, or a container that may not ask.
    """
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    # All zero, modes among them: nothing is changed.
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR
