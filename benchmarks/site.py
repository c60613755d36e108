"""Where measurements at scale happen: servers, front end and core systems round a gateway."""

import asyncio
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmarks.configuration import EMBEDDED, document, write
from benchmarks.populate import Filling, fill
from benchmarks.postgres_copy import copy, duplicate
from benchmarks.processes import PYTHON, FailedError, Process, cores, on_core
from benchmarks.systems import Embedded, Kakehashi, Production
from gateway.testing.postgres import PostgresNode
from gateway.testing.rabbitmq import RabbitNode

FOOTINGS: Final = ("embedded", "production")
_NODE: Final = "gw-1"

Say = Callable[[str], None]
Configure = Callable[[dict[str, Any]], None]
"""Changes a configuration before it is written."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the process ``benchmarks.paced`` listens, by what is there."""

    sink: int
    silent: int
    control: int


class Site:
    """A folder, one PostgreSQL, one RabbitMQ, and the process that sends and takes applications.

    The gateway runs on one core, everything else on the other. Servers are started when they
    are needed first, and end with the site.
    """

    def __init__(self, stack: ExitStack, say: Say) -> None:
        """Make the folder."""
        self._stack = stack
        self.say = say
        self.core, self.other_core = cores()
        prefix = "kakehashi-at-scale-"
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))

    @cached_property
    def paced(self) -> Ports:
        """Front end and core systems."""
        process = Process(
            "paced", (PYTHON, "-m", "benchmarks.paced"), folder=self.folder, core=self.other_core
        )
        self._stack.callback(process.stop)
        return Ports(**json.loads(process.first_line()))

    @cached_property
    def postgres(self) -> PostgresNode:
        """The database server."""
        with on_core(self.other_core):
            node = PostgresNode.start()
        self._stack.callback(node.remove)
        return node

    @cached_property
    def rabbit(self) -> RabbitNode:
        """The broker."""
        with on_core(self.other_core):
            node = RabbitNode.start(self.folder / "rabbitmq")
        self._stack.callback(node.stop)
        return node

    def embedded(self, name: str, configure: Configure) -> Path:
        """Write an embedded gateway's configuration into a new folder; return its path."""
        return self._written(name, configure, **EMBEDDED)

    def production(self, name: str, configure: Configure, *, journal: str, keys: Path) -> Path:
        """Write one for a gateway and a worker on ``journal``, with another's keys."""

        def with_keys(configuration: dict[str, Any]) -> None:
            configuration["keys"] = {"folder": str(keys)}
            configure(configuration)

        # What an earlier gateway left in the broker is not this one's.
        self.rabbit.ctl("add_vhost", name)
        self.rabbit.ctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        return self._written(name, with_keys, journal=journal, broker=self.rabbit.url + name)

    def _written(self, name: str, configure: Configure, *, journal: str, broker: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        configuration = document(folder, journal=journal, broker=broker, sink=self.paced.sink)
        configure(configuration)
        return write(configuration, folder)

    def rewritten(self, config: Path, configure: Configure) -> Path:
        """Change a configuration where it is."""
        configuration = json.loads(config.read_text("utf-8"))
        configure(configuration)
        return write(configuration, config.parent)

    def fill(self, config: Path, filling: Filling) -> list[str]:
        """Fill the journal of an embedded gateway's configuration; return the applications' ids."""
        self.say(f"filling a journal with {filling.count:,} applications")
        return fill(config, filling, self.say)

    def copied(self, config: Path) -> str:
        """Return the URL of a PostgreSQL journal like the SQLite journal of ``config``."""
        self.say("copying it to PostgreSQL")
        return asyncio.run(copy(config.with_name("journal.db"), self.postgres, _NODE, self.say))

    def duplicated(self, url: str, name: str) -> str:
        """Return the URL of a copy of a PostgreSQL journal that nobody uses."""
        return asyncio.run(duplicate(url, name))

    @contextmanager
    def running(self, footing: str, config: Path) -> Iterator[Kakehashi]:
        """Run a gateway, and a worker if it is a process of its own, until the end.

        First, what was written before reaches the disk: journals that were filled or copied
        would otherwise hold up the commits that are measured, for a minute or so.
        """
        os.sync()
        system: Kakehashi
        if footing == "embedded":
            system = Embedded(config, core=self.core)
        else:
            system = Production(config, core=self.core, other_core=self.other_core)
        try:
            yield system
        finally:
            system.stop()

    def order(self, **order: object) -> dict[str, Any]:
        """Have applications sent; return the report when it is done. ``order``: see ``paced``."""
        with socket.create_connection(("127.0.0.1", self.paced.control)) as connection:
            connection.sendall(json.dumps(order).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
        if not line:
            raise FailedError("paced: no report")
        report: dict[str, Any] = json.loads(line)
        return report

    @contextmanager
    def sending(self, system: Kakehashi, run: str, **order: object) -> Iterator[dict[str, Any]]:
        """Have applications sent meanwhile; what is yielded is the report, at the end."""
        report: dict[str, Any] = {}
        sender = threading.Thread(
            target=lambda: report.update(
                self.order(port=system.port, key=system.api_key, run=run, **order)
            )
        )
        sender.start()
        try:
            yield report
        finally:
            sender.join()
