"""What the disk can do by itself, beside what is measured on it."""

import os
import time
from pathlib import Path
from typing import Final

_BLOCK: Final = b"\0" * 4096


def fdatasync_per_s(path: Path, seconds: float) -> float:
    """Return how often a second a page that was appended to ``path`` is made durable."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        os.write(handle, _BLOCK)
        os.fdatasync(handle)
        count += 1
    spent = time.perf_counter() - began
    os.close(handle)
    return count / spent
