"""Released procedure files never change: their SHA-256 stand in ``schemas.lock``.

The file has the form of ``sha256sum``, so ``sha256sum --check schemas.lock`` inside the
folder says the same without us. Shared files are locked too: changing one would
change every procedure that refers to it.
"""

import hashlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from gateway.domain.errors import ConfigError
from gateway.schema.catalogue import procedure_files

LOCK_NAME: Final = "schemas.lock"


class Breach(Enum):
    """In what way a folder and its lock differ."""

    CHANGED = "changed"
    MISSING = "missing"
    UNLOCKED = "unlocked"


@dataclass(frozen=True, slots=True)
class LockBreach:
    """One file that is not as it was released.

    Attributes:
        path: Relative to the folder, with slashes.
        breach: Changed, missing, or not in the lock yet.
    """

    path: str
    breach: Breach


def verify_lock(root: Path) -> tuple[LockBreach, ...]:
    """Return every difference between ``root`` and its lock, by path; empty when none.

    Raises:
        ConfigError: There is no lock, or a line of it has not the form.
    """
    locked, present = _read(root / LOCK_NAME), _digests(root)
    breaches = [LockBreach(path, Breach.MISSING) for path in locked.keys() - present.keys()]
    breaches += [LockBreach(path, Breach.UNLOCKED) for path in present.keys() - locked.keys()]
    breaches += [
        LockBreach(path, Breach.CHANGED)
        for path in locked.keys() & present.keys()
        if locked[path] != present[path]
    ]
    return tuple(sorted(breaches, key=lambda breach: breach.path))


def write_lock(root: Path) -> tuple[str, ...]:
    """Add the files that are not in the lock yet, and return their paths.

    What is locked stays locked: a changed or missing file is a breach for people to
    look at, not something to write over.

    Raises:
        ConfigError: A locked file was changed or is missing, or the lock has not the form.
    """
    path = root / LOCK_NAME
    if path.exists():
        for breach in verify_lock(root):
            if breach.breach is not Breach.UNLOCKED:
                raise ConfigError(breach.path, breach.breach.value)
    locked = _read(path) if path.exists() else {}
    present = _digests(root)
    lines = [f"{digest}  {name}\n" for name, digest in sorted(present.items())]
    path.write_text("".join(lines), encoding="utf-8")
    return tuple(sorted(present.keys() - locked.keys()))


def _digests(root: Path) -> dict[str, str]:
    files = [*procedure_files(root), *(root / "shared").glob("*.yaml")]
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(str(path), "cannot be read") from error
    locked = {}
    for number, line in enumerate(lines, 1):
        digest, gap, name = line.partition("  ")
        if not gap or len(digest) != hashlib.sha256().digest_size * 2:
            raise ConfigError(f"{path}:{number}", "not a line of sha256sum")
        locked[name] = digest
    return locked
