"""A worker played by hand up to a step, and a broker that keeps what is said on it."""

import asyncio
from dataclasses import replace

from gateway.bootstrap.key_names import GATEWAY_KEY, worker_key
from gateway.crypto import keys
from gateway.crypto.seal import read_envelope
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Claim
from gateway.domain.identifiers import WorkerName
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import DeliveryRecord
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock
from gateway.ports.broker import CLAIMS, Message, destination_queue
from gateway.services.wire import (
    ANSWERS_CODEC,
    CLAIMS_CODEC,
    KIND_HEADER,
    OUTCOME_CODEC,
    OUTCOME_TYPE,
    Claims,
    read_copy_headers,
)
from gateway.testing.faults import FlakyBroker
from gateway.testing.world import DESTINATION


class Wiretap(FlakyBroker):
    """Keeps what is published and asked, by queue.

    Attributes:
        seen: The messages of each queue, in order.
    """

    def __init__(self) -> None:
        """Work, and listen."""
        super().__init__()
        self.seen: dict[str, list[Message]] = {}

    async def publish(self, queue: str, message: Message) -> None:
        """Store a message and keep it."""
        await super().publish(queue, message)
        self.seen.setdefault(queue, []).append(message)

    @property
    def copies(self) -> list[Message]:
        """The destination's copies that were published."""
        return self.seen.setdefault(destination_queue(DESTINATION), [])


class PlayedWorker:
    """Claims and reports for worker ``w1``, and never sends."""

    def __init__(self, broker: Wiretap, store: MemoryKeys) -> None:
        """Take the worker's place."""
        self._broker = broker
        self._signer = Signer(store.private(worker_key("w1")))
        gateway_key = store.public(GATEWAY_KEY)
        self._verifier = Verifier({keys.thumbprint(gateway_key): gateway_key})

    async def copy(self, delivery: DeliveryRecord) -> Message:
        """Return the first copy of a delivery that is published."""
        while True:
            for message in self._broker.copies:
                if read_envelope(message.body).delivery_id == delivery.id:
                    return message
            await asyncio.sleep(0.01)

    async def claim(self, delivery: DeliveryRecord) -> dict[str, Message]:
        """Claim a delivery's copy; return question and answer by their names."""
        headers = read_copy_headers(await self.copy(delivery))
        claim = Claim(
            delivery_id=delivery.id,
            destination=delivery.destination,
            attempt=headers.attempt,
            copy=headers.copy,
            worker=WorkerName("w1/0badcafe"),
        )
        question = CLAIMS_CODEC.write(Claims((claim,)), self._signer)
        answer = await self._broker.request(CLAIMS, question, timeout_s=5)
        verdict = ANSWERS_CODEC.read(answer, self._verifier)[0].answers[0].verdict
        return {"claims": question, f"answers-{verdict}": answer}

    def outcome(self, record: DeliveryRecord, kind: OutcomeKind, **over: object) -> Message:
        """Return the report of the attempt that is claimed; ``over`` changes it."""
        if record.copy is None or record.worker is None:
            raise ValueError(record.state)
        now = SystemClock().now()
        outcome = Outcome(
            delivery_id=record.id,
            attempt=record.attempt,
            copy=record.copy,
            worker=record.worker,
            kind=kind,
            received_at=now,
            opened_at=now,
            sent_at=now,
            answered_at=now,
        )
        outcome = replace(outcome, **over)  # type: ignore[arg-type]
        return OUTCOME_CODEC.write(outcome, self._signer, {KIND_HEADER: OUTCOME_TYPE})
