"""The peer's front door: FastAPI on uvicorn, one process, publishing through FastStream.

API key, validation, sealing, two signatures (delivery, receipt), a synced audit line, a
confirmed mandatory publish to a quorum queue, 202. Then it takes outcomes from the worker,
verifies them and writes them down in the same log. There is no journal: no idempotency, no
受付番号 that is unique, no claims, no states, nothing that publishes again what was lost.
"""

import hashlib
import hmac
import json
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from faststream.rabbit import Channel, RabbitBroker
from faststream.rabbit.annotations import RabbitMessage

from benchmarks.applications import DESTINATIONS
from benchmarks.peer.keys import SIGNATURE_HEADER, Peer, quorum
from benchmarks.peer.model import Acceptance, Application
from benchmarks.peer.synced_log import SyncedLog
from gateway.crypto.sign import Purpose
from gateway.domain.envelope import Envelope
from gateway.domain.identifiers import (
    ApplicationId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
    uuid7,
)
from gateway.schema.catalogue import load_catalogue
from gateway.schema.envelope import Checked, check
from gateway.schema.parse import parse_json


class Door:
    """What stands behind the routes."""

    def __init__(self, peer: Peer, broker: RabbitBroker) -> None:
        """Keep keys and queues."""
        self._peer = peer
        self._broker = broker
        self._sealer = peer.sealer
        self._signer = peer.door_signer
        self._verifier = peer.worker_verifier
        self._digest = hashlib.sha256(peer.api_key.encode()).digest()
        self._queues = {code: quorum(name) for code, name in peer.queues.items()}
        self._log: SyncedLog | None = None
        self.published = 0
        self.recorded = 0

    async def open(self) -> None:
        """Declare the queues and open the log."""
        for queue in (*self._queues.values(), quorum(self._peer.outcomes)):
            await self._broker.declare_queue(queue)
        self._log = SyncedLog(Path(self._peer.audit))

    def is_known(self, token: str) -> bool:
        """Tell whether an API key is the client's."""
        return hmac.compare_digest(hashlib.sha256(token.encode()).digest(), self._digest)

    async def accept(self, code: str, procedure: str, version: int, raw: bytes) -> Acceptance:
        """Seal, sign, write down, publish, and return the signed receipt."""
        if code not in self._queues:
            raise HTTPException(404)
        now = datetime.now(UTC)
        envelope = Envelope(
            application_id=ApplicationId(_new_id()),
            delivery_id=DeliveryId(_new_id()),
            municipality=MunicipalityCode(code),
            destination=DestinationName(DESTINATIONS[code]),
            procedure=ProcedureName(procedure),
            version=version,
            accepted_at=now,
        )
        sealed = self._sealer.seal(raw, envelope)
        signature = self._signer.sign(sealed, Purpose.DELIVERY)
        line = {
            "action": "application.accepted",
            "at": now.isoformat(timespec="milliseconds"),
            "application": str(envelope.application_id),
            "delivery": str(envelope.delivery_id),
            "municipality": code,
            "digest": hashlib.sha256(sealed).hexdigest(),
        }
        audit = json.dumps(line, separators=(",", ":")).encode()
        await self._log.append(audit)
        await self._broker.publish(
            sealed,
            queue=self._queues[code],
            persist=True,
            message_id=str(envelope.delivery_id),
            headers={SIGNATURE_HEADER: signature},
        )
        self.published += 1
        return Acceptance(
            id=envelope.application_id,
            accepted_at=now,
            procedure=procedure,
            version=version,
            receipt=self._signer.sign_attached(audit, Purpose.RECEIPT),
        )

    async def record(self, body: bytes, signature: str) -> None:
        """Verify an outcome and write it down."""
        self._verifier.verify(body, signature, Purpose.OUTCOME)
        await self._log.append(body)
        self.recorded += 1


def build() -> FastAPI:
    """Return the application."""
    peer = Peer.load()
    # It would log two lines a message at INFO; ours writes one a hop, and so does uvicorn.
    broker = RabbitBroker(peer.broker, logger=logging.getLogger("peer"), log_level=logging.DEBUG)
    door = Door(peer, broker)

    @broker.subscriber(quorum(peer.outcomes), channel=Channel(prefetch_count=100))
    async def outcome(message: RabbitMessage) -> None:
        await door.record(message.body, str(message.headers[SIGNATURE_HEADER]))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await broker.connect()
        await door.open()
        await broker.start()
        yield
        await broker.stop()

    app = FastAPI(lifespan=lifespan)
    bearer = HTTPBearer()

    async def client(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> None:
        if not door.is_known(credentials.credentials):
            raise HTTPException(401)

    if peer.validation == "pydantic":

        @app.post(
            "/v1/municipalities/{code}/applications",
            status_code=202,
            dependencies=[Depends(client)],
        )
        async def submit(
            code: str,
            application: Application,
            request: Request,
            idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
        ) -> Acceptance:
            del idempotency_key
            raw = await request.body()
            return await door.accept(code, application.procedure, application.version, raw)

    else:
        catalogue = load_catalogue()

        @app.post(
            "/v1/municipalities/{code}/applications",
            status_code=202,
            dependencies=[Depends(client)],
        )
        async def submit_checked(
            code: str,
            request: Request,
            idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
        ) -> Acceptance:
            del idempotency_key
            raw = await request.body()
            checked = check(parse_json(raw), catalogue, municipality=code)
            if not isinstance(checked, Checked):
                raise HTTPException(422)
            return await door.accept(code, checked.procedure.name, checked.version, raw)

    @app.get("/counts")
    async def counts() -> dict[str, int]:
        return {"published": door.published, "recorded": door.recorded}

    return app


def _new_id() -> object:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


if __name__ == "__main__":
    uvicorn.run(build(), host="127.0.0.1", port=Peer.load().port)
