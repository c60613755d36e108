"""Check that no released procedure changed: ``schemas.lock`` has the SHA-256 of each file.

A line is what ``sha256sum`` prints. ``--add`` locks files that are new. A change to a
locked file is the next version's file; a line is taken out by hand only before a release.
"""

import hashlib
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
LOCK: Final = ROOT / "schemas.lock"


def main(arguments: list[str]) -> int:
    """Return 0 if every schema is locked and none has changed."""
    locked = read(LOCK.read_text(encoding="utf-8") if LOCK.exists() else "")
    present = hashes(ROOT)
    if arguments == ["--add"]:
        locked = present | locked
        lines = [f"{digest}  {path}\n" for path, digest in sorted(locked.items())]
        LOCK.write_text("".join(lines), encoding="utf-8")
    found = faults(locked, present)
    for fault in found:
        print(fault)
    return 1 if found else 0


def read(text: str) -> dict[str, str]:
    """Return path to SHA-256 in hex."""
    pairs = (line.split("  ", 1) for line in text.splitlines())
    return {path: digest for digest, path in pairs}


def hashes(root: Path) -> dict[str, str]:
    """Return the same of the schema files that are there."""
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((root / "schemas").rglob("*.yaml"))
    }


def faults(locked: dict[str, str], present: dict[str, str]) -> list[str]:
    """Return a line for each file that is gone, changed or not yet locked."""
    gone = [f"{path}: released, and gone" for path in locked if path not in present]
    changed = [
        f"{path}: released, and changed: make it the next version"
        for path, digest in present.items()
        if locked.get(path, digest) != digest
    ]
    new = [
        f"{path}: not in schemas.lock (tools/check_schemas_lock.py --add)"
        for path in present
        if path not in locked
    ]
    return gone + changed + new


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
