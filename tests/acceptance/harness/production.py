"""The production footing: gateways on PostgreSQL, workers, RabbitMQ; each with its own keys.

Set up as operators would: keys are made where they are used and only public halves
travel, the worker has an AMQP user with the rights that ``topology show`` prints, and
its configuration knows no journal that works.
"""

import hashlib
import json
import re
import secrets
import shutil
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from gateway.testing.rabbitmq import RabbitNode
from tests.acceptance.harness.front import Front
from tests.acceptance.harness.landscape import tenant
from tests.acceptance.harness.operations import Operator
from tests.acceptance.harness.processes import KAKEHASHI, Program, free_ports

WORKERS: Final = ("w-1", "w-2")
"""The workers of every configuration, whichever of them run."""
NO_JOURNAL: Final = "postgresql://nobody:nothing@127.0.0.1:1/nowhere"

_QUEUES_TIMEOUT_S: Final = 30.0
_exchanged: Final[dict[tuple[str, ...], tuple[Path, Path]]] = {}
"""For which destinations keys were made and exchanged in this session, and where they are."""


class Machine:
    """A folder that stands for a machine of its own: configuration, keys, state, logs."""

    def __init__(
        self, folder: Path, document: Mapping[str, Any], env: Mapping[str, str] = {}
    ) -> None:
        """Write the configuration."""
        self.folder = folder
        self.home = folder / "home"
        self.keys = folder / "keys"
        self.config = folder / "kakehashi.yaml"
        self.env = dict(env)
        folder.mkdir(parents=True)
        whole = {"home": str(self.home), "keys": {"folder": str(self.keys)}, **document}
        # JSON is YAML.
        self.config.write_text(json.dumps(whole, ensure_ascii=False, indent=1))
        self.operator = Operator(self.config, env)

    def program(self, name: str, command: Sequence[str], *arguments: str) -> Program:
        """Return a program of this machine, not yet started."""
        line = [*command, *arguments, "--config", str(self.config)]
        return Program(name, line, folder=self.folder, env=self.env)


