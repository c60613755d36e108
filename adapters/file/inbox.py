"""The folder of result files: read when written whole, moved away when durable.

``results/NAME`` becomes ``results/done/NAME``, or, when a line of it was no feedback,
``results/bad/NAME`` with ``NAME.reasons.txt`` beside it. The good lines of such a file
count all the same; put the corrected file back and they are recognised by their ids.
"""

import hashlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final, Self

import structlog

from adapters.file.config import FileConfig, ResultsConfig
from gateway.formats.result_file import Result, ResultFault, read_results

_UNFINISHED: Final = (".tmp", ".part", ".partial", ".writing", ".filepart")
"""Endings of files still being written (WinSCP: .filepart); leading dots count too."""

_LONGEST_NAME: Final = 160
"""Bytes of a name in ``done`` and ``bad``: with what is added it stays below the usual 255."""

_AGAIN_AFTER_S: Final = 600.0
"""A file that could not be moved away is not read and told again sooner."""

Look = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file as it was read."""

    path: Path
    look: Look | None
    results: tuple[Result, ...]
    faults: tuple[ResultFault, ...]


class ResultFolder:
    """Reads result files. Blocking; for one thread at a time."""

    def __init__(self, folder: Path, config: ResultsConfig) -> None:
        """Remember where; touches nothing."""
        self._folder = folder
        self._config = config
        self._seen: dict[Path, tuple[Look, float]] = {}
        self._immovable: dict[Path, tuple[Look, float]] = {}
        self._down = False

    @classmethod
    def of(cls, config: FileConfig) -> Self | None:
        """Return the folder that the configuration names, if it names one."""
        if config.results is None or config.results_folder is None:
            return None
        return cls(config.results_folder, config.results)

    @property
    def poll_interval_s(self) -> float:
        """How long to wait between two looks."""
        return self._config.poll_interval_s

    def settled(self) -> list[Path]:
        """Return the files that have not changed for ``settle_s``, by name.

        A folder that cannot be read is logged once and counts as empty.
        """
        now = time.monotonic()
        try:
            self._make_folders()
            looks = {path: _look(path) for path in sorted(self._folder.glob(self._config.pattern))}
        except OSError as error:
            self._report_down(error)
            return []
        self._report_up()
        self._immovable = {path: it for path, it in self._immovable.items() if path in looks}
        previous, self._seen = self._seen, {}
        ready = []
        for path, look in looks.items():
            if look is None or path.name.startswith(".") or path.name.endswith(_UNFINISHED):
                continue
            old_look, since = previous.get(path, (look, now))
            since = since if old_look == look else now
            self._seen[path] = (look, since)
            failed_look, again_at = self._immovable.get(path, (look, now))
            if failed_look == look and now < again_at:
                continue
            if now - since >= self._config.settle_s:
                ready.append(path)
        return ready

    def read(self, path: Path) -> ResultFile | None:
        """Return what a file says, or ``None`` if it cannot be read now."""
        try:
            # Never through a link, which may lead to what the core system may not read; and
            # never waiting for whoever writes into a pipe.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                look = _look_of(os.fstat(handle))
                if look is None:
                    return None
                content = file.read(self._config.max_file_bytes + 1)
        except FileNotFoundError:
            return None  # another worker was faster
        except OSError as error:
            self._report_down(error)
            return None
        if len(content) > self._config.max_file_bytes:
            return ResultFile(path, look, (), (ResultFault(0, "result.too_large"),))
        return ResultFile(path, look, *read_results(content, self._config))

    def finish(self, file: ResultFile) -> None:
        """Move a file away, now that the gateway holds durably what it said."""
        folder = self._folder / ("bad" if file.faults else "done")
        try:
            if _look(file.path) != file.look:
                return  # written to since it was read: it will be read again
            target = _free_name(folder, file.path.name)
            if file.faults:
                lines = [f"line {fault.line}: {fault.code}\n" for fault in file.faults]
                target.with_name(f"{target.name}.reasons.txt").write_text("".join(lines), "utf-8")
                # Without its name, in which core systems write whom it is about.
                log.warning("file.result_refused", lines=len(file.faults))
            os.rename(file.path, target)  # noqa: PTH104 - must not cross file systems
        except FileNotFoundError:
            return  # another worker was faster; the gateway knows the ids
        except OSError as error:
            if file.look is not None:
                self._immovable[file.path] = (file.look, time.monotonic() + _AGAIN_AFTER_S)
            self._report_down(error)

    def _make_folders(self) -> None:
        for folder in (self._folder / "done", self._folder / "bad"):
            folder.mkdir(parents=True, exist_ok=True)

    def _report_down(self, error: OSError) -> None:
        if not self._down:
            self._down = True
            log.warning("file.results_unreadable", errno=error.errno)

    def _report_up(self) -> None:
        if self._down:
            self._down = False
            log.info("file.results_readable")


def _look(path: Path) -> Look | None:
    """Return size and time of change of a regular file, ``None`` of anything else."""
    try:
        return _look_of(path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return None


def _look_of(status: os.stat_result) -> Look | None:
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _free_name(folder: Path, name: str) -> Path:
    """Return a path that overwrites nothing, short enough to add to."""
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f"{hashlib.sha256(os.fsencode(name)).hexdigest()}{PurePath(name).suffix[:8]}"
    target = folder / name
    return folder / f"{name}.{time.time_ns()}" if target.exists() else target
