"""Closing a channel hides what the library raises, and nothing that we asked for."""

import asyncio
from typing import Any

import pytest
from aiormq.exceptions import ChannelInvalidStateError

from gateway.domain.errors import BrokerUnavailableError
from gateway.drivers.rabbitmq.connection import Link
from gateway.drivers.rabbitmq.errors import unavailable

LINK = Link("amqp://127.0.0.1/", purpose="testing", connect_timeout_s=1, heartbeat_s=1)


class Channel:
    """A channel that closes as it is told."""

    def __init__(self, error: BaseException | None = None, *, swallows: bool = False) -> None:
        self._error = error
        self._swallows = swallows

    async def close(self) -> None:
        if self._error is not None:
            raise self._error
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not self._swallows:
                raise


@pytest.mark.parametrize("swallows", [False, True])
async def test_a_task_that_is_cancelled_while_it_closes_a_channel_ends(*, swallows: bool) -> None:
    silent: Any = Channel(swallows=swallows)
    closing = asyncio.create_task(LINK.close_channel(silent))
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

    await LINK.close_channel(broken)


async def test_a_task_that_is_cancelled_ends_whatever_the_library_makes_of_it() -> None:
    async def ask() -> None:
        with unavailable("queue"):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ConnectionResetError from None

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)

    asking.cancel()
    await asyncio.wait({asking})

    assert asking.cancelled()


async def test_a_broker_s_error_is_told_to_a_task_that_was_cancelled_before() -> None:
    async def clean_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with unavailable("queue"):
                raise ConnectionResetError

    cleaning = asyncio.create_task(clean_up())
    await asyncio.sleep(0)

    cleaning.cancel()
    await asyncio.wait({cleaning})

    assert isinstance(cleaning.exception(), BrokerUnavailableError)
