"""What this process stands on: disks and certificates, looked at when somebody scrapes."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system.

    Attributes:
        free_bytes: What this process's user may still write.
        size_bytes: All of it.
    """

    free_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What could be seen at one instant; what could not is missing.

    Attributes:
        disks: By what lies there: ``home``, ``journal``, ``keys``.
        certificates: When each configured file's first certificate expires, by its key in the
            configuration, such as ``broker.url certfile``.
    """

    disks: Mapping[str, Disk] = field(default_factory=dict)
    certificates: Mapping[str, datetime] = field(default_factory=dict)


class LookAtMachine:
    """Looks at folders and files, in a thread: a disk may hang."""

    def __init__(
        self,
        folders: Mapping[str, Path],
        certificates: Mapping[str, Path],
        expires_at: Callable[[bytes], datetime],
    ) -> None:
        """Keep what to look at.

        Args:
            folders: By what lies there.
            certificates: PEM files, by their keys in the configuration.
            expires_at: Reads one; raises ``ValueError`` for what is none.
        """
        self._folders = folders
        self._certificates = certificates
        self._expires_at = expires_at

    async def __call__(self) -> Machine:
        """Look once."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> Machine:
        disks: dict[str, Disk] = {}
        for name, folder in self._folders.items():
            try:
                usage = shutil.disk_usage(folder)
            except OSError:
                continue
            disks[name] = Disk(usage.free, usage.total)
        certificates: dict[str, datetime] = {}
        for name, path in self._certificates.items():
            try:
                certificates[name] = self._expires_at(path.read_bytes())
            except (OSError, ValueError):
                continue
        return Machine(disks=disks, certificates=certificates)
