"""Programs under test as processes of their own: started, killed, stopped, looked after."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.testing.ports import held_ports

KAKEHASHI: Final = (str(Path(sys.executable).with_name("kakehashi")),)
"""The installed command, as an operator calls it."""
STOP_S: Final = 10.0
"""A container gets this long after SIGTERM before it is killed (design, section 4)."""
_START_TIMEOUT_S: Final = 60.0
_COMMAND_TIMEOUT_S: Final = 90.0

started: Final[list[subprocess.Popen[bytes]]] = []
"""Every process that was started in this session; none may be left at its end."""


class CommandFailedError(AssertionError):
    """A command ended with another exit code than 0; the arguments are all it said."""


class Program:
    """One program that can be started again and again; its output goes to files.

    Attributes:
        name: For the names of its log files and for messages.
        log: Standard error of all its lives.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, folder: Path, env: Mapping[str, str] = {}
    ) -> None:
        """Plan to run ``command`` in ``folder``; nothing is started."""
        self.name = name
        self._command = tuple(command)
        self._folder = folder
        self._env = environment(env)
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{name}.err"
        self._out = folder / f"{name}.out"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; ``first_line`` waits until it says that it is ready."""
        assert not self.is_running, self.name
        with self.log.open("ab") as errors, self._out.open("wb") as out:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
        started.append(self._process)

    def first_line(self, timeout_s: float = _START_TIMEOUT_S) -> str:
        """Return the first line it printed in this life, as soon as there is one."""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in (printed := self._out.read_bytes()):
            if not self.is_running:
                raise AssertionError(f"{self.name} ended: {self.tail()}")
            assert time.monotonic() < deadline, f"{self.name} is not ready: {self.tail()}"
            time.sleep(0.02)
        return printed.decode().splitlines()[0]

    @property
    def is_running(self) -> bool:
        """Whether its process lives, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> tuple[int, float]:
        """End it in order (SIGTERM); return its exit code and how many seconds it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.terminate()
        try:
            code = self._process.wait(STOP_S * 2)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop: {self.tail()}") from None
        return code, time.monotonic() - began

    def freeze(self) -> None:
        """Stop its clock (SIGSTOP): it holds what it holds and does nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def resident_kib(self) -> int:
        """Return its resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError(self.name)

    def tail(self, lines: int = 30) -> str:
        """Return the end of its log, for messages."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def environment(more: Mapping[str, str] = {}) -> dict[str, str]:
    """Return this process's environment without anything that configures a gateway."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("KAKEHASHI_")}
    return {**ours, "PYTHONWARNINGS": "default", **more}


def run(*arguments: str, cwd: Path, env: Mapping[str, str] = {}) -> str:
    """Run one command to its end and return what it printed.

    Raises:
        CommandFailedError: Its exit code is not 0.
    """
    done = subprocess.run(
        [*KAKEHASHI, *arguments],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise CommandFailedError(arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def ask(*arguments: str, cwd: Path, env: Mapping[str, str] = {}) -> Any:
    """Run one command with ``--json`` and return its answer."""
    return json.loads(run(*arguments, "--json", cwd=cwd, env=env))


def free_ports(count: int) -> list[int]:
    """Return so many loopback ports that nobody else is given while this process lives."""
    return held_ports(count)
