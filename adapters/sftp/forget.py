"""Forgets deliveries that are older than the memory; ``drop`` says why that loses nothing."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from adapters.sftp.session import RefusedError, Session
from adapters.sftp.state import MOST_INTENT_BYTES, StateFile, begun_at, intent_of, state_file

_DAY_S: Final = 24 * 3600.0
_CLOCK: Final = b"/clock"
"""An empty file, written only to ask the server what time it is."""


class Forgetting:
    """One round through a state folder."""

    def __init__(
        self,
        session: Session,
        state: bytes,
        parts: bytes,
        *,
        memory_s: float,
        lock_of: Callable[[str], asyncio.Lock],
    ) -> None:
        """Remember where, and by which lock a key's deliveries exclude each other."""
        self._session = session
        self._state = state
        self._folders = (state, parts)
        self._memory_s = memory_s
        self._lock_of = lock_of

    async def run(self) -> int:
        """Forget what is old by the server's clock and by ours; return how many files went.

        A server that tells no times loses nothing.
        """
        now = await self._server_time()
        if now is None:
            return 0
        before = now - self._memory_s
        old = [
            (folder, name)
            for folder in self._folders
            async for name, file in self._session.names(folder)
            if file.changed_at is not None and file.changed_at < before
        ]
        removed = 0
        for folder, name in old:
            # What we may not touch, or another worker was faster with, keeps nothing else.
            with contextlib.suppress(RefusedError):
                removed += await self._forget(folder, name, now)
        return removed

    async def _server_time(self) -> int | None:
        path = self._state + _CLOCK
        await self._session.remove(path)
        await self._session.write_new(path, b"")
        file = await self._session.stat(path)
        await self._session.remove(path)
        return None if file is None else file.changed_at

    async def _forget(self, folder: bytes, name: bytes, now: int) -> bool:
        ours = state_file(name)
        if ours is None:
            return False
        lock = self._lock_of(ours.key)
        if lock.locked():
            return False
        async with lock:
            path = folder + b"/" + name
            if ours.is_intent:
                return await self._forget_intent(path)
            return await self._forget_leftover(path, ours, now)

    async def _forget_intent(self, path: bytes) -> bool:
        intent = intent_of(await self._session.read(path, MOST_INTENT_BYTES))
        begun = None if intent is None else begun_at(intent)
        if begun is None or begun >= time.time() - self._memory_s:
            return False
        return await self._session.remove(path)

    async def _forget_leftover(self, path: bytes, ours: StateFile, now: int) -> bool:
        """Void a part, or remove what was void for long enough."""
        margin = self._memory_s + _DAY_S
        file = await self._session.stat(path)
        is_old = (
            file is not None
            and file.changed_at is not None
            and file.changed_at < now - margin
            and ours.begun_at is not None
            and ours.begun_at < time.time() - margin
        )
        intent = self._state + b"/" + ours.key.encode("ascii") + b".intent"
        if not is_old or await self._session.stat(intent) is not None:
            return False
        if ours.is_void:
            return await self._session.remove(path)
        await self._session.void(path)
        return False
