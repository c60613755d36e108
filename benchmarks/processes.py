"""Processes under measurement: on which core they run, what they cost, how they end."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PYTHON: Final = sys.executable
ROOT: Final = Path(__file__).parent.parent
_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 15.0
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class FailedError(Exception):
    """Something did not do what it was measured at; no figure of it would mean anything."""


def cores() -> tuple[int | None, int | None]:
    """Return the core of what is measured and the core of all else; ``None``: not bound."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Let processes that are started here run on one core only."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Process:
    """One process of ours."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        core: int | None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; what it prints goes to files in ``folder``."""
        self.name = name
        self._out = folder / f"{name}.out"
        self._log = folder / f"{name}.log"
        with on_core(core), self._out.open("wb") as out, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def first_line(self, timeout_s: float = _START_TIMEOUT_S) -> str:
        """Return the first line that it prints, once it is there."""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in (printed := self._out.read_bytes()):
            self.require_running()
            if time.monotonic() > deadline:
                raise FailedError(f"{self.name} is not ready: {self._tail()}")
            time.sleep(0.005)
        return printed.decode().splitlines()[0]

    def require_running(self) -> None:
        """Raise if it has ended."""
        if self._process.poll() is not None:
            raise FailedError(f"{self.name} ended: {self._tail()}")

    def freeze(self) -> None:
        """Stop its clock; its connections stay."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """End it in order, or at once if it takes too long. Idempotent."""
        if self._process.poll() is None:
            self.thaw()
            self._process.terminate()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def cpu_s(self) -> float:
        """Return the CPU time of all its threads so far, user and system, to 10 ms."""
        return _cpu_s(self.pid)

    def main_thread_cpu_s(self) -> float:
        """Return the same of its main thread alone."""
        return _cpu_s(f"{self.pid}/task/{self.pid}")

    def memory_mib(self) -> tuple[float, float]:
        """Return its resident memory, now and at its highest."""
        return memory_mib(self.pid)

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])


class Family:
    """A server's processes, whatever it starts: their CPU time together."""

    def __init__(self, pids: set[int]) -> None:
        """Look after ``pids`` and all their descendants."""
        self._pids = pids

    def cpu_s(self) -> float:
        """Return the CPU time of those that live."""
        parents = _parents()
        members = set(self._pids)
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in members} - members
            members |= more
            grown = bool(more)
        return sum(_cpu_s(pid) for pid in members)


@contextmanager
def family() -> Iterator[Family]:
    """Return the family of what is started meanwhile."""
    before = _children()
    pids: set[int] = set()
    yield Family(pids)
    pids |= _children() - before


class Others:
    """How much of the machine's CPU is not ours: what else runs beside the measurement."""

    def __init__(self) -> None:
        """Start to watch."""
        self._began = time.monotonic()
        self._before_s = self._cpu_s()

    def cores(self) -> float:
        """Return how many cores all others kept busy since the start, on average."""
        return max(0.0, self._cpu_s() - self._before_s) / (time.monotonic() - self._began)

    @staticmethod
    def _cpu_s() -> float:
        # user, nice, system of all CPUs (proc(5)), less what we and our children, living and
        # dead, have taken.
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = Family({os.getpid()}).cpu_s() + ended.ru_utime + ended.ru_stime
        return sum(int(field) for field in fields[1:4]) / _TICKS_PER_S - ours


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment without what would configure a gateway."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("KAKEHASHI_")}
    return {**ours, "PYTHONPATH": str(ROOT), **(more or {})}


def run(*command: str, folder: Path, core: int | None = None) -> str:
    """Run a command to its end and return what it printed."""
    with on_core(core):
        done = subprocess.run(
            command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise FailedError(f"{command[:3]}: {done.stderr[-2000:]}")
    return done.stdout


def memory_mib(pid: int) -> tuple[float, float]:
    """Return a process's resident memory, now and at its highest.

    Raises:
        KeyError: It has ended, and nobody has asked yet how.
        OSError: It is gone.
    """
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            found[name] = int(value.split()[0]) / 1024
    return found["VmRSS"], found["VmHWM"]


def _children() -> set[int]:
    ours = os.getpid()
    return {pid for pid, parent in _parents().items() if parent == ours}


def _parents() -> dict[int, int]:
    parents = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and (fields := _stat(int(path.name))):
            parents[int(path.name)] = int(fields[1])
    return parents


def _cpu_s(name: int | str) -> float:
    fields = _stat(name)
    # utime and stime, fields 14 and 15 (proc(5)); what stands before the state is cut off.
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S if fields else 0.0


def _stat(name: int | str) -> list[str]:
    try:
        return Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
