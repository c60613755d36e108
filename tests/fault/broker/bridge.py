"""A gateway and a worker over a real RabbitMQ, into core systems that count."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

import httpx2

from gateway.bootstrap.embedded import make_missing_keys
from gateway.bootstrap.gateway import Gateway, build_gateway
from gateway.bootstrap.listening import Addresses
from gateway.bootstrap.run import run_gateway, run_workers
from gateway.bootstrap.worker import build_worker
from gateway.domain.lifecycle import State
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.rabbitmq import QueueLimits, RabbitBroker
from gateway.drivers.system_clock import SystemClock
from gateway.ports.broker import CLAIMS, HEARTBEATS, OUTCOMES, dead_letter_queue, destination_queue
from gateway.services.accept import AcceptanceReceipt
from gateway.services.reconcile import Reconcile
from gateway.settings.load import build
from gateway.testing.cores.http_core import HTTPCore
from gateway.testing.cores.ledger import Ledger
from gateway.testing.world import CLIENT, MUNICIPALITY, a_submission, shipped_procedures
from tests.fault.ledger import PATIENCE_S, Books

CORE: Final = "core"
"""The destination that a fault is about."""
OTHER: Final = "other"
"""The one that must not notice."""


class Bridge:
    """All parts in one event loop; each application goes to every destination.

    Attributes:
        gateway: The gateway's parts.
        cores: The core systems; none deduplicates, so a double is one.
        books: What was accepted and what came of it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        url: str,
        worker_url: str,
        destinations: Sequence[str] = (CORE,),
        idempotency: str = "none",
        limits: QueueLimits | None = None,
        confirm_timeout_s: float = 2.0,
        connect_timeout_s: float = 5.0,
        heartbeat_s: int = 10,
    ) -> None:
        """Plan it; nothing is opened.

        Args:
            folder: Of the journal and the ledgers.
            url: The gateway's way to the broker.
            worker_url: The worker's.
            destinations: Their names.
            idempotency: Of all of them.
            limits: Of their queues.
            confirm_timeout_s: After which both give a broker up that says nothing.
            connect_timeout_s: Until a connection must stand.
            heartbeat_s: AMQP heartbeat of both.
        """
        self._folder = folder
        self._url, self._worker_url = url, worker_url
        self._destinations = tuple(destinations)
        self._idempotency = idempotency
        self._limits = limits
        self._patience: dict[str, Any] = {
            "confirm_timeout_s": confirm_timeout_s,
            "connect_timeout_s": connect_timeout_s,
            "heartbeat_s": heartbeat_s,
            "canary_every_s": 0.5,
        }
        self._store = MemoryKeys()
        self._ledgers = {name: Ledger(folder / name, synced=False) for name in self._destinations}
        self.cores = {
            name: HTTPCore(ledger, deduplicates=False) for name, ledger in self._ledgers.items()
        }
        self._ports: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._working: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start core systems and gateway; workers start when told."""
        for name, core in self.cores.items():
            self._ports[name] = await core.start()
        self._settings = build(self._document())
        make_missing_keys(self._settings, self._store)
        self.gateway: Gateway = build_gateway(
            self._settings,
            self._store,
            broker=self._broker(self._url),
            catalogue=shipped_procedures(),
        )
        self.books = Books(self.gateway.journal, self._ledgers)
        listening: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()

        async def note(addresses: Addresses) -> None:
            listening.set_result(addresses)

        running = asyncio.create_task(run_gateway(self.gateway, stop=asyncio.Event(), started=note))
        self._tasks.append(running)
        await asyncio.wait({running, listening}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        self._addresses = await listening
        return self

    async def __aexit__(self, *error: object) -> None:
        """End everything at once, as a kill would."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for core in self.cores.values():
            await core.close()
        for ledger in self._ledgers.values():
            ledger.close()

    @property
    def core(self) -> HTTPCore:
        """The core system of ``CORE``."""
        return self.cores[CORE]

    @property
    def queues(self) -> tuple[str, ...]:
        """The quorum queues that it has declared."""
        names = [OUTCOMES, CLAIMS, HEARTBEATS]
        for name in self._destinations:
            names += [destination_queue(name), dead_letter_queue(name)]
        return tuple(names)

    def start_worker(self, *destinations: str) -> None:
        """Start one worker process's worth: all destinations, or these, over one broker."""
        broker = self._broker(self._worker_url)
        workers = [
            build_worker(self._settings, self._store, name, worker="w1", broker=broker)
            for name in destinations or self._destinations
        ]
        self._working = asyncio.create_task(run_workers(workers, broker, stop=asyncio.Event()))
        self._tasks.append(self._working)

    async def kill_worker(self) -> None:
        """End the worker at once: what it holds goes back to the broker."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait({self._working})

    async def accept(self, count: int = 1) -> None:
        """Send ``count`` fresh applications, as their client would; all must get a 202."""
        for _ in range(count):
            number = len(self.books.promised) + 1
            receipt = await self.gateway.accept(a_submission(self.gateway, number))
            assert isinstance(receipt, AcceptanceReceipt), receipt
            self.books.promised.append(receipt.id)

    async def all_published(self) -> None:
        """Wait until the broker has a copy of everything."""

        async def none_waits() -> bool:
            states = await self.books.states()
            return not {State.PENDING, State.RETRYING} & set(states)

        await until(none_waits, "not published")

    async def reconcile_later(self) -> None:
        """Let the gateway look for what is missing as often as it takes, a minute apart."""
        parts, minutes = self.gateway, itertools.count(step=60)
        reconcile = Reconcile(
            destinations=parts.destinations,
            journal=parts.journal,
            broker=parts.broker,
            relay=parts.relay,
            clock=SystemClock(),
            monotonic=lambda: float(next(minutes)),
        )
        for _ in range(3):
            await reconcile.look()

    async def is_ready(self) -> bool:
        """Ask /readyz."""
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"{self._addresses.operations}/readyz")
        return answer.status_code == HTTPStatus.OK

    async def depth(self, queue: str) -> int:
        """Return how many messages are ready in ``queue``."""
        return await self.gateway.broker.depth(queue)

    def arrived(self, destination: str = CORE) -> int:
        """Return how many applications reached a core system."""
        return len(self._ledgers[destination].arrivals)

    def _broker(self, url: str) -> RabbitBroker:
        return RabbitBroker(url, limits=self._limits, **self._patience)

    def _document(self) -> dict[str, Any]:
        return {
            "home": str(self._folder),
            "journal": {"url": f"sqlite:///{self._folder / 'journal.db'}"},
            "broker": {"url": self._url, "sweep_s": 0.2},
            "http": {"port": 0, "operations_port": 0},
            "municipalities": {MUNICIPALITY: {"name": "千代田区"}},
            "clients": {CLIENT: {"municipalities": [MUNICIPALITY], "procedures": ["*"]}},
            "destinations": {name: self._destination(port) for name, port in self._ports.items()},
            "routes": [
                {"municipality": MUNICIPALITY, "procedure": "*", "to": list(self._destinations)}
            ],
            "workers": {"w1": {"destinations": list(self._destinations)}},
        }

    def _destination(self, port: int) -> Mapping[str, Any]:
        url = f"http://127.0.0.1:{port}"
        asked = {"lookup": {"settle_s": 6.0}}.get(self._idempotency, {})
        return {
            "municipality": MUNICIPALITY,
            "adapter": "http",
            "idempotency": self._idempotency,
            "send_timeout_s": 5.0,
            "retry": {"base_s": 0.1, "cap_s": 1.0},
            "config": {
                "url": f"{url}/applications",
                "health_url": f"{url}/health",
                "lookup_url": f"{url}/applications/{{key}}",
                "reference_pointer": "/reference",
                "reference_required": True,
            },
            **asked,
        }


def named(events: Iterable[Mapping[str, Any]], name: str, **facts: object) -> int:
    """Return how many logged events have this name and these facts."""
    return sum(each["event"] == name and facts.items() <= each.items() for each in events)


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Wait for ``condition``.

    Raises:
        AssertionError: It did not come to hold; ``what`` says what is wrong.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                met = condition()
                if met if isinstance(met, bool) else await met:
                    return
                await asyncio.sleep(0.02)
    raise AssertionError(what)
