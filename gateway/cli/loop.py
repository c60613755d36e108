"""The event loop that commands run on."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_SWITCH_S: Final = 0.0005
"""How long a thread with an answer from the disk waits for a busy event loop to let it go on;
5 ms if nothing is said, several times within one commit (``sys.setswitchinterval``)."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end, on uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    sys.setswitchinterval(_SWITCH_S)
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
