"""What the peer's two processes are told, in one JSON file."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faststream.rabbit import QueueType, RabbitQueue

from gateway.crypto import keys
from gateway.crypto.seal import Opener, Sealer
from gateway.crypto.sign import Signer, Verifier

SIGNATURE_HEADER: Final = "signature"
_VARIABLE: Final = "PEER_FILE"


@dataclass(frozen=True, slots=True)
class Peer:
    """The peer's settings and keys.

    Attributes:
        broker: Address of RabbitMQ.
        sink: Where the worker POSTs.
        audit: The door's audit log.
        port: Of the door.
        api_key: The one client's.
        validation: ``pydantic`` or ``jsonschema``.
        in_flight: How many messages the worker has in hand.
        queues: Municipality to queue.
        outcomes: The queue on which the worker reports.
        destination_key: Private JWK; the door seals to its public half.
        door_key: Private JWK that signs deliveries.
        worker_key: Private JWK that signs outcomes.
    """

    broker: str
    sink: str
    audit: str
    port: int
    api_key: str
    validation: str
    in_flight: int
    queues: dict[str, str]
    outcomes: str
    destination_key: str
    door_key: str
    worker_key: str

    @classmethod
    def load(cls) -> "Peer":
        """Read the file that the environment names."""
        return cls(**json.loads(Path(os.environ[_VARIABLE]).read_text()))

    @property
    def sealer(self) -> Sealer:
        """Seals to the destination."""
        return Sealer(keys.public_half(self.destination_key.encode()))

    @property
    def opener(self) -> Opener:
        """Opens what is sealed to the destination."""
        return Opener([self.destination_key.encode()])

    @property
    def door_signer(self) -> Signer:
        """Signs deliveries."""
        return Signer(self.door_key.encode())

    @property
    def door_verifier(self) -> Verifier:
        """Verifies deliveries."""
        return _verifier(self.door_key)

    @property
    def worker_signer(self) -> Signer:
        """Signs outcomes."""
        return Signer(self.worker_key.encode())

    @property
    def worker_verifier(self) -> Verifier:
        """Verifies outcomes."""
        return _verifier(self.worker_key)


def quorum(name: str) -> RabbitQueue:
    """Return a durable quorum queue, as ours are."""
    return RabbitQueue(name, durable=True, queue_type=QueueType.QUORUM)


def new_keys() -> dict[str, str]:
    """Return fresh keys for the file."""
    return {
        "destination_key": keys.new_encryption_key().decode(),
        "door_key": keys.new_signing_key().decode(),
        "worker_key": keys.new_signing_key().decode(),
    }


def _verifier(private: str) -> Verifier:
    public = keys.public_half(private.encode())
    return Verifier({keys.thumbprint(public): public})
