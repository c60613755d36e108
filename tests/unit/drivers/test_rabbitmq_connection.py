"""Closing a channel hides what the library raises, and nothing that we asked for."""

import asyncio
from typing import Any

import pytest
from aiormq.exceptions import ChannelInvalidStateError

from gateway.drivers.rabbitmq.connection import close_channel


class Channel:
    """A channel that closes as it is told."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error = error

    async def close(self) -> None:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()


async def test_a_task_that_is_cancelled_while_it_closes_a_channel_ends() -> None:
    silent: Any = Channel()
    closing = asyncio.create_task(close_channel(silent))
    await asyncio.sleep(0)

    closing.cancel()
    await asyncio.wait({closing})

    assert closing.cancelled()


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), ChannelInvalidStateError(), ConnectionResetError()]
)
async def test_what_the_library_raises_when_a_channel_closes_ends_nothing(
    error: BaseException,
) -> None:
    broken: Any = Channel(error)

    await close_channel(broken)
