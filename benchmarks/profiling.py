"""What dominates a process: its CPU, divided by subsystem.

The kernel says how much CPU the main thread took and how much all others together. The main
thread's is divided by py-spy's samples: each counts for the innermost of its frames that the
table knows, so that the shares together are 100 %. What C code does counts for the Python frame
that called it. The other threads (the SQLite journal's) are not divided: py-spy takes their
waiting for work here.
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
THREADS: Final = "other threads (with SQLite: the journal)"
_OF_A_THREAD: Final = "Thread._bootstrap "


class Recording:
    """py-spy watching one process."""

    def __init__(self, system: System, folder: Path, *, seconds: float, core: int | None) -> None:
        """Begin to watch the system's door."""
        self._system = system
        self._main_s, self._all_s = system.door.main_thread_cpu_s(), system.door.cpu_s()
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
        """Wait for its end; return each subsystem's share of the CPU, largest first.

        Raises:
            FailedError: py-spy may not look into processes here.
        """
        _, errors = self._process.communicate()
        if self._process.returncode != 0 or not self._raw.exists():
            raise FailedError(f"py-spy: {errors.strip()[-200:]}")
        main_s = self._system.door.main_thread_cpu_s() - self._main_s
        all_s = self._system.door.cpu_s() - self._all_s
        counts: Counter[str] = Counter()
        for line in self._raw.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            if not stack.startswith(_OF_A_THREAD):
                counts[subsystem(stack)] += int(count)
        if not counts or not all_s:
            raise FailedError("py-spy: no samples")
        shares = Counter(
            {name: count / counts.total() * main_s / all_s for name, count in counts.items()}
        )
        shares[THREADS] = 1 - main_s / all_s
        return dict(shares.most_common())


def subsystem(stack: str) -> str:
    """Return whose work a stack is, outermost frame first, divided by semicolons."""
    for frame in reversed(stack.split(";")):
        for name, pattern in _KNOWN:
            if pattern.search(frame):
                return name
    return OTHER
