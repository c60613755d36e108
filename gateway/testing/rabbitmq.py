"""A private RabbitMQ node for tests: own port, own folder, own epmd, no root.

It listens on 127.0.0.1 only and can be killed, frozen and brought back on the
same ports with the same data. Linux, with RabbitMQ's Debian package installed.
"""

import os
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import quote

from gateway.testing.ports import held_ports

SERVER: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The script itself: the wrapper in ``sbin`` insists on root or the system's user."""
_CTL: Final = SERVER.with_name("rabbitmqctl")
_ERLANG: Final = Path("/usr/lib/erlang")

START_TIMEOUT_S: Final = 90.0
_STOP_TIMEOUT_S: Final = 20.0
_PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"  # AMQP 0-9-1, section 2.2.4.
_METHOD_FRAME: Final = b"\x01"

_DISK_FREE_LIMIT_BYTES: Final = 50_000_000

_CONF: Final = """\
listeners.tcp.1 = 127.0.0.1:{port}
log.console = false
log.file.level = warning
disk_free_limit.absolute = 50000000
"""


class Ports(NamedTuple):
    """Where a node listens, on 127.0.0.1: for AMQP, Erlang's distribution, and its epmd."""

    amqp: int
    dist: int
    epmd: int


class RabbitNode:
    """One running node; make it with ``start``.

    Attributes:
        port: Where it listens for AMQP on 127.0.0.1.
        folder: Its data, configuration and logs.
        url: For its default user and virtual host.
    """

    def __init__(self, folder: Path, ports: Ports, *, more_conf: str = "") -> None:
        """Plan a node; nothing is started or written.

        Args:
            folder: An existing folder of its own.
            ports: Free ones.
            more_conf: Further lines of ``rabbitmq.conf``.
        """
        self.folder = folder
        self.port, self._dist_port, self._epmd_port = ports
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self._more_conf = more_conf
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Start a node with its data in ``folder`` and return when it takes connections.

        Raises:
            TimeoutError: It was not ready within ``START_TIMEOUT_S``; nothing is left running.
        """
        node = cls(folder, free_ports())
        try:
            node.prepare()
            node.restart()
        except BaseException:
            node.stop()
            raise
        return node

    def prepare(self, *, cookie: str | None = None, shares_epmd: bool = False) -> None:
        """Write what the server reads when it starts, and start its epmd.

        Args:
            cookie: The Erlang cookie of its cluster; without one it gets its own.
            shares_epmd: Whether another node's epmd serves it too, on the same port.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rabbitmq.conf").write_text(_CONF.format(port=self.port) + self._more_conf)
        (self.folder / "enabled_plugins").write_text("[].\n")
        file = self.folder / ".erlang.cookie"
        if not file.exists():
            file.write_text(cookie or secrets.token_hex(20))
            file.chmod(0o400)
        if not shares_epmd:
            self._start_epmd()

    @staticmethod
    def is_installed() -> bool:
        """Tell whether this machine has a RabbitMQ to start."""
        return SERVER.exists()

    @property
    def name(self) -> str:
        """Its Erlang node name."""
        return f"kakehashi-{self.port}@localhost"

    @property
    def is_running(self) -> bool:
        """Whether the server's process lives, frozen or not."""
        return self._server is not None and self._server.poll() is None

    def restart(self) -> None:
        """Stop the server in order if it runs, start it with the same data, wait until ready."""
        self.shut_down()
        log = (self.folder / "server.out").open("ab")
        with log:
            self._server = subprocess.Popen(
                [SERVER],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard_against_orphans(self._server.pid)
        self._wait_until_ready()

    def kill(self) -> None:
        """End the server at once (SIGKILL); ``restart`` brings it back."""
        if self._server is not None:
            self._signal(signal.SIGKILL)
            self._server.wait()
            self._server = None
            self._end_guard()

    def shut_down(self) -> None:
        """Stop the server in order (SIGTERM); ``restart`` brings it back. Idempotent."""
        if self._server is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._server.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._server = None
        self._end_guard()

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw a frozen server (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the server and its epmd; the folder stays. Idempotent."""
        self.shut_down()
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait()
            self._epmd = None

    def ctl(self, *arguments: str) -> str:
        """Run ``rabbitmqctl`` on this node and return what it prints; takes about a second.

        Raises:
            subprocess.CalledProcessError: It failed; ``stderr`` says why.
        """
        return subprocess.run(
            [_CTL, "--quiet", *arguments],
            env=self._environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
        ).stdout

    def evaluate(self, expression: str) -> str:
        """Evaluate Erlang on this node and return what it shows; takes a hundredth of ``ctl``.

        Raises:
            subprocess.CalledProcessError: It failed; ``output`` says why.
        """
        # Erlang's own C program: rabbitmqctl starts a whole Erlang and Elixir for each question.
        [program] = _ERLANG.glob("erts-*/bin/erl_call")
        address = f"127.0.0.1:{self._dist_port}"
        command = [str(program), "-R", "-address", address, "-e"]
        done = subprocess.run(
            command,
            input=f"{expression}\n",
            env=self._environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
        )
        if not done.stdout.startswith("{ok,"):
            raise subprocess.CalledProcessError(0, command, done.stdout, done.stderr)
        return done.stdout

    def raise_memory_alarm(self) -> None:
        """Make the server believe that it is out of memory, until ``clear_alarms``."""
        self.evaluate("ok = vm_memory_monitor:set_vm_memory_high_watermark(0.0000001).")

    def raise_disk_alarm(self) -> None:
        """Make the server believe that its disk is nearly full, until ``clear_alarms``."""
        self.evaluate('ok = rabbit_disk_monitor:set_disk_free_limit("1000000GB").')

    def clear_alarms(self) -> None:
        """Give it back the limits that it started with."""
        self.evaluate(
            "vm_memory_monitor:set_vm_memory_high_watermark(0.4), "
            f"rabbit_disk_monitor:set_disk_free_limit({_DISK_FREE_LIMIT_BYTES})."
        )

    def add_vhosts(self, *names: str) -> None:
        """Add virtual hosts with every right for the default user, in one go."""
        listed = ",".join(f'<<"{name}">>' for name in names)
        self.evaluate(
            '[begin rabbit_vhost:add(Name, <<"test">>), '
            "rabbit_auth_backend_internal:set_permissions("
            '<<"guest">>, Name, <<".*">>, <<".*">>, <<".*">>, <<"test">>) '
            f"end || Name <- [{listed}]]."
        )

    def import_definitions(self, file: Path) -> None:
        """Add the virtual hosts, users and permissions that a file describes (RabbitMQ's JSON)."""
        self.evaluate(
            f'{{ok, Definitions}} = file:read_file("{file}"), '
            "ok = rabbit_definitions:import_raw(Definitions)."
        )

    def url_for(self, user: str, password: str) -> str:
        """Return the address for another user."""
        return f"amqp://{user}:{password}@127.0.0.1:{self.port}/"

    def is_on_disk(self, queue: str, *, vhost: str = "/") -> bool:
        """Tell whether a quorum queue survives ``kill``.

        The server writes its queues' names with up to half a second's delay. A node
        killed before that comes back with a queue that never elects a leader
        (rabbitmq-server issue 15725).
        """
        names = (self.folder / "mnesia").glob("*/quorum/*/names.dets")
        # Not its dead letters, whose name begins with it.
        name = f"{quote(vhost, safe='')}_{queue}"
        registered = re.compile(re.escape(name).encode() + rb"(?!\.)")
        return any(registered.search(path.read_bytes()) for path in names)

    def _environment(self) -> Mapping[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return inherited | {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "no-such-file"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "server.pid"),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # The distribution listens on every interface unless it is told otherwise. One
            # scheduler: tests share the machine with what they test.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1"
            ),
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _start_epmd(self) -> None:
        # Started here, in the foreground: the one that a node starts outlives it.
        self._epmd = subprocess.Popen(
            ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_for(lambda: _accepts(self._epmd_port))

    def _guard_against_orphans(self, server: int) -> None:
        # It reads until this process is gone, however that came, and then ends the rest.
        epmd = self._epmd.pid if self._epmd is not None else server
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", f"read _; kill -KILL -{server}; kill {epmd}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _end_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def _wait_until_ready(self) -> None:
        # The listener opens last, so an answer to the protocol header means ready.
        self._wait_for(lambda: _speaks_amqp(self.port))

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline or (
                self._server is not None and self._server.poll() is not None
            ):
                raise TimeoutError(str(self.folder))
            time.sleep(0.05)

    def _signal(self, number: signal.Signals) -> None:
        # To the whole session: the server's script has Erlang as its child.
        if self._server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, number)


def free_ports() -> Ports:
    """Return ports that nobody else is given while this process lives."""
    return Ports(*held_ports(3))


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _speaks_amqp(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(_PROTOCOL_HEADER)
        return connection.recv(1) == _METHOD_FRAME
    return False
