"""A town with everything that a console has to show: for tests in a browser, and for pictures.

Four destinations with workers in this process: one takes what it is sent, refuses some for two
reasons and leaves one in doubt; one is busy and asks to wait; one is closed at this hour; one was
paused by a person. All of it is invented.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gateway import __version__
from gateway.bootstrap.gateway import Gateway
from gateway.bootstrap.key_names import GATEWAY_KEY, destination_key, worker_key
from gateway.bootstrap.worker import new_instance
from gateway.crypto import keys
from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.account import Role
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DestinationName,
    MunicipalityCode,
    WorkerName,
)
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.domain.webhook import Endpoint
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock
from gateway.ports.webhooks import EndpointDecision
from gateway.sdk import (
    Application,
    Context,
    Delivery,
    Feedback,
    FeedbackStatus,
    Idempotency,
    Receipt,
    RejectedError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.services.accept import AcceptanceReceipt, Submission
from gateway.services.deliver import Deliver
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.operate.by_name import operations
from gateway.testing.world import MUNICIPALITY, Behaviour, ScriptedDestination, World

PASSWORD: Final = "invented-for-the-town"  # noqa: S105 - opens an invented town
PEOPLE: Final = {
    "hanako": tuple(Role),
    "minoru": (Role.VIEWER,),
    "akemi": (Role.OPERATOR,),
    "kenji": (Role.AUDITOR,),
    "satoru": (Role.ADMIN,),
}
"""Account to roles; one password for all."""

CORE: Final = DestinationName("core")
CARE: Final = DestinationName("kaigo")
CLOSED: Final = DestinationName("risai")
PAUSED: Final = DestinationName("shien")
_PORTAL: Final = ClientName("portal")
_FRONT: Final = ClientName("mado")
_ALLOWANCE: Final = "childcare/allowance-claim"
_CARE: Final = "care/certification-claim"
_DISASTER: Final = "disaster/damage-certificate"
_PATIENCE_S: Final = 30.0
_AT_ONCE: Final = 200


def _closed_now() -> list[str]:
    """Return an opening of a minute on a day that is not near."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    day = days[(datetime.now(UTC).weekday() + 3) % 7]
    return [f"{day} 08:30-17:15"]


def _configuration() -> dict[str, Any]:
    everything = {"municipalities": [MUNICIPALITY], "procedures": ["*"]}
    busy = {"base_s": 3600.0, "cap_s": 7200.0}
    here = {"municipality": MUNICIPALITY, "adapter": "file"}
    return {
        "clients": {
            _PORTAL: {**everything, "webhook": {"url": "http://localhost:9/"}},
            _FRONT: everything,
        },
        "destinations": {
            CARE: {**here, "retry": busy},
            CLOSED: {**here, "window": {"open": _closed_now()}},
            PAUSED: here,
        },
        "workers": {"w2": {"destinations": [CARE, CLOSED, PAUSED]}},
        "routes": [
            {"municipality": MUNICIPALITY, "procedure": _ALLOWANCE, "to": [CORE]},
            {"municipality": MUNICIPALITY, "procedure": _CARE, "to": [CORE, CARE, PAUSED]},
            {"municipality": MUNICIPALITY, "procedure": _DISASTER, "to": [CLOSED]},
        ],
        "idempotency": "none",
        # More than two at once are cancelled by two people.
        "operations": {"four_eyes": ["parked.cancel"], "above": 2, "accounts_alone": True},
        "console": {"operator_may_audit": True, "trace_url": "https://traces.example/{trace_id}"},
    }


