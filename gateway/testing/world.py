"""A whole gateway and one worker in one event loop, over a destination that a test scripts."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, Self
from uuid import UUID

from gateway import __version__
from gateway.audit.verify import EntryMembers, read
from gateway.bootstrap.embedded import make_missing_keys
from gateway.bootstrap.gateway import Gateway, build_gateway
from gateway.bootstrap.key_names import GATEWAY_KEY, destination_key, worker_key
from gateway.bootstrap.worker import new_instance
from gateway.crypto import keys
from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.entry import Action
from gateway.domain.entry_schema import VERSIONS, faults
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DestinationName,
    MunicipalityCode,
    WorkerName,
)
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.memory_broker import MemoryBroker
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock
from gateway.ports.audit_log import EntryFilter
from gateway.ports.journal import Journal
from gateway.schema.catalogue import Catalogue, load_catalogue, shipped_schemas
from gateway.sdk import (
    AdapterConfig,
    AdapterSpec,
    Application,
    Context,
    Delivery,
    Feedback,
    Health,
    Idempotency,
    Receipt,
)
from gateway.services.accept import AcceptanceReceipt, Refusal, Submission
from gateway.services.deliver import Deliver
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.spans import Spans
from gateway.services.track import words_of
from gateway.settings.load import build
from gateway.testing.builders import an_entry

MUNICIPALITY: Final = "131016"
DESTINATION: Final = "core"
CLIENT: Final = "portal"
_PATIENCE_S: Final = 10.0
_BUILT: Final = an_entry().actor.name
"""Whose entries tests write themselves (``gateway.testing.builders``): no service has the name."""

Behaviour = Callable[[Application, Delivery], Receipt]
"""What one ``send`` does: returns a receipt or raises."""


class ScriptedDestination:
    """An adapter that does what a test says and counts what reached its core system."""

    spec: ClassVar[AdapterSpec] = AdapterSpec(
        name="scripted",
        version="1.0.0",
        config=AdapterConfig,
        idempotency=Idempotency.NATIVE,
        max_in_flight=4,
        feedback=True,
    )

    def __init__(self) -> None:
        """Take everything, until told otherwise."""
        self.script: list[Behaviour] = []
        self.sent: list[tuple[Application, Delivery]] = []
        self.held: dict[str, Receipt] = {}
        self.statuses: asyncio.Queue[Feedback] = asyncio.Queue()

    async def open(self, context: Context) -> None:
        """Need nothing."""

    async def check(self) -> Health:
        """Be well."""
        return Health(ok=True)

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        """Follow the script, then take everything."""
        self.sent.append((application, delivery))
        if self.script:
            return self.script.pop(0)(application, delivery)
        receipt = Receipt(reference=f"K-{len(self.sent)}")
        return self.held.setdefault(delivery.idempotency_key, receipt)

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """Say what the core system holds."""
        return self.held.get(idempotency_key)

    async def feedback(self) -> AsyncIterator[Feedback]:
        """Yield what the test puts into ``statuses``."""
        while True:
            yield await self.statuses.get()

    async def close(self) -> None:
        """Hold nothing."""


@functools.cache
def shipped_procedures() -> Catalogue:
    """Return the shipped procedures, read once: that takes longer than most tests."""
    return load_catalogue(shipped_schemas())


def document(folder: Path, **destination: object) -> dict[str, object]:
    """Return a configuration with one client and one scripted destination."""
    return {
        "home": str(folder),
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "broker": {"sweep_s": 0.02},
        "municipalities": {MUNICIPALITY: {"name": "千代田区"}},
        "clients": {CLIENT: {"municipalities": [MUNICIPALITY], "procedures": ["childcare/*"]}},
        "destinations": {
            DESTINATION: {
                "municipality": MUNICIPALITY,
                "adapter": "file",
                "retry": {"base_s": 0.01, "cap_s": 0.05},
                **destination,
            }
        },
        "routes": [
            {"municipality": MUNICIPALITY, "procedure": "*", "to": [DESTINATION]},
        ],
        "workers": {"w1": {"destinations": [DESTINATION]}},
    }


def _configuration(folder: Path, over: Mapping[str, object]) -> dict[str, object]:
    added = ("clients", "workers", "municipalities", "destinations")
    sections = (*added, "routes", "journal", "console", "operations")
    destination = {key: value for key, value in over.items() if key not in sections}
    configuration = document(folder, **destination)
    for section in sections:
        value, default = over.get(section), configuration.get(section)
        if isinstance(value, dict) and isinstance(default, dict) and section != "journal":
            configuration[section] = {**default, **value}
        elif value is not None:
            configuration[section] = value
    return configuration


@dataclass(slots=True)
class World:
    """Everything between a submission and a scripted core system.

    Attributes:
        gateway: The parts of the gateway.
        broker: The memory broker between gateway and worker.
        store: Every key of both.
        adapter: The scripted destination.
        worker: The destination's worker.
        stop: Set to let the worker finish.
    """

    gateway: Gateway
    broker: MemoryBroker
    store: MemoryKeys
    adapter: ScriptedDestination
    worker: Deliver
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _submitted: int = 0

    @classmethod
    def make(  # noqa: PLR0913 - what tests vary
        cls,
        folder: Path,
        *,
        store: MemoryKeys | None = None,
        broker: MemoryBroker | None = None,
        opened: Journal | None = None,
        settle_s: float = 0.0,
        key_memory_s: float = 3600.0,
        send_timeout_s: float = 5.0,
        spans: Spans | None = None,
        worker_version: str = __version__,
        **over: object,
    ) -> Self:
        """Put a world together; ``over`` overrides its configuration, section or destination.

        Clients, workers, municipalities and destinations add to those there are; routes
        and journal take their place; anything else is the first destination's. ``broker``
        and ``opened`` (a journal) may be ones that fail when told to (``gateway.testing.faults``).
        """
        settings = build(_configuration(folder, over))
        store = store or MemoryKeys()
        make_missing_keys(settings, store)
        broker = broker or MemoryBroker()
        gateway = build_gateway(
            settings,
            store,
            broker=broker,
            catalogue=shipped_procedures(),
            journal=opened,
            spans=spans,
        )
        adapter = ScriptedDestination()
        gateway_key = store.public(GATEWAY_KEY)
        worker = Deliver(
            settings=DeliverySettings(
                destination=DestinationName(DESTINATION),
                municipality=MunicipalityCode(MUNICIPALITY),
                worker=WorkerName(f"w1/{new_instance()}"),
                adapter="scripted 1.0.0",
                version=worker_version,
                host="jigyo-01",
                idempotency=settings.destinations[DESTINATION].idempotency,
                max_in_flight=4,
                send_timeout_s=send_timeout_s,
                settle_s=settle_s,
                key_memory_s=key_memory_s,
            ),
            context=Context(destination=DESTINATION, municipality=MUNICIPALITY, folder=folder),
            adapter=adapter,
            broker=broker,
            opener=Opener([store.private(destination_key(DESTINATION))]),
            signer=Signer(store.private(worker_key("w1"))),
            verifier=Verifier({keys.thumbprint(gateway_key): gateway_key}),
            clock=SystemClock(),
            spans=gateway.spans,
        )
        return cls(gateway, broker, store, adapter, worker)

    async def __aenter__(self) -> Self:
        """Open the journal and the broker and start the gateway's services."""
        await self.gateway.journal.open()
        self._stack.push_async_callback(self.gateway.journal.close)
        await self.broker.open()
        await self.broker.declare([DESTINATION])
        await self.gateway.relay.recover()
        for service in (
            self.gateway.destinations.run,
            self.gateway.relay.run,
            self.gateway.answer_claims.run,
            self.gateway.record_outcomes.run,
            self.gateway.record_heartbeats.run,
            self.gateway.bury_dead_letters.run,
        ):
            self._run(asyncio.create_task(service()))
        return self

    async def __aexit__(self, *error: object) -> None:
        """Stop everything, as a kill would: nothing is drained.

        Raises:
            AssertionError: An entry was written that is not as it is documented.
        """
        try:
            if error[0] is None:
                await self._check_log()
        finally:
            await self._stack.aclose()

    async def _check_log(self) -> None:
        """Compare what was written with what is documented, if it can still be read."""
        # A test that tampered with the log knows why it cannot be read.
        with suppress(JournalUnavailableError, TimeoutError, ValueError):
            async with asyncio.timeout(_PATIENCE_S):
                found = {
                    fault
                    for entry in await self.log()
                    if entry["actor"]["name"] != _BUILT and entry["v"] == max(VERSIONS)
                    for fault in faults(
                        entry["action"], entry["facts"].keys(), has_detail="detail" in entry
                    )
                }
            if found:
                raise AssertionError(found)

    def start_worker(self) -> None:
        """Let the worker deliver."""
        self._run(asyncio.create_task(self.worker.run(self.stop)))

    def _run(self, task: "asyncio.Task[None]") -> None:
        async def cancel() -> None:
            task.cancel()
            await asyncio.wait({task})

        self._stack.push_async_callback(cancel)

    async def submit(self, **over: object) -> AcceptanceReceipt | Refusal:
        """Send a fresh application, as its client would."""
        self._submitted += 1
        return await self.gateway.accept(a_submission(self.gateway, self._submitted, **over))

    async def accepted(self) -> DeliveryRecord:
        """Send a fresh application and return its delivery."""
        receipt = await self.submit()
        if not isinstance(receipt, AcceptanceReceipt):
            raise AssertionError(receipt)  # noqa: TRY004 - a test's expectation
        return await self.delivery_of(receipt.id)

    async def delivery_of(self, application: ApplicationId | UUID) -> DeliveryRecord:
        """Return an application's only delivery."""
        dossier = await self.gateway.journal.dossier(ApplicationId(application))
        if dossier is None:
            raise AssertionError(application)
        return dossier.deliveries[0]

    async def until(
        self, delivery: DeliveryRecord, *states: State, code: str | None = None
    ) -> DeliveryRecord:
        """Wait for a delivery to reach one of ``states``, with ``code`` if one is given.

        Raises:
            AssertionError: It did not, within ten seconds.
        """
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            record = await self.gateway.journal.delivery(delivery.id)
            if record and record.state in states and code in (None, record.code):
                return record
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(record)
            await asyncio.sleep(0.01)

    async def actions(self) -> list[str]:
        """Return the action of every audit entry so far."""
        return [str(entry["action"]) for entry in await self.log()]

    async def log(self) -> list[EntryMembers]:
        """Return every audit entry so far."""
        return [read(stored.data) async for stored in self.gateway.journal.entries()]