class Production:
    """Gateways, workers and what is between them.

    Attributes:
        gateways: ``serve`` by node name.
        workers: ``work`` by worker name.
        operator: Somebody on the first gateway's machine.
        witness_url: The broker for somebody who looks on, and may do everything there.
        front_urls: Of every gateway, in order.
    """

    def __init__(
        self,
        folder: Path,
        destinations: Mapping[str, Any],
        *,
        rabbit: RabbitNode,
        journal: str,
        nodes: Sequence[str] = ("gw-1",),
        workers: Sequence[str] = WORKERS[:1],
        command: Sequence[str] = KAKEHASHI,
        log_level: str = "info",
        more: Mapping[str, Any] = {},
    ) -> None:
        """Write configurations, make a virtual host and users, exchange keys.

        ``more`` are further sections of everybody's configuration.
        """
        self.rabbit = rabbit
        self.destinations = dict(destinations)
        self.vhost = f"t-{secrets.token_hex(4)}"
        self._shared = {
            **tenant(destinations),
            "workers": {name: {"destinations": list(destinations)} for name in WORKERS},
            "log": {"level": log_level},
            **more,
        }
        users = {name: secrets.token_hex(8) for name in ("gateway", "worker", "witness")}
        self.witness_url = self._broker_url("witness", users)
        ports = free_ports(2 * len(nodes))
        self.machines = {
            node: Machine(
                folder / node,
                {
                    **self._shared,
                    "node": node,
                    "journal": {"url": journal},
                    "broker": {"url": self._broker_url("gateway", users)},
                    "http": {"port": ports[2 * index], "operations_port": ports[2 * index + 1]},
                    # The nodes are one gateway: they share its signing and pseudonym keys.
                    "keys": {"folder": str(folder / nodes[0] / "keys")},
                },
            )
            for index, node in enumerate(nodes)
        }
        self.worker_machine = Machine(
            folder / "worker",
            {
                **self._shared,
                "journal": {"url": NO_JOURNAL},
                "broker": {"url": self._broker_url("worker", users)},
            },
            env={"KAKEHASHI_JOURNAL__URL": NO_JOURNAL},
        )
        self.gateway_machine = self.machines[nodes[0]]
        self.front_urls = [f"http://127.0.0.1:{ports[2 * index]}" for index in range(len(nodes))]
        self.operator = self.gateway_machine.operator
        self.gateways = {
            node: machine.program(node, command, "serve", "--json")
            for node, machine in self.machines.items()
        }
        self.workers = {
            name: self.worker_machine.program(
                name, command, "work", *destinations, "--worker", name
            )
            for name in workers
        }
        self._make_users(users)
        self._take_keys()
        self._api_key: str | None = None

    def _broker_url(self, kind: str, users: Mapping[str, str]) -> str:
        return f"amqp://{self._user(kind)}:{users[kind]}@127.0.0.1:{self.rabbit.port}/{self.vhost}"

    def _make_users(self, users: Mapping[str, str]) -> None:
        rights = self.gateway_machine.operator.ask("topology", "show")["permissions"]
        # All workers here have the same destinations, and so the same rights.
        needed = {
            "gateway": rights["gateway"],
            "worker": rights["workers"][WORKERS[0]],
            "witness": dict.fromkeys(("configure", "write", "read"), ".*"),
        }
        definitions = {
            "vhosts": [{"name": self.vhost}],
            "users": [
                {
                    "name": self._user(kind),
                    "password_hash": _hashed(password),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": "",
                }
                for kind, password in users.items()
            ],
            "permissions": [
                {"user": self._user(kind), "vhost": self.vhost, **needed[kind]} for kind in users
            ],
        }
        file = self.worker_machine.folder.parent / "definitions.json"
        file.write_text(json.dumps(definitions))
        self.rabbit.import_definitions(file)

    def _user(self, kind: str) -> str:
        return f"{self.vhost}-{kind}"

    def _take_keys(self) -> None:
        """Exchange keys once in a session: it takes two dozen commands."""
        who = tuple(self.destinations)
        if who not in _exchanged:
            self._exchange_keys()
            _exchanged[who] = (self.gateway_machine.keys, self.worker_machine.keys)
            return
        gateway, worker = _exchanged[who]
        shutil.copytree(gateway, self.gateway_machine.keys)
        shutil.copytree(worker, self.worker_machine.keys)

    def _exchange_keys(self) -> None:
        gateway, worker = self.gateway_machine.operator, self.worker_machine.operator
        folder = self.gateway_machine.folder.parent
        theirs = [("destination", name) for name in self.destinations]
        theirs += [("worker", name) for name in WORKERS]

        def travel(sender: Operator, name: str, receiver: Operator) -> None:
            letter = folder / f"{name.replace('/', '.')}.public.jwk"
            sender.run("keys", "export", name, "--out", str(letter))
            receiver.run("keys", "import", str(letter), "--as", name)

        def make_theirs(kind: str, name: str) -> None:
            worker.run("keys", "new", kind, name)
            travel(worker, f"{kind}/{name}", gateway)

        with ThreadPoolExecutor(4) as threads:
            making = [
                threads.submit(gateway.run, "keys", "new", "gateway"),
                threads.submit(gateway.run, "keys", "new", "pseudonym"),
                threads.submit(gateway.run, "keys", "new", "log"),
                *(threads.submit(make_theirs, *each) for each in theirs),
            ]
            for each in making:
                each.result()
        travel(gateway, "gateway/signing", worker)

    def start(self) -> None:
        """Start every gateway and every worker; return when the gateways answer."""
        for program in self.gateways.values():
            program.start()
        for program in self.workers.values():
            program.start()
        for program in self.gateways.values():
            program.first_line()
        self._wait_until_queues_survive()

    def _wait_until_queues_survive(self) -> None:
        """Return when the broker may be killed.

        RabbitMQ writes its queues' names with up to half a second's delay. Killed before,
        it comes back with a queue that never elects a leader (rabbitmq-server issue 15725).
        """
        names = ["kakehashi.outcomes", "kakehashi.claims", "kakehashi.heartbeats"]
        names += [f"dest.{name}{end}" for name in self.destinations for end in ("", ".dead")]
        wanted = [
            re.compile(re.escape(f"{self.vhost}_{name}").encode() + rb"(?!\.)") for name in names
        ]
        deadline = time.monotonic() + _QUEUES_TIMEOUT_S
        while True:
            files = (self.rabbit.folder / "mnesia").glob("*/quorum/*/names.dets")
            registered = b"".join(path.read_bytes() for path in files)
            if all(name.search(registered) for name in wanted):
                return
            assert time.monotonic() < deadline, "the gateway declares no queues"
            time.sleep(0.05)

    def start_gateway(self, node: str) -> None:
        """Start one gateway again and return when it answers."""
        self.gateways[node].start()
        self.gateways[node].first_line()

    def kill(self) -> None:
        """End every process of it at once."""
        for program in (*self.gateways.values(), *self.workers.values()):
            program.kill()

    @property
    def api_key(self) -> str:
        """The front-end system's key, made on the first call."""
        self._api_key = self._api_key or self.operator.add_client("portal")
        return self._api_key

    def front(self) -> Front:
        """Return the front-end system, which knows every gateway."""
        return Front(self.front_urls, self.api_key)


def _hashed(password: str) -> str:
    """Return RabbitMQ's salted SHA-256 of a password (rabbitmq.com/docs/passwords)."""
    salt = secrets.token_bytes(4)
    return b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