@dataclass(slots=True)
class Town:
    """A running gateway with something in every state.

    Attributes:
        world: The gateway and the worker of ``CORE``.
        named: One application of each kind, by what is to be seen of it.
        groups: Code to the id of the group that waits with it.
        order: An order to send again, which goes on for hours.
        submitted: How many applications were sent, all told.
    """

    world: World
    named: dict[str, ApplicationId] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    order: str = ""
    submitted: int = 0

    async def submit(
        self, procedure: str = _ALLOWANCE, client: ClientName = _PORTAL
    ) -> ApplicationId:
        """Send a fresh application, as its client would.

        Raises:
            AssertionError: It was refused.
        """
        self.submitted += 1
        gateway, number = self.world.gateway, self.submitted
        known = gateway.catalogue.get(procedure, 1)
        if known is None:
            raise AssertionError(procedure)
        example: Any = known.example
        written_for = example["applicant"]["destination"]["municipality_code"]
        body = {**example, "receipt_number": f"R8-{number:06}"}
        answer = await gateway.accept(
            Submission(
                client=client,
                municipality=MUNICIPALITY,
                idempotency_key=f"town-{number}",
                raw=json.dumps(body, ensure_ascii=False)
                .replace(written_for, MUNICIPALITY)
                .encode(),
                traceparent=f"00-{number:032x}-{number:016x}-01",
            )
        )
        if not isinstance(answer, AcceptanceReceipt):
            raise AssertionError(answer)  # noqa: TRY004 - a test's expectation
        return ApplicationId(answer.id)

    async def ask(self, operation: str, **arguments: object) -> Any:
        """Do an operation in the name of Hanako, who may do everything."""
        do = operations(self.world.gateway.operate)[operation]
        return await do(Actor(ActorKind.OPERATOR, "hanako"), arguments)

    async def fill(self, count: int) -> None:
        """Send many, of which the worker of ``CORE`` delivers all."""
        for begin in range(0, count, _AT_ONCE):
            await asyncio.gather(*(self.submit() for _ in range(min(_AT_ONCE, count - begin))))

    async def refused(self, code: str, count: int) -> ApplicationId:
        """Send some that the core system refuses; return the last once they all wait."""
        made = []
        for _ in range(count):
            self.world.adapter.script.append(refuses(code))
            made.append(await self.until(await self.submit(), CORE, State.PARKED))
        return made[-1].application_id

    async def doubted(self) -> ApplicationId:
        """Send one of which nobody knows whether it has arrived; return it once that is so."""
        self.world.adapter.script.append(_does_not_answer)
        application = await self.submit()
        await self.until(application, CORE, State.IN_DOUBT)
        return application

    async def until(
        self, application: ApplicationId, destination: str, *states: State
    ) -> DeliveryRecord:
        """Wait for a delivery to be in one of ``states``.

        Raises:
            TimeoutError: It was not, within half a minute.
        """
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                dossier = await self.world.gateway.journal.dossier(application)
                for record in () if dossier is None else dossier.deliveries:
                    if record.destination == destination and record.state in states:
                        return record
                await asyncio.sleep(0.02)

    async def settled(self) -> None:
        """Wait until ``CORE`` has nothing on its way.

        Raises:
            TimeoutError: It had, after half a minute.
        """
        moving = (State.PENDING, State.QUEUED, State.SENDING, State.RETRYING)
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                counts = (await self.world.gateway.journal.counts()).get(CORE, {})
                if not any(counts.get(state, 0) for state in moving):
                    return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def console_town(folder: Path, *, delivered: int = 60) -> AsyncIterator[Town]:
    """Build the town and let it run.

    Args:
        folder: Where its journal and files are.
        delivered: How many more applications have been delivered; a few hundred a second.
    """
    store = MemoryKeys()
    store.add(f"webhook/{_PORTAL}", keys.new_secret(), private=True)
    async with (
        World.make(folder, store=store, **_configuration()) as world,
        AsyncExitStack() as stack,
    ):
        town, gateway = Town(world), world.gateway
        await gateway.seal_log.check()
        await gateway.journal.record([_started(gateway)])
        await gateway.seal_log.begin()
        for service in (gateway.seal_log.run, gateway.carry_out_replays.run, gateway.sessions.run):
            stack.push_async_callback(_end, asyncio.create_task(service()))
        await gateway.broker.declare(list(gateway.settings.destinations))
        world.start_worker()
        for name in (CARE, CLOSED, PAUSED):
            adapter = ScriptedDestination()
            if name == CARE:
                adapter.script = [_is_busy] * 100
            running = _worker(world, name, adapter).run(world.stop)
            stack.push_async_callback(_end, asyncio.create_task(running))
        await _settle_people(town)
        await _let_things_happen(town, delivered)
        yield town


def _started(gateway: Gateway) -> Entry:
    return Entry(
        action=Action.NODE_STARTED,
        at=datetime.now(UTC),
        actor=Actor(ActorKind.GATEWAY, "process"),
        facts={"version": __version__, "configuration": gateway.configuration},
    )


