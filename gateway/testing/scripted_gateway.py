"""The gateway's side of its workers, played by a test: copies, claims, outcomes and terms."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from gateway.crypto import keys
from gateway.crypto.seal import Opener, Sealer
from gateway.crypto.sign import Purpose, Signer, Verifier
from gateway.domain.breaker import BreakerPolicy
from gateway.domain.claim import Claim, ClaimAnswer, Heartbeat, Terms, Verdict
from gateway.domain.envelope import Envelope
from gateway.domain.identifiers import (
    ApplicationId,
    CopyId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    NodeName,
    ProcedureName,
    WorkerName,
)
from gateway.domain.outcome import Outcome
from gateway.drivers.memory_broker import MemoryBroker
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.ports.broker import CLAIMS, HEARTBEATS, OUTCOMES, Received, destination_queue
from gateway.sdk import Context, Destination, Idempotency
from gateway.services.deliver import Deliver
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.wire import (
    ANSWERS_CODEC,
    CLAIMS_CODEC,
    HEARTBEAT_CODEC,
    OUTCOME_CODEC,
    TERMS_CODEC,
    Answers,
    delivery_message,
)
from gateway.testing.builders import NOW, a_delivery, an_application

DESTINATION: Final = DestinationName("core")
OTHER: Final = DestinationName("other")
MUNICIPALITY: Final = MunicipalityCode("131016")
_BODY: Final = json.dumps(
    {"receipt_number": "A-1", "submitted_at": NOW.isoformat(), "applicant": {}, "content": {}}
).encode()


def goes_or_waits(claim: Claim) -> Verdict:
    """Answer a claim as the gateway does: what is declined waits."""
    return Verdict.GO if claim.declined is None else Verdict.WAIT


def says_nothing(_: Heartbeat) -> Terms | None:
    """Answer no heartbeat, as gateways before 0.2 did."""
    return None


def terms_for(heartbeat: Heartbeat, **over: Any) -> Terms:
    """Return terms that answer ``heartbeat``; ``over`` changes them."""
    members: dict[str, Any] = {
        "worker": heartbeat.worker,
        "destination": heartbeat.destination,
        "heard_at": heartbeat.at,
        "open": True,
        "max_in_flight": 4,
        "rate_per_s": None,
        "failures": 5,
        "probe_s": 0.01,
        "probe_cap_s": 0.02,
    }
    return Terms(**{**members, **over})


@dataclass(slots=True)
class ScriptedGateway:
    """Answers the workers of two destinations as a test says, and keeps what it heard.

    Attributes:
        broker: Between the two; others may use it too.
        answers: What each claim is answered.
        says: The terms that each heartbeat is answered with, ``None`` for no answer.
        signs: What terms are signed with.
        claims: Every claim, in order.
        outcomes: Every outcome, in order.
        beats: Every heartbeat, in order.
    """

    broker: MemoryBroker = field(default_factory=MemoryBroker)
    answers: Callable[[Claim], Verdict] = goes_or_waits
    says: Callable[[Heartbeat], Terms | None] = says_nothing
    claims: list[Claim] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    beats: list[Heartbeat] = field(default_factory=list)
    _gateway_key: bytes = field(default_factory=keys.new_signing_key)
    _worker_key: bytes = field(default_factory=keys.new_signing_key)
    _destination_key: bytes = field(default_factory=keys.new_encryption_key)
    signs: Signer = field(init=False)

    def __post_init__(self) -> None:
        """Sign with the key that the worker trusts."""
        self.signs = Signer(self._gateway_key)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer while in the context."""
        await self.broker.open()
        await self.broker.declare([DESTINATION, OTHER])
        listening = [
            asyncio.create_task(self._listen(queue, hear))
            for queue, hear in (
                (CLAIMS, self._hear_claims),
                (HEARTBEATS, self._hear_beat),
                (OUTCOMES, self._hear_outcome),
            )
        ]
        try:
            yield
        finally:
            for task in listening:
                task.cancel()
            await asyncio.wait(listening)

    def worker(self, adapter: Destination, folder: Path, **over: Any) -> Deliver:
        """Return a worker that trusts this gateway; ``over`` changes its settings."""
        members: dict[str, Any] = {
            "destination": DESTINATION,
            "municipality": MUNICIPALITY,
            "worker": WorkerName("w1/aaaa"),
            "adapter": "scripted 1.0.0",
            "version": "0",
            "idempotency": Idempotency.NONE,
            "max_in_flight": 4,
            "send_timeout_s": 5.0,
            "settle_s": 0.0,
            "key_memory_s": 3600.0,
            "breaker": BreakerPolicy(failures=3, probe_s=0.02, probe_cap_s=0.05),
        }
        settings = DeliverySettings(**{**members, **over})
        return Deliver(
            settings=settings,
            context=Context(
                destination=settings.destination, municipality=MUNICIPALITY, folder=folder
            ),
            adapter=adapter,
            broker=self.broker,
            opener=Opener([self._destination_key]),
            signer=Signer(self._worker_key),
            verifier=_trusting(self._gateway_key),
            clock=SystemClock(),
        )

    async def hand_out(self, count: int, to: DestinationName = DESTINATION) -> None:
        """Publish so many copies of as many deliveries."""
        sealer = Sealer(keys.public_half(self._destination_key))
        signer = Signer(self._gateway_key)
        for _ in range(count):
            envelope = Envelope(
                application_id=ApplicationId(new_id()),
                delivery_id=DeliveryId(new_id()),
                municipality=MUNICIPALITY,
                destination=to,
                procedure=ProcedureName("childcare/allowance-claim"),
                version=1,
                accepted_at=NOW,
            )
            sealed = sealer.seal(_BODY, envelope)
            signature = signer.sign(sealed, Purpose.DELIVERY)
            delivery = replace(a_delivery(an_application()), sealed=sealed, signature=signature)
            message = delivery_message(delivery, copy=CopyId(new_id()), node=NodeName("gw-1"))
            await self.broker.publish(destination_queue(to), message)

    async def waiting(self) -> int:
        """Return how many copies of the first destination nobody holds."""
        return await self.broker.depth(destination_queue(DESTINATION))

    async def _listen(self, queue: str, hear: Callable[[Received], Awaitable[None]]) -> None:
        async with self.broker.consume(queue, prefetch=1_000) as messages:
            async for received in messages:
                await hear(received)
                await received.ack()

    async def _hear_claims(self, received: Received) -> None:
        asked = CLAIMS_CODEC.read(received.message, _trusting(self._worker_key))[0].claims
        self.claims += asked
        answers = tuple(
            ClaimAnswer(
                delivery_id=claim.delivery_id,
                copy=claim.copy,
                verdict=self.answers(claim),
                attempt=claim.attempt,
            )
            for claim in asked
        )
        signer = Signer(self._gateway_key)
        await self.broker.reply(received.message, ANSWERS_CODEC.write(Answers(answers), signer))

    async def _hear_beat(self, received: Received) -> None:
        beat, _ = HEARTBEAT_CODEC.read(received.message, _trusting(self._worker_key))
        self.beats.append(beat)
        terms = self.says(beat)
        if terms is not None:
            await self.broker.reply(received.message, TERMS_CODEC.write(terms, self.signs))

    async def _hear_outcome(self, received: Received) -> None:
        outcome, _ = OUTCOME_CODEC.read(received.message, _trusting(self._worker_key))
        self.outcomes.append(outcome)


def _trusting(private_jwk: bytes) -> Verifier:
    public = keys.public_half(private_jwk)
    return Verifier({keys.thumbprint(public): public})
