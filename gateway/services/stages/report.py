"""Last stage: tell the gateway, and have it confirmed before the copy is given up."""

import asyncio
from typing import Final

import structlog

from gateway.domain.errors import TransientError
from gateway.ports.broker import OUTCOMES, Broker, Message

log = structlog.get_logger()

_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0


async def report(broker: Broker, message: Message) -> None:
    """Return once the broker has confirmed ``message``, however long it takes.

    Only this message says that the core system has the application: as long as
    the worker lives it does not give up.
    """
    pause_s = _PAUSE_S
    while True:
        try:
            await broker.publish(OUTCOMES, message)
        except TransientError as error:
            log.warning("outcome.not_confirmed", code=error.code)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        else:
            return