async def _settle_people(town: Town) -> None:
    operate = town.world.gateway.operate
    setup = Actor(ActorKind.OPERATOR, "setup")
    for name, roles in PEOPLE.items():
        await operate.people.accounts.add(name, roles, PASSWORD, actor=setup)
    for client in (_PORTAL, _FRONT):
        await operate.client_keys.add(client, actor=setup)
    await operate.destinations.pause(
        PAUSED, actor=Actor(ActorKind.OPERATOR, "akemi"), reason="月次締め処理のため"
    )
    failing = Endpoint(
        client=_PORTAL,
        failing_since=datetime.now(UTC) - timedelta(days=6),
        disabled_at=datetime.now(UTC) - timedelta(days=1),
        code="webhook.timeout",
    )
    await town.world.gateway.journal.decide_endpoint(
        _PORTAL, lambda _: EndpointDecision(endpoint=failing)
    )


async def _let_things_happen(town: Town, delivered: int) -> None:
    adapter, named = town.world.adapter, town.named
    named["delivered"] = await town.submit()
    await town.until(named["delivered"], CORE, State.DELIVERED)
    await town.fill(delivered)
    await town.settled()
    named["parked"] = await town.refused("core.4711", 3)
    named["in_doubt"] = await town.doubted()
    for status in (FeedbackStatus.ACCEPTED, FeedbackStatus.RETURNED):
        named[f"feedback.{status}"] = application = await town.submit(client=_FRONT)
        await town.until(application, CORE, State.DELIVERED)
        now = datetime.now(UTC)
        for number, each in enumerate(dict.fromkeys((FeedbackStatus.ACCEPTED, status))):
            await adapter.statuses.put(
                Feedback(
                    id=f"{application}-{number}",
                    idempotency_key=adapter.sent[-1][1].idempotency_key,
                    status=each,
                    at=now,
                    code="F-12" if each == FeedbackStatus.RETURNED else None,
                    reference=f"K-{len(adapter.sent)}",
                )
            )
    named["several"] = await town.submit(_CARE)
    await town.until(named["several"], CARE, State.RETRYING)
    named["closed"] = await town.submit(_DISASTER, _FRONT)
    await town.submit(_DISASTER)
    await town.refused("core.9000", 3)
    await town.refused("core.0815", 2)
    found = await town.ask("attention.groups")
    town.groups = {group["code"]: group["id"] for group in found["groups"]}
    group = town.groups["core.9000"]
    made = await town.ask(
        "replay.order",
        where={"group": group, "in_doubt": False},
        reason="表の登録漏れを直したため",
        canary=1,
        rate_per_s=0.001,
    )
    town.order = made["id"]
    note = {"group": town.groups["core.4711"], "note": "ベンダーに問い合わせ中"}
    await town.ask("attention.acknowledge", **note)


def refuses(code: str) -> Behaviour:
    """Return a core system's refusal, for the script of ``world.adapter``."""

    def refuse(_application: Application, _delivery: Delivery) -> Receipt:
        raise RejectedError(code, pointer="/applicant/phone")

    return refuse


def _is_busy(_application: Application, _delivery: Delivery) -> Receipt:
    raise TransientError("kaigo.busy")


def _does_not_answer(_application: Application, _delivery: Delivery) -> Receipt:
    raise UnknownOutcomeError("core.timeout")


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})


def _worker(world: World, name: DestinationName, adapter: ScriptedDestination) -> Deliver:
    store = world.store
    gateway_key = store.public(GATEWAY_KEY)
    return Deliver(
        settings=DeliverySettings(
            destination=name,
            municipality=MunicipalityCode(MUNICIPALITY),
            worker=WorkerName(f"w2/{new_instance()}"),
            adapter="scripted 1.0.0",
            version=__version__,
            host="jigyo-02",
            idempotency=Idempotency.NONE,
            max_in_flight=4,
            send_timeout_s=5.0,
            settle_s=0.0,
            key_memory_s=3600.0,
        ),
        context=Context(
            destination=name, municipality=MUNICIPALITY, folder=world.gateway.settings.home
        ),
        adapter=adapter,
        broker=world.broker,
        opener=Opener([store.private(destination_key(name))]),
        signer=Signer(store.private(worker_key("w2"))),
        verifier=Verifier({keys.thumbprint(gateway_key): gateway_key}),
        clock=SystemClock(),
        spans=world.gateway.spans,
    )
