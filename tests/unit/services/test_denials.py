"""Denials are counted and written once a second, however many there are."""

from typing import Any

from gateway.domain.identifiers import ClientName
from gateway.testing.world import World


async def test_a_flood_of_denials_becomes_one_entry_for_each_reason_and_client(
    world: World,
) -> None:
    for _ in range(1000):
        world.gateway.denials.count("client.key_unknown")
    world.gateway.denials.count("request.too_large", ClientName("portal"))

    await world.gateway.denials.write()
    await world.gateway.denials.write()

    denied: list[Any] = [e for e in await world.log() if e["action"] == "requests.denied"]
    assert [(e["actor"]["name"], e["facts"]["code"], e["facts"]["count"]) for e in denied] == [
        ("front-end", "client.key_unknown", 1000),
        ("portal", "request.too_large", 1),
    ]
