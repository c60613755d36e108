"""The production footing of one file of tests, and what a test may leave on it: nothing."""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import aiormq
from pamqp.commands import Basic, Queue

from gateway.ports.broker import CLAIMS, OUTCOMES, dead_letter_queue, destination_queue
from gateway.testing.postgres import PostgresNode
from gateway.testing.rabbitmq import RabbitNode
from tests.fault.processes.cutter import Cutter
from tests.fault.processes.footing import DESTINATIONS, Footing

_QUEUES: Final = (
    CLAIMS,
    OUTCOMES,
    *map(destination_queue, DESTINATIONS),
    *map(dead_letter_queue, DESTINATIONS),
)
_IN_ORDER: Final = (0, -signal.SIGTERM)
"""A process that was started a moment ago listens to no signal yet, and holds nothing."""
_LIVES: Final = 3
"""In how many lives what was given back at a stop must have been taken."""
_PATIENCE_S: Final = 30.0
"""For the broker to notice who consumes; it takes milliseconds where nothing else runs."""


class Standing:
    """The footing that stands: the same for all tests, until one leaves something on it."""

    def __init__(self, build: Callable[[], Footing]) -> None:
        """Plan it; ``build`` makes one with a folder, a database and a virtual host of its own."""
        self._build = build
        self._footing: Footing | None = None

    def start(self) -> Footing:
        """Start gateway and worker, with core systems that take everything."""
        footing, self._footing = self._footing or self._build(), None
        footing.withdraw()
        try:
            footing.start()
        except BaseException:
            footing.kill()
            raise
        self._footing = footing
        return footing

    def stop(self) -> None:
        """Stop it in order, and see that nothing is left; if something is, never use it again."""
        footing, self._footing = self._footing, None
        assert footing is not None
        try:
            for part, program in footing.parts.items():
                assert program.is_running, f"{part} is left dead: {program.tail()}"
            footing.withdraw()
            for _ in range(_LIVES):
                moving = footing.moving()
                assert not moving, f"left on its way: {moving}"
                # The worker first: what it says last is heard.
                for program in (footing.worker, footing.gateway):
                    assert program.stop() in _IN_ORDER, program.tail()
                left = _left(footing.broker)
                if not left:
                    break
                # Who is stopped gives back what is in hand, and the next life takes it.
                behind = _never_taken(footing.broker, left)
                assert not behind, f"left on the broker, in nobody's hand: {behind}"
                footing.start()
                _until_taken(footing.broker)
            else:
                raise AssertionError(f"given back at every stop: {left}")
        finally:
            footing.kill()
        self._footing = footing


def build_production(
    folder: Path, *, rabbit: RabbitNode, postgres: PostgresNode, cutter: Cutter
) -> Footing:
    """Return a gateway on a new database and a worker, on a new virtual host; not started."""
    host = f"t-{secrets.token_hex(4)}"
    rabbit.add_vhosts(host)
    journal = postgres.database().replace(f":{postgres.port}/", f":{cutter.port}/")
    return Footing(folder, journal=journal, broker=f"{rabbit.url}{host}")


def _left(broker: str) -> dict[str, int]:
    """Return how many messages each queue holds that should be empty, once nobody consumes."""
    # As long as a queue has a consumer, what that one held has not come back.
    with _own_loop() as loop:
        return loop.run(_ready_when(broker, lambda found: not found.consumer_count))


def _never_taken(broker: str, left: Mapping[str, int]) -> dict[str, int]:
    """Return how many of these messages nobody has had in hand and given back."""
    with _own_loop() as loop:
        return loop.run(_fresh(broker, left))


async def _fresh(broker: str, left: Mapping[str, int]) -> dict[str, int]:
    connection = await aiormq.connect(broker)
    try:
        channel = await connection.channel()
        fresh: dict[str, int] = {}
        for queue, count in left.items():
            for _ in range(count):
                # What is not acknowledged comes back when the connection ends.
                got = (await channel.basic_get(queue)).delivery
                if not (isinstance(got, Basic.GetOk) and got.redelivered):
                    fresh[queue] = fresh.get(queue, 0) + 1
        return fresh
    finally:
        await connection.close()


def _until_taken(broker: str) -> None:
    """Return when every message is in somebody's hand."""
    with _own_loop() as loop:
        loop.run(_ready_when(broker, lambda found: not found.message_count))


def _own_loop() -> asyncio.Runner:
    # With a factory it leaves alone what pytest-asyncio has set as the current loop.
    return asyncio.Runner(loop_factory=asyncio.new_event_loop)


async def _ready_when(broker: str, holds: Callable[[Queue.DeclareOk], bool]) -> dict[str, int]:
    """Wait until ``holds`` of every queue; return how many messages are ready in which."""
    connection = await aiormq.connect(broker)
    try:
        channel = await connection.channel()
        ready = {}
        for queue in _QUEUES:
            deadline = time.monotonic() + _PATIENCE_S
            while not holds(found := await channel.queue_declare(queue, passive=True)):
                assert time.monotonic() < deadline, f"{queue}: {found}"
                await asyncio.sleep(0.02)
            if found.message_count:
                ready[queue] = found.message_count
        return ready
    finally:
        await connection.close()
