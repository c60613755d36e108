"""A share whose server does not answer: every call on it blocks, and no call can be cancelled."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.file import FileConfig, FileDestination
from adapters.file.client import FOLDER_ID, STATE_FOLDER
from adapters.file.threads import AT_ONCE
from gateway.sdk import Application, Context, Delivery

DEADLINE_S = 0.3
BATCHES = {"max_records": 1}
KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(AT_ONCE + 2)]


class HangingShare:
    """A drop folder in which a FIFO that nobody writes to lies in place of the folder's id.

    The adapter reads the id before whatever else it does in the folder, and hangs there.
    """

    def __init__(self, folder: Path) -> None:
        self._id = folder / STATE_FOLDER / FOLDER_ID
        self._known = self._id.read_bytes()
        self._fifo = folder.with_name("fifo")
        os.mkfifo(self._fifo)
        in_its_place = folder.with_name("in-its-place")
        os.link(self._fifo, in_its_place)
        in_its_place.rename(self._id)

    async def come_back(self, destination: FileDestination) -> None:
        """Let every call that hangs go on with the right id, until the adapter is closed."""
        restored = self._fifo.with_name("restored")
        restored.write_bytes(self._known)
        restored.rename(self._id)
        closing = asyncio.create_task(destination.close())
        while not closing.done():
            with contextlib.suppress(OSError):  # nobody reads just now
                writer = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
                os.write(writer, self._known)
                os.close(writer)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("batch", [None, BATCHES], ids=["one-a-file", "batches"])
async def test_every_call_ends_at_its_deadline_and_what_came_of_it_is_known_afterwards(
    batch: dict[str, Any] | None,
    tmp_path: Path,
    context: Context,
    application: Callable[..., Application],
    delivery: Callable[..., Delivery],
) -> None:
    drop = tmp_path / "drop"
    config = FileConfig.model_validate(
        {
            "folder": drop,
            "min_free_mib": 0,
            "batch": batch,
            **({"format": "jsonl"} if batch else {}),
        }
    )
    destination = FileDestination(config)
    await destination.open(context)
    share = HangingShare(drop)
    calls = [
        *(destination.send(application(), delivery(key)) for key in KEYS),
        destination.lookup(KEYS[0]),
        destination.check(),
    ]

    ended = await asyncio.gather(*(at_its_deadline(call) for call in calls))
    await share.come_back(destination)

    assert ended == ["late"] * len(calls)
    again = FileDestination(config)
    await again.open(context)
    delivered = [path for path in drop.iterdir() if path.name != STATE_FOLDER]
    found = [await again.lookup(key) for key in KEYS]
    await again.close()
    assert sum(receipt is not None for receipt in found) == len(delivered)
    if batch is None:
        assert delivered == []


async def at_its_deadline(call: Any) -> str:
    """End a call as the runtime does."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            return repr(await call)
    except TimeoutError:
        return "late"