async def words_of_last(journal: Journal, action: Action) -> dict[str, str] | None:
    """Return the words in the detail of the last entry of this action, if it can be read."""
    [found] = await journal.find_entries(EntryFilter(actions=frozenset({action})), limit=1)
    return words_of(read(found.entry.data)["detail"], found.detail_key)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for ``condition`` to hold.

    Raises:
        TimeoutError: It did not, within ten seconds.
    """
    async with asyncio.timeout(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what a test waits for tells nobody
            await asyncio.sleep(0.005)


def a_submission(gateway: Gateway, number: int, **over: object) -> Submission:
    """Return a valid submission of the first shipped procedure; ``over`` changes it."""
    procedure = gateway.catalogue.get("childcare/allowance-claim", 1)
    if procedure is None:
        raise AssertionError
    to = str(over.get("municipality", MUNICIPALITY))
    example = json.dumps(procedure.example, ensure_ascii=False).replace(MUNICIPALITY, to)
    body: dict[str, object] = {**json.loads(example), "receipt_number": f"A-{number:06}"}
    body.update({key: over.pop(key) for key in ("receipt_number", "supersedes") if key in over})
    members: dict[str, object] = {
        "client": ClientName(CLIENT),
        "municipality": MUNICIPALITY,
        "idempotency_key": f"key-{number}",
        "raw": json.dumps(body, ensure_ascii=False).encode(),
        **over,
    }
    return Submission(**members)  # type: ignore[arg-type]
