"""What stands on the broker, who may do what with it, and how it is changed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import aiormq
import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused

from gateway.domain.errors import BrokerUnavailableError, TopologyMismatchError, UnroutableError
from gateway.drivers.rabbitmq import QueueLimits, RabbitBroker
from gateway.drivers.rabbitmq.standing import look
from gateway.drivers.rabbitmq.topology import (
    DELIVERY_LIMIT,
    Permissions,
    destination_queues,
    gateway_permissions,
    show,
    worker_permissions,
)
from gateway.ports.broker import CLAIMS, HEARTBEATS, OUTCOMES, Message
from gateway.testing.contracts.broker import PATIENCE_S, a_message, depth_becomes, drain, take
from gateway.testing.rabbitmq import RabbitNode

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
async def channel(node: RabbitNode) -> AsyncIterator[AbstractChannel]:
    async with aiormq.connect(node.url) as connection:
        yield await connection.channel()


# As data


def test_every_destination_queue_keeps_its_dead_letters_at_least_once() -> None:
    dead, queue = destination_queues("alpha", QueueLimits())

    assert queue.name == "dest.alpha"
    assert queue.arguments["x-dead-letter-routing-key"] == dead.name == "dest.alpha.dead"
    assert queue.arguments["x-dead-letter-strategy"] == "at-least-once"
    assert {plan.arguments["x-overflow"] for plan in (dead, queue)} == {"reject-publish"}
    assert {"x-max-length", "x-max-length-bytes", "x-delivery-limit"} <= set(queue.arguments)


def test_what_is_shown_names_everything_and_who_may_use_it() -> None:
    shown = show(["alpha"])

    queues = {queue["name"] for queue in shown["queues"]}
    assert queues == {
        "kakehashi.outcomes",
        "kakehashi.claims",
        "kakehashi.heartbeats",
        "dest.alpha.dead",
        "dest.alpha",
    }
    # None goes with the node that it was declared on.
    assert {queue["arguments"]["x-queue-type"] for queue in shown["queues"]} == {"quorum"}
    assert shown["permissions"]["workers"]["alpha"]["read"] == "^dest\\.(alpha)$"
    assert {binding["queue"] for binding in shown["bindings"]} == queues


def test_no_exchange_has_an_alternate() -> None:
    assert [exchange["arguments"] for exchange in show([])["exchanges"]] == [{}, {}]


async def test_what_is_shown_is_what_stands(
    node: RabbitNode, broker: RabbitBroker, name: str
) -> None:
    await broker.declare([name])

    columns = ("name", "durable", "arguments")
    listed = await asyncio.to_thread(node.ctl, "list_queues", "--formatter=json", *columns)
    for queue in show([name])["queues"]:
        assert f'"name":"{queue["name"]}"' in listed.replace(" ", "")


# Dead letters


async def test_a_copy_that_comes_back_too_often_is_a_dead_letter(
    broker: RabbitBroker, name: str
) -> None:
    await broker.declare([name])
    queue = f"dest.{name}"
    await broker.publish(queue, Message(body=b"crash", headers={"delivery-id": "1"}))

    for _ in range(DELIVERY_LIMIT + 1):
        async with broker.consume(queue, prefetch=1) as messages:
            await take(messages)

    async with broker.consume(f"{queue}.dead", prefetch=1) as messages:
        [dead] = await take(messages)
        await dead.ack()
    assert dead.message.body == b"crash"
    assert dead.message.headers["delivery-id"] == "1"
    assert await broker.depth(queue) == 0


# Differences


async def test_what_differs_is_named_and_left_alone_and_the_rest_is_created(
    broker: RabbitBroker, channel: AbstractChannel, name: str
) -> None:
    await channel.queue_declare(f"dest.{name}", durable=True)

    with pytest.raises(TopologyMismatchError, match=name):
        await broker.declare([name, f"{name}-new"])

    await broker.publish(f"dest.{name}-new", a_message(1))
    assert await drain(broker, f"dest.{name}-new", 1) == [b"1"]
    with pytest.raises(UnroutableError):
        await broker.publish(f"dest.{name}", a_message(2))
    assert await broker.depth(f"dest.{name}") == 0


async def test_comparing_names_what_is_missing_and_what_differs_and_changes_nothing(
    broker: RabbitBroker, channel: AbstractChannel, name: str
) -> None:
    await broker.declare([f"{name}-right"])
    await channel.queue_declare(f"dest.{name}", durable=True)

    missing, different = await broker.compare([name, f"{name}-right", f"{name}-new"])

    assert different == [f"dest.{name}"]
    assert set(missing) == {f"dest.{name}.dead", f"dest.{name}-new", f"dest.{name}-new.dead"}
    assert await broker.compare([name, f"{name}-right", f"{name}-new"]) == (missing, different)
    await broker.publish(f"dest.{name}-right", a_message(1))


async def test_recreating_keeps_the_messages(
    broker: RabbitBroker, channel: AbstractChannel, name: str
) -> None:
    queue = f"dest.{name}"
    await channel.queue_declare(queue, durable=True)
    for number in range(3):
        await channel.basic_publish(str(number).encode(), routing_key=queue)

    await broker.apply([name], recreate=True)

    await broker.declare([name])
    assert await drain(broker, queue, 3) == [b"0", b"1", b"2"]
    with pytest.raises(UnroutableError):
        await broker.depth(f"{queue}.moving")


async def test_recreating_replaces_a_quorum_queue_in_use(
    node: RabbitNode, broker: RabbitBroker, name: str
) -> None:
    queue = f"dest.{name}"
    await broker.declare([name])
    other = RabbitBroker(node.url, limits=QueueLimits(messages=20))
    await other.open()
    async with broker.consume(queue, prefetch=1) as messages:
        await broker.publish(queue, a_message(1))
        [received] = await take(messages)
        await received.ack()

        await other.apply([name], recreate=True)

        await broker.publish(queue, a_message(2))
        [received] = await take(messages)
        assert received.message.body == b"2"
    await other.close()


async def test_what_an_interrupted_replacement_left_comes_home(
    broker: RabbitBroker, channel: AbstractChannel, name: str
) -> None:
    shelter = f"dest.{name}.moving"
    await channel.queue_declare(
        shelter, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
    )
    await channel.basic_publish(b"sheltered", routing_key=shelter)

    await broker.apply([name], recreate=True)

    assert await drain(broker, f"dest.{name}", 1) == [b"sheltered"]


async def test_an_exchange_of_another_type_is_replaced_too(node: RabbitNode) -> None:
    vhost = uuid4().hex
    await asyncio.to_thread(node.add_vhosts, vhost)
    async with aiormq.connect(node.url + vhost) as connection:
        channel = await connection.channel()
        await channel.exchange_declare("kakehashi.gateway", exchange_type="fanout", durable=True)
    broker = RabbitBroker(node.url + vhost)
    await broker.open()

    with pytest.raises(TopologyMismatchError, match=r"kakehashi\.gateway"):
        await broker.declare([])
    with pytest.raises(UnroutableError):
        await broker.publish(OUTCOMES, a_message(1))
    await broker.apply([], recreate=True)

    await broker.publish(OUTCOMES, a_message(1))
    assert await drain(broker, OUTCOMES, 1) == [b"1"]
    await depth_becomes(broker, HEARTBEATS, 0)
    await broker.close()


async def test_heartbeats_expire(node: RabbitNode, broker: RabbitBroker) -> None:
    await broker.declare([])

    listed = await asyncio.to_thread(node.ctl, "list_queues", "name", "arguments")

    [arguments] = [line for line in listed.splitlines() if line.startswith(HEARTBEATS)]
    assert '"x-message-ttl"' in arguments
    assert "15000" in arguments


# Permissions


@pytest.fixture(scope="session")
def gateway_url(one_rabbit_node: RabbitNode) -> str:
    return url_of_user(one_rabbit_node, gateway_permissions())


@pytest.fixture(scope="session")
def worker_url(one_rabbit_node: RabbitNode) -> str:
    return url_of_user(one_rabbit_node, worker_permissions("alpha", "alpha-2"))


def url_of_user(node: RabbitNode, permissions: Permissions) -> str:
    user = f"user-{uuid4().hex[:8]}"
    node.ctl("add_user", user, "secret")
    node.ctl("set_permissions", "-p", "/", user, *permissions)
    return node.url_for(user, "secret")


@pytest.fixture
async def gateway(gateway_url: str) -> AsyncIterator[RabbitBroker]:
    broker = RabbitBroker(gateway_url)
    await broker.open()
    await broker.declare(["alpha", "alpha-2", "beta"])
    yield broker
    await broker.close()


@pytest.fixture
async def worker(worker_url: str) -> AsyncIterator[RabbitBroker]:
    broker = RabbitBroker(worker_url, confirm_timeout_s=3)
    await broker.open()
    yield broker
    await broker.close()


async def test_a_gateway_and_a_worker_can_do_their_whole_job(
    gateway: RabbitBroker, worker: RabbitBroker
) -> None:
    await gateway.publish("dest.alpha", a_message(1))
    async with (
        worker.consume("dest.alpha", prefetch=1) as deliveries,
        gateway.consume(CLAIMS, prefetch=10) as claims,
    ):
        [delivery] = await take(deliveries)
        claiming = asyncio.ensure_future(
            worker.request(CLAIMS, Message(body=b"claim"), timeout_s=PATIENCE_S)
        )
        [claim] = await take(claims)
        await gateway.reply(claim.message, Message(body=b"go"))
        await claim.ack()
        assert (await claiming).body == b"go"
        await worker.publish(OUTCOMES, Message(body=b"delivered"))
        await worker.publish(HEARTBEATS, Message(body=b"alive"))
        await delivery.ack()

    assert await drain(gateway, OUTCOMES, 1) == [b"delivered"]
    assert await drain(gateway, HEARTBEATS, 1) == [b"alive"]
    assert await worker.depth("dest.alpha") == 0
    await gateway.apply(["alpha"], recreate=True)
    async with gateway.consume("dest.alpha.dead", prefetch=1):
        pass


async def test_who_looks_is_told_what_concerns_them_and_not_kept_waiting(
    node: RabbitNode, gateway: RabbitBroker, gateway_url: str, worker_url: str
) -> None:
    names = ["alpha", "alpha-2", "gone"]
    async with gateway.consume("dest.alpha", prefetch=1):
        owner = await look(gateway_url, names, is_owner=True, timeout_s=PATIENCE_S)
        other = await look(worker_url, names, is_owner=False, timeout_s=PATIENCE_S)
    node.pause()
    with pytest.raises(BrokerUnavailableError):
        await look(worker_url, names, is_owner=False, timeout_s=0.3)
    node.resume()

    assert owner.missing == ("dest.gone.dead", "dest.gone")
    assert (other.missing, other.idle) == (("dest.gone",), ("dest.alpha-2",))
    assert owner.version == other.version
    assert int(owner.version.partition(".")[0]) >= 3


Forbidden = Callable[[AbstractChannel], Awaitable[object]]


async def _ignore(_: object) -> None:
    """Receive a message."""


FORBIDDEN: dict[str, Forbidden] = {
    "consume another destination's queue": lambda c: c.basic_consume("dest.beta", _ignore),
    "get from another destination's queue": lambda c: c.basic_get("dest.beta"),
    "consume a destination whose name begins alike": lambda c: c.basic_get("dest.alpha-3"),
    "consume dead letters": lambda c: c.basic_consume("dest.alpha.dead", _ignore),
    "read outcomes": lambda c: c.basic_get(OUTCOMES),
    "read claims": lambda c: c.basic_get(CLAIMS),
    "publish a delivery": lambda c: c.basic_publish(
        b"", exchange="kakehashi.deliveries", routing_key="dest.alpha"
    ),
    "publish to a queue by its name": lambda c: c.basic_publish(b"", routing_key="dest.alpha"),
    "purge its queue's neighbour": lambda c: c.queue_purge("dest.beta"),
    "delete its queue": lambda c: c.queue_delete("dest.alpha"),
    "declare a queue": lambda c: c.queue_declare("dest.new"),
    "declare a queue of any name": lambda c: c.queue_declare(""),
    "declare an exchange": lambda c: c.exchange_declare("new"),
    "bind a queue": lambda c: c.queue_bind("dest.alpha", "kakehashi.gateway", OUTCOMES),
    "delete the exchange it publishes to": lambda c: c.exchange_delete("kakehashi.gateway"),
}


@pytest.mark.parametrize("deed", FORBIDDEN)
async def test_a_worker_can_not(gateway: RabbitBroker, worker_url: str, deed: str) -> None:
    await gateway.declare(["alpha-3"])
    async with aiormq.connect(worker_url) as connection:
        forbidden = await connection.channel()
        with pytest.raises(ChannelAccessRefused):
            await FORBIDDEN[deed](forbidden)


@pytest.mark.usefixtures("gateway")
async def test_a_forbidden_publish_is_unavailable_to_the_caller(worker: RabbitBroker) -> None:
    with pytest.raises(BrokerUnavailableError):
        await worker.publish("dest.beta", a_message(1))

    await worker.publish(HEARTBEATS, a_message(2))
