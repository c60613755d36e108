"""The drop folder on the server: a file appears in it whole and once, whatever is cut when.

Beside the delivered files lies the state folder, on the same file system::

    parts/KEY.TOKEN.part     the content, before it has its final name
    parts/KEY.TOKEN.trigger  the trigger file, before it has its final name, if there is one
    parts/*.void             one that was taken away, so that nobody can still rename it
    KEY.intent               "these are about to be renamed"; kept for ``key_memory_days``
    id-…                     a random name of this folder, so that another folder is noticed

A delivery goes: write and sync the part (and the trigger); write and sync the intent, which
names them; rename the part to its final name; rename the trigger. The last rename, of the
*last part*, is the delivery. So at any instant:

    intent whole, last part there       not delivered
    intent whole, last part gone        delivered, even if the file has been taken away,
                                        unless the last part is void
    no intent, or not whole             not delivered, unless the last final name is there

A server has no locks for us. A request of a connection that was cut may still be carried out
afterwards, so a lookup does not look: it renames the last part to ``.void``. Either that
succeeds, and no rename of a delivery can any more; or the delivery's had come first. A
token is new for every attempt that was not cut before its intent: one that comes late finds
nothing to rename. It begins with the time at which the attempt began, by our clock.

A lookup, and every attempt but the first, voids and empties what other attempts left of the
key: parts have a folder of their own, so that it is short to list.

Forgetting goes by these rules, so that what is true above stays true beside any delivery:

1. A part, or a trigger's, is never removed, which with its intent would say "delivered". It
   becomes ``.void`` by a rename, as in a lookup, and is emptied afterwards: whenever that
   happens, the delivery fails and is known not to have been made.
2. A void is removed when its key has no intent, and it is older than ``key_memory_days`` and
   a day: an intent that names it could only come from an attempt that lasted that long.
3. An intent is removed when it is older than ``key_memory_days``: what is promised of a
   delivery ends there. So intents go before what they name, and that a later day.
4. Old is what is old by the server's clock, asked by writing a file, *and* by ours, which
   wrote the time into the token. One clock that is wrong, or jumps, makes nothing old; a
   server that tells no times forgets nothing.
5. What is not exactly named as above is not ours. A key that is being delivered or looked up
   in this process is left for another day, and waits for us if we were first.
"""

import asyncio
import contextlib
import hashlib
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.sftp.client import Line
from adapters.sftp.config import SFTPConfig
from adapters.sftp.forget import Forgetting
from adapters.sftp.known import KnownFolder
from adapters.sftp.mapping import FAILURE, file_name, refusal, spelled
from adapters.sftp.session import VOID, LostError, RefusedError, Session
from adapters.sftp.state import (
    MOST_INTENT_BYTES,
    Intent,
    intent_bytes,
    intent_of,
    is_key,
    new_token,
    state_file,
)
from gateway.sdk import DestinationUnavailableError, RejectedError, UnknownOutcomeError

_MOST_RESUMABLE: Final = 1000
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """A part that was cut: its content's SHA-256, or ``None`` once an intent may name it."""

    name: str
    digest: bytes | None


