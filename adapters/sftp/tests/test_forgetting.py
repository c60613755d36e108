import errno
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.sftp import SFTPDestination
from adapters.sftp.state import Intent, intent_bytes
from gateway.sdk import (
    Application,
    Delivery,
    DestinationUnavailableError,
    Receipt,
    UnknownOutcomeError,
)
from gateway.testing.cores.sftp_server import FSYNC, POSIX_RENAME, refused

KEY = "0193453a-0000-7000-8000-000000000001"
OTHER = "0193453a-0000-7000-8000-000000000002"
DAY_S = 24 * 3600

Open = Callable[..., Awaitable[SFTPDestination]]
Build = Callable[..., Application]
Deliver = Callable[..., Delivery]


def token(days_ago: float) -> str:
    return f"{int(time.time() - days_ago * DAY_S):08x}{'ab' * 6}"


def state_file(core: Any, name: str, *, days_ago: float, content: bytes = b"") -> Path:
    """Leave a file in the state folder as an adapter did so many days ago."""
    folder = ".kakehashi/parts" if ".part" in name else ".kakehashi"
    path: Path = core.core.drop / folder / name
    path.write_bytes(content)
    age(path, days_ago)
    return path


def age(path: Path, days_ago: float) -> None:
    os.utime(path, (time.time() - days_ago * DAY_S,) * 2)


def an_intent(core: Any, *, server_days: float, own_days: float) -> Path:
    """Leave the intent of a delivery whose file was taken away."""
    last_part = f"{KEY}.{token(own_days)}.part"
    content = intent_bytes(Intent(f"{KEY}.json", last_part))
    return state_file(core, f"{KEY}.intent", days_ago=server_days, content=content)


@pytest.fixture
async def destination(opened: Open, application: Build, delivery: Deliver) -> SFTPDestination:
    """Return an adapter that has a state folder and remembers deliveries for ten days."""
    destination = await opened(key_memory_days=10)
    await destination.send(application(), delivery(OTHER))
    return destination


async def test_a_delivery_older_than_the_memory_is_forgotten(
    core: Any, destination: SFTPDestination
) -> None:
    an_intent(core, server_days=10.1, own_days=10.1)

    removed = await destination._drop.prune()

    assert removed == 1
    assert await destination.lookup(KEY) is None
    assert await destination.lookup(OTHER) is not None


@pytest.mark.parametrize(("server_days", "own_days"), [(9.9, 200), (200, 9.9)])
async def test_one_clock_alone_makes_nothing_old(
    server_days: float, own_days: float, core: Any, destination: SFTPDestination
) -> None:
    an_intent(core, server_days=server_days, own_days=own_days)

    removed = await destination._drop.prune()

    assert removed == 0
    assert await destination.lookup(KEY) == Receipt(reference=f"{KEY}.json")


@pytest.mark.parametrize("clock_s", [-200 * DAY_S, 200 * DAY_S, None])
async def test_a_server_with_another_clock_or_none_forgets_no_delivery_just_made(
    clock_s: int | None, core: Any, destination: SFTPDestination
) -> None:
    core.core.behaviour.clock_s = clock_s
    (core.core.drop / f"{OTHER}.json").unlink()

    removed = await destination._drop.prune()

    assert removed == 0
    assert await destination.lookup(OTHER) == Receipt(reference=f"{OTHER}.json")


async def test_a_server_that_tells_no_times_is_asked_to_remove_nothing_of_ours(
    core: Any, destination: SFTPDestination
) -> None:
    core.core.behaviour.clock_s = None
    path = an_intent(core, server_days=99, own_days=99)

    assert await destination._drop.prune() == 0
    assert path.exists()


@pytest.mark.parametrize(
    "name",
    [
        "id-0123",
        "readme.txt",
        f"{KEY}.json",
        f"{KEY}.intent.old",
        f"copy of {KEY}.intent",
        f"{KEY}.ab.part",
        f"{KEY}.{'g' * 20}.part",
        f"{KEY}.{'f' * 20}.part",
    ],
)
async def test_a_name_that_is_not_exactly_ours_is_left_alone(
    name: str, core: Any, destination: SFTPDestination
) -> None:
    path = state_file(core, name, days_ago=5000, content=b"{}")

    assert await destination._drop.prune() == 0
    assert path.read_bytes() == b"{}"


async def test_a_part_that_nobody_finishes_is_emptied_first_and_removed_a_memory_later(
    core: Any, destination: SFTPDestination
) -> None:
    name = f"{KEY}.{token(12)}.part"
    part = state_file(core, name, days_ago=12, content=b"personal")

    await destination._drop.prune()
    void = part.with_name(f"{name}.void")
    is_emptied = (part.exists(), void.read_bytes())
    await destination._drop.prune()
    is_kept = void.exists()
    age(void, 12)
    removed = await destination._drop.prune()

    assert is_emptied == (False, b"")
    assert is_kept
    assert (removed, void.exists()) == (1, False)


