"""What is measured: the two footings and the peer, each as real processes."""

import http.client
import json
import re
import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.applications import DESTINATIONS
from benchmarks.configuration import IN_FLIGHT
from benchmarks.peer.keys import new_keys
from benchmarks.processes import PYTHON, Process, run

KAKEHASHI: Final = str(Path(PYTHON).with_name("kakehashi"))
_DELIVERIES: Final = re.compile(r'kakehashi_deliveries\{.*state="(\w+)"\} ([0-9.e+]+)')


class System(ABC):
    """One system under measurement.

    Attributes:
        name: In results.
        label: On the page.
        door: The process that answers.
        worker: The process that delivers; ``None`` when the door does it itself.
        port: Of the front door.
        api_key: The client's.
    """

    name: str
    label: str
    door: Process
    worker: Process | None = None
    port: int
    api_key: str

    @abstractmethod
    def handed_over(self) -> int:
        """Return how many applications the broker has been handed, delivered ones included."""

    @abstractmethod
    def delivered(self) -> int:
        """Return how many outcomes are on record."""

    def stop(self) -> None:
        """End its processes."""
        if self.worker is not None:
            self.worker.stop()
        self.door.stop()


class Kakehashi(System):
    """One of ours.

    Attributes:
        operations_port: Of health and metrics.
    """

    operations_port: int

    def _listen(self, facts: Mapping[str, Any], config: Path) -> None:
        self.port = _port(facts["front"])
        self.operations_port = _port(facts["operations"])
        command = (KAKEHASHI, "client", "add", "portal", "--json", "--config", str(config))
        self.api_key = str(json.loads(run(*command, folder=config.parent))["key"])

    def handed_over(self) -> int:
        states = self._states()
        return sum(states.values()) - states.get("pending", 0)

    def delivered(self) -> int:
        return self._states().get("delivered", 0)

    def _states(self) -> dict[str, int]:
        states: dict[str, int] = {}
        for state, count in _DELIVERIES.findall(get(self.operations_port, "/metrics")):
            states[state] = states.get(state, 0) + int(float(count))
        return states


class Embedded(Kakehashi):
    """``kakehashi up``: SQLite, broker in memory, gateway and workers in one process."""

    name = "embedded"
    label = "Kakehashi, embedded (`up`)"

    def __init__(self, config: Path, *, core: int | None) -> None:
        """Start it in the folder of its configuration."""
        command = (KAKEHASHI, "up", "--json", "--config", str(config))
        self.door = Process(self.name, command, folder=config.parent, core=core)
        self._listen(json.loads(self.door.first_line()), config)


class Production(Kakehashi):
    """``kakehashi serve`` on PostgreSQL and RabbitMQ, ``kakehashi work`` beside it."""

    name = "production"
    label = "Kakehashi, production (`serve`, `work`)"

    def __init__(self, config: Path, *, core: int | None, other_core: int | None) -> None:
        """Start gateway and worker in the folder of their configuration."""
        folder, shared = config.parent, ("--config", str(config))
        self.door = Process(
            self.name, (KAKEHASHI, "serve", "--json", *shared), folder=folder, core=core
        )
        self._listen(json.loads(self.door.first_line()), config)
        destinations = json.loads(config.read_text())["destinations"]
        self.worker = Process(
            f"{self.name}-worker",
            (KAKEHASHI, "work", *destinations, *shared),
            folder=folder,
            core=other_core,
        )


class Peer(System):
    """FastAPI and FastStream."""

    def __init__(
        self,
        folder: Path,
        *,
        validation: str,
        broker: str,
        sink_port: int,
        core: int | None,
        other_core: int | None,
    ) -> None:
        """Start door and worker."""
        self.name = f"peer-{validation}"
        self.label = {
            "pydantic": "FastAPI + FastStream, pydantic models",
            "jsonschema": "FastAPI + FastStream, our schema",
        }[validation]
        folder.mkdir()
        self.port, self.api_key = _free_port(), secrets.token_urlsafe(32)
        settings = {
            "broker": broker,
            "sink": f"http://127.0.0.1:{sink_port}/applications",
            "audit": str(folder / "audit.jsonl"),
            "port": self.port,
            "api_key": self.api_key,
            "validation": validation,
            "in_flight": IN_FLIGHT,
            "queues": {code: f"{self.name}.{name}" for code, name in DESTINATIONS.items()},
            "outcomes": f"{self.name}.outcomes",
            **new_keys(),
        }
        file = folder / "peer.json"
        file.write_text(json.dumps(settings))
        env = {"PEER_FILE": str(file)}
        self.door = Process(
            self.name, (PYTHON, "-m", "benchmarks.peer.door"), folder=folder, core=core, env=env
        )
        wait_for_port(self.door, self.port)
        self.worker = Process(
            f"{self.name}-worker",
            (PYTHON, "-m", "benchmarks.peer.worker"),
            folder=folder,
            core=other_core,
            env=env,
        )

    def handed_over(self) -> int:
        return int(json.loads(get(self.port, "/counts"))["published"])

    def delivered(self) -> int:
        return int(json.loads(get(self.port, "/counts"))["recorded"])


def get(port: int, path: str) -> str:
    """Return what ``path`` answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def wait_for_port(process: Process, port: int) -> None:
    """Return once the process listens."""
    while True:
        process.require_running()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        return


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