class Drop:
    """Puts files into one folder of the server. Safe from many tasks at once."""

    def __init__(self, line: Line, config: SFTPConfig) -> None:
        """Remember what to do; asks nothing."""
        self._line = line
        self._config = config
        self._folder = spelled(config.folder.rstrip("/") or "/", config)
        self._state = config.path_of(config.state_folder).rstrip(b"/")
        self._parts = self._state + b"/parts"
        self._has_parts = False
        self._known = KnownFolder(self._folder, self._state)
        self._unfinished: dict[str, _Unfinished] = {}
        # A lock lives as long as somebody holds it or waits for it.
        self._locks = weakref.WeakValueDictionary[str, asyncio.Lock]()

    def open(self, own_folder: Path) -> None:
        """Recall which state folder was used before. Blocking."""
        self._known.open(own_folder)

    async def check(self) -> None:
        """Return if a delivery can be expected to work; changes nothing.

        Raises:
            DestinationUnavailableError: It cannot.
        """
        async with self._asking() as session:
            if not await session.is_folder(self._folder):
                raise DestinationUnavailableError("sftp.folder_missing")
            await self._known.check(session)
            free = await session.free_bytes(self._folder)
            if free is not None and free < self._config.min_free_mib * _MIB:
                raise DestinationUnavailableError("sftp.disk_full")

    async def put(self, key: str, content: bytes, *, again: bool = False) -> str:
        """Deliver ``content`` once and return the file's name.

        What was delivered before is not delivered again.

        Args:
            key: The idempotency key.
            content: Of the file.
            again: Whether somebody may have tried before, and left something.

        Raises:
            RejectedError: Another file has the name (``sftp.name_taken``).
            TransientError: Nothing was delivered (also as ``DestinationUnavailableError``).
            UnknownOutcomeError: The last rename was asked for, and nobody answered.
        """
        async with self._alone(key), self._asking() as session:
            await self._known.require(session)
            if not self._has_parts:
                await session.make_folder(self._parts)
                self._has_parts = True
            name = await self._resolve(session, key, content)
            if again:
                await self._sweep(session, key, None if name else self._resumable(key))
            return name or await self._deliver(session, key, content)

    async def find(self, key: str) -> str | None:
        """Return the delivered file's name, or ``None`` if nothing was or will be delivered.

        Raises:
            TransientError: Cannot tell now.
        """
        async with self._alone(key), self._asking() as session:
            await self._known.require(session)
            name = await self._resolve(session, key)
            self._unfinished.pop(key, None)
            await self._sweep(session, key, None)
            return name

    async def prune(self) -> int:
        """Forget what is older than ``key_memory_days``; return how many files were removed."""
        memory_s = self._config.key_memory.total_seconds()
        async with self._asking() as session:
            await self._known.require(session)
            forgetting = Forgetting(
                session, self._state, self._parts, memory_s=memory_s, lock_of=self._lock
            )
            return await forgetting.run()

    def _resumable(self, key: str) -> str | None:
        """Return the part that this process can take up, if there is one."""
        unfinished = self._unfinished.get(key)
        return None if unfinished is None or unfinished.digest is None else unfinished.name

    def _lock(self, key: str) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    @contextlib.asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """Keep a key from everybody else in this process."""
        if not is_key(key):
            raise ValueError("idempotency key")  # it becomes a file name
        async with self._lock(key):
            yield

    async def _deliver(self, session: Session, key: str, content: bytes) -> str:
        """Take a delivery of which there is nothing from its beginning to its end."""
        name = file_name(key, self._config)
        trigger = self._config.trigger_suffix
        token = new_token()
        moves: list[tuple[str, str]] = []
        if not await self._is_there(session, name, content):
            moves.append((await self._write_part(session, key, token, content), name))
        try:
            if trigger is not None:
                moves.append((f"{key}.{token}.trigger", name + trigger))
                await session.write_new(self._part(moves[-1][0]), b"", self._config.mode)
            # From here on an intent may name the part: no other attempt takes it up.
            self._unfinished[key] = _Unfinished(moves[0][0], None)
            intent = intent_bytes(Intent(name, moves[-1][0]))
            await session.write_new(self._intent_path(key), intent)
            for source, target in moves[:-1]:
                await session.rename(self._part(source), self._final(target))
            await self._rename_last(session, *moves[-1])
        except RefusedError:
            await self._forget(session, key, [source for source, _ in moves])
            raise
        self._unfinished.pop(key, None)
        return name

    async def _is_there(self, session: Session, name: str, content: bytes) -> bool:
        """Tell whether the file lies there already, as it does when its trigger was cut off.

        Raises:
            RejectedError: Something else has its name.
        """
        file = await session.stat(self._final(name))
        if file is None:
            return False
        is_ours = file.size == len(content) and content == await session.read(
            self._final(name), len(content) + 1
        )
        if not is_ours:
            raise RejectedError("sftp.name_taken")
        return True

    async def _write_part(self, session: Session, key: str, token: str, content: bytes) -> str:
        """Write the content, from where it was cut if it was, and return the part's name."""
        digest = hashlib.sha256(content).digest()
        unfinished = self._unfinished.get(key)
        if unfinished is not None and unfinished.digest == digest:
            path = self._part(unfinished.name)
            there = await session.stat(path)
            if there is not None and there.size <= len(content):
                await session.write_on(path, content, there.size)
                return unfinished.name
        elif unfinished is not None:
            await self._empty(session, unfinished.name)
        name = f"{key}.{token}.part"
        while len(self._unfinished) >= _MOST_RESUMABLE:
            del self._unfinished[next(iter(self._unfinished))]
        self._unfinished[key] = _Unfinished(name, digest)
        try:
            await session.write_new(self._part(name), content, self._config.mode)
        except RefusedError:
            del self._unfinished[key]
            await self._forget(session, key, [name])
            raise
        return name

    async def _empty(self, session: Session, part: str) -> None:
        """Leave nobody's data in a part that nobody takes up, and void it.

        It is not removed: an intent that comes late would then say "delivered".
        """
        with contextlib.suppress(RefusedError):
            await session.void(self._part(part))

    async def _sweep(self, session: Session, key: str, resumed: str | None) -> None:
        """Leave nobody's data in what other attempts left of a key, but for one part."""
        found = []
        try:
            async for raw, file in session.names(self._parts):
                ours = state_file(raw)
                name = raw.decode("ascii", "replace")
                if ours is not None and ours.key == key and name != resumed:
                    found.append((name, ours.is_void, file.size))
        except RefusedError as error:
            if not error.is_absent:
                raise
        for name, is_void, size in found:
            if not is_void:
                await self._empty(session, name)
            elif size:
                with contextlib.suppress(RefusedError):
                    await session.truncate(self._part(name))

    async def _rename_last(self, session: Session, source: str, target: str) -> None:
        """Deliver: the one request after whose loss nobody knows.

        Raises:
            RefusedError: The server refused it: also without ``posix-rename``, because there is
                another file. The next attempt finds out.
            UnknownOutcomeError: It may have been done.
        """
        try:
            await session.rename(self._part(source), self._final(target))
        except LostError as error:
            raise UnknownOutcomeError("sftp.rename_unclear") from error
        except RefusedError as error:
            try:
                is_source_there = await session.stat(self._part(source)) is not None
            except (LostError, RefusedError):
                is_source_there = False
            if not is_source_there:
                # Behind the server may be a network file system, which can do it and deny it.
                raise UnknownOutcomeError("sftp.rename_unclear") from error
            raise

    async def _resolve(
        self, session: Session, key: str, content: bytes | None = None
    ) -> str | None:
        """Return the name of what was delivered, or make sure that nothing is or will be.

        Raises:
            RejectedError: There is no intent, and not ``content`` under its name.
        """
        intent = await self._intent(session, key)
        if intent is None:
            name = file_name(key, self._config)
            last = name + (self._config.trigger_suffix or "")
            if await session.stat(self._final(last)) is not None:
                if content is not None:
                    await self._is_there(session, name, content)
                return name
            await session.remove(self._intent_path(key))  # one that was cut in the middle
            return None
        part = self._part(intent.last_part)
        void = part + VOID
        try:
            await session.rename(part, void)
        except RefusedError:
            # Not every server has a status of its own for a file that is not there.
            if await session.stat(part) is not None:
                raise
            if await session.stat(void) is None:
                return intent.name
        # First the intent, which without its last part would say "delivered".
        await session.remove(self._intent_path(key))
        await session.remove(void)
        return None

    async def _intent(self, session: Session, key: str) -> Intent | None:
        """Return what the intent says; ``None`` if there is none or it is not whole."""
        path = self._intent_path(key)
        if await session.stat(path) is None:
            return None
        return intent_of(await session.read(path, MOST_INTENT_BYTES))

    async def _forget(self, session: Session, key: str, parts: list[str]) -> None:
        """Take an unfinished delivery away, as far as the server lets us."""
        self._has_parts = False  # perhaps that is what was refused
        with contextlib.suppress(RefusedError, LostError):
            await session.remove(self._intent_path(key))
            for part in parts:
                await session.remove(self._part(part))

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[Session]:
        """Lend a session; what ends it here had no effect."""
        try:
            async with self._line.session() as session:
                try:
                    yield session
                except RefusedError as error:
                    is_full = error.status == FAILURE and await self._is_full(session)
                    raise refusal(error.status, is_full=is_full) from error
        except LostError as error:
            raise DestinationUnavailableError(error.reason) from error

    async def _is_full(self, session: Session) -> bool:
        try:
            free = await session.free_bytes(self._folder)
        except LostError:
            return False
        return free is not None and free < self._config.min_free_mib * _MIB

    def _own(self, name: str) -> bytes:
        return self._state + b"/" + name.encode("ascii")

    def _part(self, name: str) -> bytes:
        return self._parts + b"/" + name.encode("ascii")

    def _intent_path(self, key: str) -> bytes:
        return self._own(f"{key}.intent")

    def _final(self, name: str) -> bytes:
        return self._folder + b"/" + spelled(name, self._config)