async def test_what_an_intent_may_name_is_not_touched_however_old(
    core: Any, destination: SFTPDestination
) -> None:
    last_part = f"{KEY}.{token(99)}.part"
    intent = intent_bytes(Intent(f"{KEY}.json", last_part))
    state_file(core, f"{KEY}.intent", days_ago=1, content=intent)
    part = state_file(core, last_part, days_ago=99, content=b"personal")

    await destination._drop.prune()

    assert part.read_bytes() == b"personal"
    assert await destination.lookup(KEY) is None


async def test_pruning_between_part_and_intent_loses_nothing_with_every_clock_wrong(
    core: Any,
    destination: SFTPDestination,
    opened: Open,
    application: Build,
    delivery: Deliver,
) -> None:
    other_worker = await opened(key_memory_days=10)
    state = core.core.drop / ".kakehashi" / "parts"
    original = destination._drop._write_part

    async def write_part(*arguments: Any) -> str:
        name = await original(*arguments)
        old = f"{KEY}.{token(99)}.part"
        (state / name).rename(state / old)
        age(state / old, 99)
        await other_worker._drop.prune()
        return old

    destination._drop._write_part = write_part  # type: ignore[method-assign]
    with pytest.raises(UnknownOutcomeError):
        await destination.send(application(), delivery())
    destination._drop._write_part = original  # type: ignore[method-assign]

    assert await destination.lookup(KEY) is None
    await destination.send(application(), delivery(attempt=2))
    assert [name for name, _ in core.core.arrivals].count(f"{KEY}.json") == 1


async def test_a_key_that_is_on_its_way_here_is_not_pruned(
    core: Any, destination: SFTPDestination
) -> None:
    path = an_intent(core, server_days=99, own_days=99)

    async with destination._drop._alone(KEY):
        removed = await destination._drop.prune()

    assert removed == 0
    assert path.exists()


async def test_pruning_is_done_beside_deliveries_once_a_day_and_not_at_the_start(
    core: Any, destination: SFTPDestination, application: Build, delivery: Deliver
) -> None:
    path = an_intent(core, server_days=99, own_days=99)
    third = "0193453a-0000-7000-8000-000000000003"

    was_started = destination._pruning is not None
    destination._prune_at = 0.0
    await destination.send(application(), delivery(third))
    assert destination._pruning is not None
    await destination._pruning

    assert not was_started
    assert not path.exists()


async def test_pruning_that_fails_is_tried_again_another_day(
    core: Any, destination: SFTPDestination
) -> None:
    path = an_intent(core, server_days=99, own_days=99)
    core.core.behaviour.refused = {"remove": (errno.EACCES, 100)}

    with pytest.raises(DestinationUnavailableError):
        await destination._drop.prune()

    assert path.exists()


async def test_one_file_that_the_server_keeps_from_us_does_not_end_the_round(
    core: Any, destination: SFTPDestination
) -> None:
    for number in (3, 4):
        key = KEY[:-1] + str(number)
        content = intent_bytes(Intent(f"{key}.json", f"{key}.{token(99)}.part"))
        state_file(core, f"{key}.intent", days_ago=99, content=content)
    core.core.behaviour.refused = refused("read", errno.EACCES, times=1)

    removed = await destination._drop.prune()

    assert removed == 1


@pytest.mark.parametrize("then", ["looked up", "sent again"])
@pytest.mark.parametrize("trigger", [None, ".end"])
@pytest.mark.parametrize("cut_on", [FSYNC, POSIX_RENAME])
async def test_what_a_worker_left_in_clear_is_emptied_by_the_next_one(
    cut_on: str,
    trigger: str | None,
    then: str,
    core: Any,
    opened: Open,
    application: Build,
    delivery: Deliver,
) -> None:
    killed = await opened(trigger_suffix=trigger)
    await killed.send(application(), delivery(OTHER))
    core.core.behaviour.cut_on, core.core.behaviour.cut_times = cut_on, 1
    with pytest.raises((DestinationUnavailableError, UnknownOutcomeError)):
        await killed.send(application(), delivery())
    was_in_clear = core.in_clear
    restarted = await opened(trigger_suffix=trigger)

    if then == "looked up":
        found = await restarted.lookup(KEY)
        assert found is None
    else:
        await restarted.send(application(), delivery(attempt=2))

    assert len(was_in_clear) == 1
    assert core.in_clear == []
