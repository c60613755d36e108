"""Copies that double, copies that kill whoever takes them, and what is no copy at all."""

import asyncio
import signal

import aiormq

from gateway.ports.broker import CLAIMS, HEARTBEATS, OUTCOMES, destination_queue
from gateway.testing.kill_points import ECHO_S, Part
from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER
from tests.fault.processes.footing import DESTINATIONS, Footing


async def test_what_the_broker_carries_twice_is_delivered_once(production: Footing) -> None:
    production.kill()
    production.start(echoes=True)
    async with production.front() as front:
        sent = await front.submit_all([CARE, CHILDCARE, DISASTER] * 4)
        await production.settle()
        # Of the copies, and then of the outcomes of whatever was sent because of them.
        await asyncio.sleep(3 * ECHO_S)
        await production.settle()

    assert production.judge(sent) == {"delivered": 12}


async def test_what_is_no_message_of_ours_stops_neither_gateway_nor_worker(
    production: Footing,
) -> None:
    async with production.front() as front:
        connection = await aiormq.connect(production.broker)
        channel = await connection.channel()
        for queue in (CLAIMS, OUTCOMES, HEARTBEATS, *map(destination_queue, DESTINATIONS)):
            for body in (b"", b"{}", b"\xff" * 1000):
                await channel.basic_publish(body, routing_key=queue)
        await connection.close()
        sent = await front.submit_all([CARE, CHILDCARE, DISASTER])
        await production.settle()

    assert production.judge(sent) == {"delivered": 3}
    assert all(program.is_running for program in production.parts.values())


async def test_a_copy_that_kills_every_worker_is_parked_and_holds_up_nobody_else(
    production: Footing,
) -> None:
    async with production.front() as front:
        production.points.order("worker.before_claim", signal.SIGKILL)
        poison = await front.submit_all([CARE])

        while (parked := production.of(poison)[0])["state"] != "parked":
            if not production.worker.is_running:
                production.points.order("worker.before_claim", signal.SIGKILL)
                await asyncio.to_thread(production.revive, Part.WORKER)
            await asyncio.sleep(0.02)
        production.points.withdraw()
        # Its last death may be what parked it.
        if not production.worker.is_running:
            await asyncio.to_thread(production.revive, Part.WORKER)

        assert parked["code"] == "delivery.crash_loop"
        others = await front.submit_all([CARE, CHILDCARE, DISASTER])
        await production.settle()
        # Whoever has mended the worker sends it again.
        production.ask("parked.replay", delivery=parked["id"], reason="the worker is mended")
        await production.settle()

    assert production.judge([*poison, *others]) == {"delivered": 4}
