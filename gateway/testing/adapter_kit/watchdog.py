"""Ends a run whose event loop an adapter blocks for good: no timeout of the loop's own can."""

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

_BEAT_S: Final = 0.1
_LOOK_S: Final = 0.25
"""How often the thread looks. Looks are counted, not seconds: a machine that was stopped in
between stopped the thread too."""

THREAD: Final = "kakehashi-watchdog"


@contextmanager
def watchdog(home: Path, *, stuck_s: float, say: Callable[[str], None]) -> Iterator[None]:
    """End the process, with the place, when the running loop does nothing for ``stuck_s``.

    Args:
        home: The folder of the adapter's code, whose lines are to be named.
        stuck_s: Far longer than a loop may be blocked, so that only what hangs is ended.
        say: Where to, for somebody whose terminal a test runner holds.
    """
    loop, thread_id = asyncio.get_running_loop(), threading.get_ident()
    is_alive, is_over = threading.Event(), threading.Event()

    def beat() -> None:
        is_alive.set()
        if not is_over.is_set():
            loop.call_later(_BEAT_S, beat)

    def look() -> None:
        missed = 0
        while not is_over.wait(_LOOK_S):
            missed = 0 if is_alive.is_set() else missed + 1
            is_alive.clear()
            if missed * _LOOK_S >= stuck_s:
                say(_told(sys._current_frames()[thread_id], home, stuck_s))  # noqa: SLF001 - documented
                # Nothing can be raised in a thread that waits in a call of the system's.
                os._exit(1)

    thread = threading.Thread(target=look, name=THREAD, daemon=True)
    beat()
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _told(frame: FrameType, home: Path, stuck_s: float) -> str:
    """Return the sentence, and the whole stack of a thread below it."""
    stack = traceback.extract_stack(frame)
    own = [each for each in stack if Path(each.filename).is_relative_to(home)]
    if own:
        place = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
        sentence = f"{own[0].name} blocks the event loop at {place}"
    else:
        sentence = "Something blocks the event loop"
    lines = "".join(traceback.format_list(stack))
    return f"\n{sentence}; nothing else has run for {stuck_s:g} s, and the run ends.\n{lines}"
