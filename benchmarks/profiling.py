"""What dominates a process: py-spy's samples, each counted for one subsystem.

A sample counts for the innermost of its frames that the table knows, so that the shares
together are 100 %. What C code does counts for the Python frame that called it.
"""

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.processes import PYTHON, FailedError, environment, on_core
from benchmarks.systems import System

_RATE_HZ: Final = 250
_TABLE: Final[tuple[tuple[str, str], ...]] = (
    ("JSON (standard library)", r"\((json|.*/json)/"),
    ("JSON parsing with duplicate keys refused", r"gateway/schema/parse\.py"),
    ("sealing (ECDH-ES, A256GCM)", r"gateway/crypto/seal\.py|concatkdf"),
    ("signing and verifying (Ed25519)", r"gateway/crypto/sign\.py"),
    ("pseudonyms, commitment (HKDF, HMAC)", r"gateway/crypto/pseudonym\.py"),
    ("validation", r"gateway/schema/|gateway/domain/values/"),
    ("audit entries", r"gateway/audit/"),
    ("journal", r"gateway/drivers/journal_|asyncpg|sqlite"),
    ("broker driver", r"gateway/drivers/(rabbitmq|memory_broker)|aiormq|pamqp"),
    ("relay", r"gateway/services/relay\.py"),
    (
        "claims and outcomes",
        r"gateway/services/(answer_claims|record_outcomes|workers|policy|record_heartbeats)",
    ),
    ("worker: adapter and its HTTP client", r"adapters/|httpx2|httpcore|/h11/|anyio"),
    ("worker: stages", r"gateway/services/(deliver|stages)"),
    ("message codecs", r"gateway/services/wire\.py"),
    ("accepting, authentication, limit", r"gateway/services/"),
    ("logging", r"structlog|gateway/cli/logging|logging/__init__"),
    ("metrics", r"prometheus_client|gateway/http/metrics"),
    ("HTTP: answers and problems (ours)", r"gateway/http/"),
    ("HTTP: aiohttp's server", r"aiohttp|yarl|multidict"),
    ("threads handing over (queue, threading)", r"queue\.py|threading\.py|concurrent/futures"),
    ("event loop and sockets", r"asyncio|uvloop|gateway/cli/loop|gateway/bootstrap"),
)
_KNOWN: Final = tuple((name, re.compile(pattern)) for name, pattern in _TABLE)
OTHER: Final = "other"


class Recording:
    """py-spy watching one process."""

    def __init__(self, system: System, folder: Path, *, seconds: float, core: int | None) -> None:
        """Begin to watch the system's door."""
        self._raw = folder / f"{system.name}.samples"
        command = (
            str(Path(PYTHON).with_name("py-spy")),
            *("record", "--pid", str(system.door.pid), "--duration", str(int(seconds))),
            *("--rate", str(_RATE_HZ), "--format", "raw", "--output", str(self._raw)),
        )
        with on_core(core):
            self._process = subprocess.Popen(
                command,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )

    def shares(self) -> dict[str, float]:
        """Wait for its end; return each subsystem's share of the samples, largest first.

        Raises:
            FailedError: py-spy may not look into processes here.
        """
        _, errors = self._process.communicate()
        if self._process.returncode != 0 or not self._raw.exists():
            raise FailedError(f"py-spy: {errors.strip()[-200:]}")
        counts: Counter[str] = Counter()
        for line in self._raw.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            counts[subsystem(stack)] += int(count)
        total = counts.total()
        if not total:
            raise FailedError("py-spy: no samples")
        return {name: count / total for name, count in counts.most_common()}


def subsystem(stack: str) -> str:
    """Return whose work a stack is, outermost frame first, divided by semicolons."""
    for frame in reversed(stack.split(";")):
        for name, pattern in _KNOWN:
            if pattern.search(frame):
                return name
    return OTHER
