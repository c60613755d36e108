"""After acceptance the plaintext is nowhere: not in the journal, the broker, a dead letter, a log.

The same is done twice: once as shipped, once with a seal that hides nothing
(``harness/unsealed.py``). The search must find nothing the first time and everything
the second time, or it proves nothing.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import aiormq
import asyncpg

from gateway.testing.postgres import PostgresNode
from tests.acceptance.harness.applications import CARE, CHILDCARE, as_bytes
from tests.acceptance.harness.canary import (
    Canaries,
    Pattern,
    found_below,
    found_in,
    missing,
    patterns,
)
from tests.acceptance.harness.cores import HTTPSink
from tests.acceptance.harness.front import ACCEPTED, Sent, until
from tests.acceptance.harness.landscape import ASKED, CARELESS, Landscape
from tests.acceptance.harness.production import Production

UNSEALED: Final = (sys.executable, "-m", "tests.acceptance.harness.unsealed")
DELIVERY_LIMIT: Final = 50
"""After so many returns a copy is a dead letter (docs/reference, topology)."""

Found = Mapping[str, set[tuple[str, str]]]


async def test_nothing_of_an_application_is_left_in_the_clear(
    landscape: Landscape, production: Callable[..., Production], postgres_node: PostgresNode
) -> None:
    footing = await asyncio.to_thread(production, landscape.destinations(), log_level="debug")

    _, found = await _carry_canaries(footing, landscape, postgres_node)

    assert found == {}


async def test_the_search_finds_everything_when_nothing_is_sealed(
    landscape: Landscape, production: Callable[..., Production], postgres_node: PostgresNode
) -> None:
    footing = await asyncio.to_thread(
        production, landscape.destinations(), log_level="debug", command=UNSEALED
    )

    canaries, found = await _carry_canaries(footing, landscape, postgres_node)

    for place in ("tables", str(postgres_node.folder), str(footing.rabbit.folder)):
        hits = {hit for path, hits in found.items() if path.startswith(place) for hit in hits}
        assert missing(canaries, hits, cut=place == str(postgres_node.folder)) == {}, place


async def _carry_canaries(
    footing: Production, landscape: Landscape, postgres: PostgresNode
) -> tuple[list[Canaries], Found]:
    """Send canaries every way an application may go; return where any of them is found."""
    since = time.time()
    canaries = [Canaries(CHILDCARE, 1), Canaries(CARE, 2)]
    refused = Canaries(CARE, 3)
    refused.document["content"]["insured"]["my_number"] = refused.document["content"]["insured"][
        "my_number"
    ][::-1]
    asked = landscape.sinks[ASKED]
    assert isinstance(asked, HTTPSink)
    for program in footing.gateways.values():
        program.start()
        program.first_line()
    journal = json.loads(footing.gateway_machine.config.read_text())["journal"]["url"]
    await _leave_values_as_they_are(journal)
    async with footing.front() as front:
        for canary in canaries:
            await front.submit(Sent(as_bytes(canary.document), key=canary.key))
        status, _, _ = await front.post(Sent(as_bytes(refused.document), key=refused.key))
        assert status != ACCEPTED
    wanted = [
        *(pattern for canary in (*canaries, refused) for pattern in patterns(canary.values)),
        *patterns({"api_key": footing.api_key}),
    ]
    await _until_queued(footing)
    found = dict(_search({"broker, queued": footing.rabbit.folder}, wanted, since))
    await _crash_loop(footing)
    asked.behave("refuse", times=1)
    for program in footing.workers.values():
        program.start()
    await until(lambda: asyncio.to_thread(_is_through, footing), timeout_s=30, what="not delivered")
    for program in (*footing.gateways.values(), *footing.workers.values()):
        program.stop()
    places = {
        "gateway": footing.gateway_machine.folder,
        "worker": footing.worker_machine.folder,
        "broker": footing.rabbit.folder,
        "database": postgres.folder,
    }
    found |= await asyncio.to_thread(_search, places, wanted, since)
    # What is longer than 2 KB may be compressed in its own way in the database's files.
    if hits := set(found_in(await _dump(journal), wanted)):
        found["tables"] = hits
    return canaries, found


def _search(places: Mapping[str, Path], wanted: list[Pattern], since: float) -> Found:
    return found_below(places.values(), wanted, since=since)


async def _leave_values_as_they_are(journal: str) -> None:
    """Keep PostgreSQL from compressing long values, which would hide them from the search."""
    connection = await asyncpg.connect(journal)
    try:
        for row in await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'bytea'"
        ):
            table, column = row["table_name"], row["column_name"]
            await connection.execute(f'ALTER TABLE "{table}" ALTER "{column}" SET STORAGE EXTERNAL')
    finally:
        await connection.close()


async def _dump(journal: str) -> bytes:
    """Return every row of every table, as the database itself sees them."""
    content: list[bytes] = []

    async def take(part: bytes) -> None:
        content.append(part)

    connection = await asyncpg.connect(journal)
    try:
        for row in await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ):
            await connection.copy_from_table(row["tablename"], output=take, format="binary")
    finally:
        await connection.close()
    assert content
    return b"".join(content)


async def _until_queued(footing: Production) -> None:
    async def queued() -> bool:
        return (await asyncio.to_thread(footing.operator.states)) == {"queued": 3}

    await until(queued, timeout_s=30, what="not queued")


async def _crash_loop(footing: Production) -> None:
    """Take a copy and drop it, until the broker makes a dead letter of it."""
    config = json.loads(footing.gateway_machine.config.read_text())
    connection = await aiormq.connect(config["broker"]["url"])
    try:
        for _ in range(DELIVERY_LIMIT + 1):
            channel = await connection.channel()
            await channel.basic_qos(prefetch_count=1)
            taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            async def take(_: object, taken: asyncio.Future[None] = taken) -> None:
                if not taken.done():
                    taken.set_result(None)

            await channel.basic_consume(f"dest.{CARELESS}", take)
            await asyncio.wait_for(taken, 10)
            await channel.close()
    finally:
        await connection.close()


def _is_through(footing: Production) -> bool:
    states = {
        each["destination"]: (each["state"], each["code"]) for each in footing.operator.deliveries()
    }
    return (
        states["jido-teate"][0] == "delivered"
        and states[ASKED][0] == "parked"
        and states[CARELESS] == ("parked", "delivery.crash_loop")
    )
