"""Run pytest on those of the given paths that exist; finding no test is a failure.

PostgreSQL's files lie in memory where there is room for them: hundreds of small databases are
made and thrown away, and each would wait for the disk several times. What else tests write is
on the disk.
"""

import atexit
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - Linux's file system in memory, asked below
ROOM_BYTES: Final = 6 * 1024**3
"""Twice what the tests with servers leave there until they have ended."""


def main(arguments: list[str]) -> int:
    """Return pytest's exit code; options pass through, missing folders are left out."""
    given = [argument for argument in arguments if not argument.startswith(("tests", "adapters"))]
    # Workers of one run must agree on the order of sets, or they collect different tests.
    seed = os.environ.setdefault("PYTHONHASHSEED", str(random.randrange(2**32)))  # noqa: S311 - no secret
    print(f"PYTHONHASHSEED={seed}", flush=True)
    paths = [argument for argument in arguments if argument not in given]
    write_in_memory()
    return pytest.main([*given, *(path for path in paths if Path(path).exists())])


def write_in_memory() -> None:
    """Make temporary folders in memory, but for pytest's own; they are deleted at the end."""
    if not _has_room(MEMORY):
        return
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    folder = tempfile.mkdtemp(prefix="k", dir=MEMORY)
    # Before anybody else asks for it: what libraries have to delete there is deleted first.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # PostgreSQL's files belong to another user than root, who must get to them.
    Path(folder).chmod(0o711)
    os.environ["TMPDIR"] = tempfile.tempdir = folder


def _has_room(folder: Path) -> bool:
    """Tell whether so much fits there, and programs may lie there."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return False
    is_closed = os.statvfs(folder).f_flag & os.ST_NOEXEC
    return not is_closed and shutil.disk_usage(folder).free > ROOM_BYTES


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
