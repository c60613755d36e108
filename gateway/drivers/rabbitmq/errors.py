"""What the AMQP library may raise, and what it means to us."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiormq.exceptions import AMQPError
from pamqp.exceptions import PAMQPException

from gateway.domain.errors import BrokerUnavailableError

LIBRARY_ERRORS: Final = (
    AMQPError,
    PAMQPException,
    OSError,  # Connection errors and every TimeoutError.
    EOFError,
    RuntimeError,  # ChannelInvalidStateError, and "... closed" without a class of its own.
    asyncio.InvalidStateError,
)
"""All that a lost, frozen or refusing broker was seen to surface as."""


def cancellations() -> int:
    """Return how often somebody has asked the running task to end."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


@contextmanager
def unavailable(subject: str) -> Iterator[None]:
    """Raise ``BrokerUnavailableError`` for whatever the library raises inside.

    A cancellation that nobody asked this task for is the library's too: it
    cancels the futures of a connection that has missed its heartbeats.
    """
    before = cancellations()
    try:
        yield
    except LIBRARY_ERRORS as error:
        if cancellations() > before:
            # We asked for an end, and the library made something else of it.
            raise asyncio.CancelledError from error
        raise BrokerUnavailableError(subject) from error
    except asyncio.CancelledError as error:
        if cancellations():
            raise
        raise BrokerUnavailableError(subject) from error
    except Exception as error:
        # Futures of a connection closed in order fail with the bare class.
        if type(error) is not Exception:
            raise
        raise BrokerUnavailableError(subject) from error
