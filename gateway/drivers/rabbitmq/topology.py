"""What there is on the broker, as data, and who may do what with it.

- Deliveries are returned, not swallowed, when a queue is missing: their exchange
  has no alternate exchange. With one, an unroutable mandatory message is confirmed.
- A copy that comes back too often (a worker that dies of it) goes to the dead
  letters, at least once. That strategy needs ``reject-publish``: with the default
  overflow the broker silently falls back to at most once.
- The delivery limit stands explicitly: without one it is none up to 3.13 and 20
  from 4.0. Prefetched messages that nobody touched count too whenever a consumer
  closes, so it is generous for deliveries and out of reach for outcomes, which
  must never be dropped.
- Workers publish through an exchange of the gateway's: a right on the default
  exchange would be a right on every queue.
- Arguments, not policies: AMQP cannot set policies. ``changes.apply`` with
  ``recreate`` replaces a queue whose arguments have changed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.ports.broker import (
    CLAIMS,
    HEARTBEATS,
    OUTCOMES,
    dead_letter_queue,
    destination_queue,
)

DELIVERIES_EXCHANGE: Final = "kakehashi.deliveries"
"""Sealed deliveries and their dead letters; the routing key is the queue's name."""
GATEWAY_EXCHANGE: Final = "kakehashi.gateway"
"""What workers send; the routing key is the queue's name."""
EXCHANGES: Final = (DELIVERIES_EXCHANGE, GATEWAY_EXCHANGE)
EXCHANGE_TYPE: Final = "direct"

DELIVERY_LIMIT: Final = 50
"""Returns of one copy before it is a dead letter: restarts of a worker in a crash loop."""
NO_DELIVERY_LIMIT: Final = 1_000_000
"""As good as none; 3.10 knows no other way to write it that 4.x understands too."""
HEARTBEAT_TTL_MS: Final = 15_000
"""Three heartbeats of a worker (one every 5 s): older ones say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """How much one destination's queue takes before it refuses.

    Attributes:
        messages: Ready messages; ten times what a relay's lane has out.
        body_bytes: Bytes of their bodies.
    """

    messages: int = 10_000
    body_bytes: int = 1024**3


class QueuePlan(NamedTuple):
    """One queue: its name, the exchange that feeds it, its arguments. All are durable."""

    name: str
    exchange: str
    arguments: Mapping[str, str | int]


def _quorum(messages: int, body_bytes: int, delivery_limit: int) -> dict[str, str | int]:
    return {
        "x-queue-type": "quorum",
        "x-max-length": messages,
        "x-max-length-bytes": body_bytes,
        "x-overflow": "reject-publish",
        "x-delivery-limit": delivery_limit,
    }


GATEWAY_QUEUES: Final = (
    QueuePlan(OUTCOMES, GATEWAY_EXCHANGE, _quorum(1_000_000, 1024**3, NO_DELIVERY_LIMIT)),
    QueuePlan(CLAIMS, GATEWAY_EXCHANGE, _quorum(10_000, 64 * 1024**2, NO_DELIVERY_LIMIT)),
    QueuePlan(
        HEARTBEATS,
        GATEWAY_EXCHANGE,
        # A classic queue goes with its node; and as long as that is down, nobody can declare
        # or publish to a queue of its name.
        {
            "x-queue-type": "quorum",
            "x-message-ttl": HEARTBEAT_TTL_MS,
            "x-max-length": 10_000,
            "x-delivery-limit": NO_DELIVERY_LIMIT,
        },
    ),
)


def destination_queues(destination: str, limits: QueueLimits) -> tuple[QueuePlan, QueuePlan]:
    """Return a destination's queue and the queue of its dead letters."""
    dead = dead_letter_queue(destination)
    return (
        QueuePlan(
            dead,
            DELIVERIES_EXCHANGE,
            _quorum(10 * limits.messages, 10 * limits.body_bytes, NO_DELIVERY_LIMIT),
        ),
        QueuePlan(
            destination_queue(destination),
            DELIVERIES_EXCHANGE,
            _quorum(limits.messages, limits.body_bytes, DELIVERY_LIMIT)
            | {
                "x-dead-letter-exchange": DELIVERIES_EXCHANGE,
                "x-dead-letter-routing-key": dead,
                "x-dead-letter-strategy": "at-least-once",
            },
        ),
    )


def queues(destinations: Sequence[str], limits: QueueLimits) -> tuple[QueuePlan, ...]:
    """Return every queue, dead letters before the queues that need them."""
    return GATEWAY_QUEUES + tuple(
        queue for destination in destinations for queue in destination_queues(destination, limits)
    )


def exchange_of(queue: str) -> str:
    """Return the exchange through which ``queue`` is published to."""
    return DELIVERIES_EXCHANGE if queue.startswith("dest.") else GATEWAY_EXCHANGE


class Permissions(NamedTuple):
    """Regular expressions over names, as ``rabbitmqctl set_permissions`` takes them."""

    configure: str
    write: str
    read: str


def worker_permissions(*destinations: str) -> Permissions:
    """Return what a worker for these destinations needs, and no more.

    Answers reach it by direct reply-to, which needs no right. Everybody on a
    virtual host may ask for the depth of any queue (a passive declare).
    """
    names = "|".join(re.escape(destination) for destination in destinations)
    return Permissions("^$", r"^kakehashi\.gateway$", rf"^dest\.({names})$")


def gateway_permissions() -> Permissions:
    """Return what a gateway needs: to own the topology, and to answer by the default exchange."""
    ours = r"kakehashi\..+|dest\..+"
    return Permissions(f"^({ours})$", rf"^({ours}|amq\.default)$", f"^({ours})$")


def show(destinations: Sequence[str], limits: QueueLimits | None = None) -> dict[str, object]:
    """Return the whole topology and its permissions as plain data."""
    plans = queues(destinations, limits or QueueLimits())
    return {
        "exchanges": [
            {"name": name, "type": EXCHANGE_TYPE, "durable": True, "arguments": {}}
            for name in EXCHANGES
        ],
        "queues": [
            {"name": plan.name, "durable": True, "arguments": dict(plan.arguments)}
            for plan in plans
        ],
        "bindings": [
            {"exchange": plan.exchange, "queue": plan.name, "routing_key": plan.name}
            for plan in plans
        ],
        "permissions": {
            "gateway": gateway_permissions()._asdict(),
            "workers": {name: worker_permissions(name)._asdict() for name in destinations},
        },
    }
