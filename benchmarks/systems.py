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

from benchmarks.applications import DESTINATIONS, MUNICIPALITIES, PROCEDURE
from benchmarks.peer.keys import new_keys
from benchmarks.processes import PYTHON, Process, run
from gateway.bootstrap.embedded import make_missing_keys
from gateway.bootstrap.stores import open_keys
from gateway.settings.load import build

KAKEHASHI: Final = str(Path(PYTHON).with_name("kakehashi"))
IN_FLIGHT: Final = 16
"""Copies in a worker's hands, per destination, at us and at the peer."""
_UNLIMITED: Final = 1_000_000
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


class _Kakehashi(System):
    _operations_port: int

    def _listen(self, facts: Mapping[str, Any], config: Path) -> None:
        self.port = _port(facts["front"])
        self._operations_port = _port(facts["operations"])
        command = (KAKEHASHI, "client", "add", "portal", "--json", "--config", str(config))
        self.api_key = str(json.loads(run(*command, folder=config.parent))["key"])

    def handed_over(self) -> int:
        states = self._states()
        return sum(states.values()) - states.get("pending", 0)

    def delivered(self) -> int:
        return self._states().get("delivered", 0)

    def _states(self) -> dict[str, int]:
        states: dict[str, int] = {}
        for state, count in _DELIVERIES.findall(get(self._operations_port, "/metrics")):
            states[state] = states.get(state, 0) + int(float(count))
        return states


class Embedded(_Kakehashi):
    """``kakehashi up``: SQLite, broker in memory, gateway and workers in one process."""

    name = "embedded"
    label = "Kakehashi, embedded (`up`)"

    def __init__(self, folder: Path, *, sink_port: int, core: int | None) -> None:
        """Start it."""
        folder.mkdir()
        config = _configure(
            folder, journal="sqlite:///journal.db", broker="memory:", sink=sink_port
        )
        command = (KAKEHASHI, "up", "--json", "--config", str(config))
        self.door = Process(self.name, command, folder=folder, core=core)
        self._listen(json.loads(self.door.first_line()), config)


class Production(_Kakehashi):
    """``kakehashi serve`` on PostgreSQL and RabbitMQ, ``kakehashi work`` beside it."""

    name = "production"
    label = "Kakehashi, production (`serve`, `work`)"

    def __init__(
        self,
        folder: Path,
        *,
        journal: str,
        broker: str,
        sink_port: int,
        core: int | None,
        other_core: int | None,
    ) -> None:
        """Start gateway and worker."""
        folder.mkdir()
        config = _configure(folder, journal=journal, broker=broker, sink=sink_port)
        shared = ("--config", str(config))
        self.door = Process(
            self.name, (KAKEHASHI, "serve", "--json", *shared), folder=folder, core=core
        )
        self._listen(json.loads(self.door.first_line()), config)
        self.worker = Process(
            f"{self.name}-worker",
            (KAKEHASHI, "work", *DESTINATIONS.values(), *shared),
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


def _configure(folder: Path, *, journal: str, broker: str, sink: int) -> Path:
    """Write a configuration with its keys and return its path; JSON is YAML."""
    url = f"http://127.0.0.1:{sink}"
    document: dict[str, Any] = {
        "home": str(folder),
        "http": {
            "port": 0,
            "operations_port": 0,
            # The client here is worth many; without this the bucket would answer 429.
            "requests_per_s": _UNLIMITED,
            "request_burst": _UNLIMITED,
        },
        "journal": {"url": journal.replace(":///", f":///{folder}/")},
        "broker": {"url": broker},
        "keys": {"folder": str(folder / "keys")},
        "municipalities": {code: {"name": name} for code, name in MUNICIPALITIES.items()},
        "clients": {"portal": {"municipalities": list(MUNICIPALITIES), "procedures": ["*"]}},
        "destinations": {
            name: {
                "municipality": code,
                "adapter": "http",
                "idempotency": "native",
                "max_in_flight": IN_FLIGHT,
                "config": {
                    "url": f"{url}/applications",
                    "health_url": f"{url}/health",
                    "reference_pointer": "/reference",
                },
            }
            for code, name in DESTINATIONS.items()
        },
        "routes": [
            {"municipality": code, "procedure": PROCEDURE, "to": [name]}
            for code, name in DESTINATIONS.items()
        ],
        "workers": {"worker-1": {"destinations": list(DESTINATIONS.values())}},
    }
    settings = build(document)
    make_missing_keys(settings, open_keys(settings))
    path = folder / "kakehashi.yaml"
    path.write_text(json.dumps(document, ensure_ascii=False))
    return path


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
