"""A PostgreSQL server that the tests of this folder may end and a disk that they may fill."""

import logging
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest
import structlog

from gateway.testing.postgres import PostgresNode

SMALL_MIB = 24
"""As much as a SQLite journal needs to begin its life, and a few seconds of it."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresNode]:
    server = PostgresNode.start()
    yield server
    server.remove()


class SmallDisk(Protocol):
    """A folder on a disk that is full when a test says so.

    Attributes:
        folder: An empty folder on it.
    """

    folder: Path

    def fill(self) -> None:
        """Leave no room."""

    def free(self) -> None:
        """Give the room back. Idempotent."""


class Tmpfs:
    """A small file system in memory: what does not fit fails with ENOSPC."""

    def __init__(self, folder: Path) -> None:
        """Mount it at ``folder``, which is made.

        Raises:
            CalledProcessError: This machine lets nobody mount.
        """
        folder.mkdir()
        self.folder = folder
        self._filler = folder / "filler"
        size = f"size={SMALL_MIB}m"
        command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
        subprocess.run(command, check=True, capture_output=True)

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def remove(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True, capture_output=True)


class FileSizeLimit:
    """No file of this process takes a byte: that fails with EFBIG. Needs no rights.

    Servers are other processes: for them there is room.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        # What is logged goes into a file too: that of the test runner.
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, self._before[1]))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)

    def remove(self) -> None:
        self.free()


def _may_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("mount") is not None


@pytest.fixture(params=["tmpfs", "limit"] if _may_mount() else ["limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    """A full disk, and where root may mount a real one too; never skipped."""
    small: Tmpfs | FileSizeLimit
    if request.param == "tmpfs":
        try:
            small = Tmpfs(tmp_path / "small")
        except subprocess.CalledProcessError:  # Root of a container that may not.
            small = FileSizeLimit(tmp_path / "limited")
    else:
        small = FileSizeLimit(tmp_path / "limited")
    yield small
    small.remove()
