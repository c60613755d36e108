"""Folders of result files on the server: read when written whole, moved when durable.

``results/NAME`` becomes ``results/done/NAME``, or, when a line of it was no feedback,
``results/bad/NAME`` with ``NAME.reasons.txt`` beside it. The good lines of such a file
count all the same; put the corrected file back and they are recognised by their ids.

A file that cannot be read or moved, or at which the connection ends, rests for some rounds:
it keeps nobody waiting, and is not told again at every round.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import structlog

from adapters.sftp.client import Line
from adapters.sftp.config import BAD, DONE, ResultsConfig, SFTPConfig
from adapters.sftp.session import LostError, RefusedError, RemoteFile, Session
from gateway.formats.charset import decode
from gateway.formats.result_file import Result, ResultFault, read_results
from gateway.sdk import DestinationUnavailableError

_UNFINISHED: Final = (".tmp", ".part", ".partial", ".writing", ".filepart")
"""Endings of files still being written (WinSCP: .filepart); leading dots count too."""

_LONGEST_NAME_BYTES: Final = 200
"""File systems take 255, of which we may add a time and ``.reasons.txt``."""

_ROUNDS_OF_REST: Final = 10
"""So long is a file left alone that cannot be read or moved."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file as it was read.

    Attributes:
        name: As the server spells it.
        look: Its size and time then.
        results: What its good lines say.
        faults: What is wrong with the others.
    """

    name: bytes
    look: RemoteFile
    results: tuple[Result, ...]
    faults: tuple[ResultFault, ...]


class ResultFolder:
    """Reads the result files of one folder. For one task at a time."""

    def __init__(self, line: Line, config: SFTPConfig, results: ResultsConfig) -> None:
        """Remember where; asks nothing."""
        self._line = line
        self._config = results
        self._names_in = config.name_encoding
        self._folder = config.path_of(results.folder).rstrip(b"/")
        self._seen: dict[bytes, tuple[RemoteFile, float]] = {}
        self._resting: dict[bytes, float] = {}
        self._is_refused = False
        self._is_down = False
        self._is_reported = False
        self.next_at = 0.0
        """When to look again, by ``time.monotonic``."""

    async def files(self) -> AsyncIterator[ResultFile]:
        """Yield what lies there and has settled; asking for the next moves the one before.

        A folder that cannot be read is logged once and counts as empty.
        """
        self.next_at = time.monotonic() + self._config.poll_interval_s
        try:
            async with self._line.session() as session:
                ready = await self._settled(session)
            for name, look in ready:
                # A session each: none is held while the gateway makes a result durable.
                file = None
                async with self._one(name) as session:
                    file = await self._read(session, name, look)
                if file is None:
                    continue
                yield file
                async with self._one(name) as session:
                    await self._finish(session, file)
        except (LostError, RefusedError, DestinationUnavailableError) as error:
            if not self._is_down:
                self._is_down = True
                where, why = self._config.folder, str(error)
                log.warning("sftp.results_unreadable", folder=where, reason=why)
            return
        if self._is_down:
            self._is_down = False
            log.info("sftp.results_readable")

    @contextlib.asynccontextmanager
    async def _one(self, name: bytes) -> AsyncIterator[Session]:
        """Lend a session for one file; if that ends badly, the file rests and others go on."""
        try:
            async with self._line.session() as session:
                yield session
        except (LostError, RefusedError) as error:
            rest_s = _ROUNDS_OF_REST * self._config.poll_interval_s
            self._resting[name] = time.monotonic() + rest_s
            if isinstance(error, LostError):
                raise
            if not self._is_refused:
                self._is_refused = True
                log.warning(
                    "sftp.result_file_refused", folder=self._config.folder, status=error.status
                )

    async def _settled(self, session: Session) -> list[tuple[bytes, RemoteFile]]:
        """Return the files that have not changed for ``settle_s``, by name."""
        now = time.monotonic()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        self._is_refused = self._is_refused and bool(self._resting)
        looks: dict[bytes, RemoteFile] = {}
        async for name, look in session.names(self._folder):
            if name not in self._resting and self._is_result(name):
                looks[name] = look
                if len(looks) == self._config.max_files:
                    break
        previous, self._seen = self._seen, {}
        ready = []
        for name, look in sorted(looks.items()):
            old_look, since = previous.get(name, (look, now))
            since = since if old_look == look else now
            self._seen[name] = (look, since)
            if now - since >= self._config.settle_s:
                ready.append((name, look))
        return ready

    def _is_result(self, name: bytes) -> bool:
        text = decode(name, self._names_in)
        if text is None:
            if not self._is_reported:
                self._is_reported = True
                log.warning("sftp.name_undecodable", encoding=self._names_in)
            return False
        is_finished = not text.startswith(".") and not text.endswith(_UNFINISHED)
        return is_finished and fnmatchcase(text, self._config.pattern)

    async def _read(self, session: Session, name: bytes, listed: RemoteFile) -> ResultFile | None:
        """Return what a file says, ``None`` if it has not settled or another worker has it."""
        path = self._folder + b"/" + name
        look = await session.stat(path)
        if look is None or look.size != listed.size:
            return None
        # Some servers tell the time of one file, but none in a listing.
        if listed.changed_at is not None and look.changed_at != listed.changed_at:
            return None
        most = self._config.max_file_bytes
        if look.size > most:
            return ResultFile(name, look, (), (ResultFault(0, "result.too_large"),))
        content = await session.read(path, most + 1)
        if len(content) > most:
            return ResultFile(name, look, (), (ResultFault(0, "result.too_large"),))
        said = await asyncio.to_thread(read_results, content, self._config)
        return ResultFile(name, look, *said)

    async def _finish(self, session: Session, file: ResultFile) -> None:
        """Move a file away, now that the gateway holds durably what it said."""
        source = self._folder + b"/" + file.name
        if await session.stat(source) != file.look:
            return  # written to since it was read, or another worker was faster
        folder = self._folder + b"/" + (BAD if file.faults else DONE).encode()
        await session.make_folder(folder)
        target = folder + b"/" + _kept_name(file.name)
        if await session.stat(target) is not None:
            target += b".%d" % time.time_ns()
        if file.faults:
            lines = [f"line {fault.line}: {fault.code}\n" for fault in file.faults]
            reasons = target + b".reasons.txt"
            await session.remove(reasons)
            await session.write_new(reasons, "".join(lines).encode())
            log.warning("sftp.result_refused", lines=len(file.faults))
        await session.rename(source, target)


def _kept_name(name: bytes) -> bytes:
    if len(name) <= _LONGEST_NAME_BYTES:
        return name
    return hashlib.sha256(name).hexdigest().encode("ascii")
