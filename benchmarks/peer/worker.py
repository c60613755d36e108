"""The peer's worker on FastStream: verify, open, POST, signed outcome, acknowledge."""

import asyncio
import json
import logging

import aiohttp
import uvloop
from faststream import FastStream
from faststream.rabbit import Channel, RabbitBroker
from faststream.rabbit.annotations import RabbitMessage

from benchmarks.peer.keys import SIGNATURE_HEADER, Peer, quorum
from gateway.crypto.sign import Purpose

log = logging.getLogger("peer.worker")


async def main() -> None:
    """Deliver until stopped."""
    peer = Peer.load()
    broker = RabbitBroker(peer.broker, logger=log, log_level=logging.DEBUG)
    opener, verifier, signer = peer.opener, peer.door_verifier, peer.worker_signer
    outcomes = quorum(peer.outcomes)
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=peer.in_flight))

    async def deliver(message: RabbitMessage) -> None:
        verifier.verify(message.body, str(message.headers[SIGNATURE_HEADER]), Purpose.DELIVERY)
        application, envelope = opener.open(message.body)
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(envelope.delivery_id)}
        async with session.post(peer.sink, data=application, headers=headers) as answer:
            answer.raise_for_status()
            reference = (await answer.json())["reference"]
        outcome = {
            "action": "delivery.delivered",
            "application": str(envelope.application_id),
            "delivery": str(envelope.delivery_id),
            "reference": reference,
        }
        body = json.dumps(outcome, separators=(",", ":")).encode()
        await broker.publish(
            body,
            queue=outcomes,
            persist=True,
            headers={SIGNATURE_HEADER: signer.sign(body, Purpose.OUTCOME)},
        )
        log.info("delivered %s %s", envelope.delivery_id, reference)

    for name in peer.queues.values():
        channel = Channel(prefetch_count=peer.in_flight)
        broker.subscriber(quorum(name), channel=channel)(deliver)
    try:
        await FastStream(broker, logger=log).run()
    finally:
        await session.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
