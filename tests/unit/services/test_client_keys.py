"""API keys: shown once, working at once, revoked at once, and never anything but a 401."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.entry import Actor, ActorKind
from gateway.services.accept import Refusal
from gateway.services.operate.refusals import NotFoundError
from gateway.testing.faults import FlakyJournal
from gateway.testing.world import CLIENT, World, eventually

ME = Actor(ActorKind.OPERATOR, "sato")


async def a_key(world: World) -> tuple[str, str]:
    made: Any = await world.gateway.operate.client_keys.add(CLIENT, actor=ME)
    return made["id"], made["key"]


async def test_a_new_key_works_at_once_and_is_kept_only_as_a_digest(world: World) -> None:
    key_id, key = await a_key(world)

    assert world.gateway.authenticate(f"Bearer {key}") == CLIENT
    assert key.startswith(f"kkh_{key_id}_")
    listed = await world.gateway.operate.client_keys.list()
    assert [(one["id"], one["client"], one["revoked_at"]) for one in listed] == [
        (key_id, CLIENT, None)
    ]
    entry: Any = (await world.log())[-1]
    assert (entry["action"], entry["actor"]["name"]) == ("client_key.added", "sato")
    assert entry["facts"] == {"key": key_id, "client": CLIENT}
    [kept] = await world.gateway.journal.client_keys()
    assert key.encode() not in kept.digest
    assert key not in str(await world.log())


async def test_a_revoked_key_is_refused_at_once(world: World) -> None:
    key_id, key = await a_key(world)

    assert await world.gateway.operate.client_keys.revoke(key_id, actor=ME) == {
        "id": key_id,
        "revoked": True,
    }

    refused = world.gateway.authenticate(f"Bearer {key}")
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.code) == (401, "client.key_revoked")
    [listed] = await world.gateway.operate.client_keys.list()
    assert listed["revoked_at"] is not None
    assert (await world.actions())[-1] == "client_key.revoked"


async def test_what_is_not_there_can_neither_get_a_key_nor_lose_one(world: World) -> None:
    keys = world.gateway.operate.client_keys
    key_id, _ = await a_key(world)
    await keys.revoke(key_id, actor=ME)

    with pytest.raises(NotFoundError, match="no client 'nobody'"):
        await keys.add("nobody", actor=ME)
    for gone in (key_id, "000000000000"):
        with pytest.raises(NotFoundError, match="no unrevoked key"):
            await keys.revoke(gone, actor=ME)


async def test_a_key_is_shown_although_it_could_not_be_read_back(
    flaky: World, journal: FlakyJournal
) -> None:
    original = journal.add_client_key

    async def add(*arguments: Any) -> None:
        await original(*arguments)
        journal.is_down = True

    journal.add_client_key = add  # type: ignore[method-assign]
    _, key = await a_key(flaky)
    journal.is_down = False

    await flaky.gateway.authenticate.reload()
    assert flaky.gateway.authenticate(f"Bearer {key}") == CLIENT


async def test_a_command_beside_the_gateway_makes_keys_too(world: World) -> None:
    keys = world.gateway.operate.client_keys
    keys._keys_changed = None

    made = await keys.add(CLIENT, actor=ME)

    assert isinstance(world.gateway.authenticate(f"Bearer {made['key']}"), Refusal)
    await world.gateway.authenticate.reload()
    assert world.gateway.authenticate(f"Bearer {made['key']}") == CLIENT


# Who is asking


@pytest.mark.parametrize(
    "presented",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic cG9ydGFsOng=",
        "kkh_000000000000_x",
        "Bearer x",
        "Bearer kkh_",
        "Bearer kkh__",
        "Bearer kkh_000000000000_" + "A" * 43,
        "Bearer \x00\xff\udc80",
        "Bearer " + "A_" * 100_000,
        "Bearer\tkkh_000000000000_x",
        "Bearer 山田_太郎_花子",
    ],
    ids=lambda text: repr(text)[:30],
)
async def test_whoever_is_not_known_gets_a_401(world: World, presented: str | None) -> None:
    await a_key(world)

    refused = world.gateway.authenticate(presented)

    assert isinstance(refused, Refusal)
    assert refused.status == 401


@pytest.mark.parametrize(
    "alter",
    [
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key + "x",
        lambda key: key.replace("kkh_", "xyz_"),
        lambda key: key.upper(),
        lambda key: key.rpartition("_")[0] + "_",
    ],
    ids=["last letter", "longer", "other prefix", "capitals", "no secret"],
)
async def test_the_right_id_with_a_wrong_secret_is_as_unknown_as_any(
    world: World, alter: Any
) -> None:
    _, key = await a_key(world)

    refused = world.gateway.authenticate(f"Bearer {alter(key)}")

    assert isinstance(refused, Refusal)
    assert (refused.status, refused.code) == (401, "client.key_unknown")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_scheme_s_name_has_no_case(world: World, scheme: str) -> None:
    _, key = await a_key(world)

    assert world.gateway.authenticate(f"{scheme} {key}") == CLIENT


async def test_a_key_for_one_process_s_life_is_kept_nowhere(world: World) -> None:
    _, key = await a_key(world)
    [kept] = await world.gateway.journal.client_keys()
    other = World.make(world.worker._health._context.folder / "other")

    other.gateway.authenticate.admit(replace(kept, revoked_at=None))

    assert other.gateway.authenticate(f"Bearer {key}") == CLIENT


async def test_a_key_that_another_process_made_is_known_soon_even_after_an_outage(
    flaky: World, journal: FlakyJournal
) -> None:
    flaky.gateway.operate.client_keys._keys_changed = None
    journal.is_down = True
    running = asyncio.create_task(flaky.gateway.authenticate.run())
    with capture_logs() as logs:
        await eventually(lambda: "client_keys.not_reloaded" in [log["event"] for log in logs])
    journal.is_down = False
    _, key = await a_key(flaky)

    await eventually(lambda: flaky.gateway.authenticate(f"Bearer {key}") == CLIENT)
    running.cancel()
    await asyncio.wait({running})
