"""A program that delivers into a drop folder, and is killed at any of its system calls."""

import json
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.file.batches import BatchFolder, Entry
from adapters.file.client import STATE_FOLDER, DropFolder
from adapters.file.config import FileConfig

KEY = "0193453a-0000-7000-8000-000000000001"
CONTENT = "髙﨑".encode() * 1000
BATCH_KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(4)]
FRAME = [{"name": "連番", "pointer": "/batch/sequence"}]
BATCHES = FileConfig.model_validate(
    {
        "folder": "unused",
        "format": "jsonl",
        "jsonl": {"batch_header": FRAME, "members": [{"name": "key", "pointer": "/key"}]},
        "batch": {"file_name": "B{sequence}", "trigger_suffix": ".end"},
    }
)
CALLS = ("open", "write", "fsync", "rename", "unlink", "close")


def killed_at(step: int, action: Callable[[], object]) -> bool:
    """Do ``action`` in a child, which kills itself before its call number ``step``."""
    child = os.fork()
    if child == 0:
        left = step
        for name in CALLS:
            real = getattr(os, name)

            def counted(*arguments: Any, _real: Any = real, **named: Any) -> Any:
                nonlocal left
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
                return _real(*arguments, **named)

            setattr(os, name, counted)
        action()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def opened(base: Path) -> DropFolder:
    """Return a new drop folder under ``base``."""
    shutil.rmtree(base, ignore_errors=True)
    (base / "own").mkdir(parents=True)
    folder = DropFolder(base / "drop", suffix=".json")
    folder.open(base / "own" / "id")
    return folder


def visible(base: Path) -> list[Path]:
    """Return the files that the core system sees."""
    # By name: in which order a folder lists them is up to its file system.
    return sorted(path for path in (base / "drop").iterdir() if path.name != STATE_FOLDER)


def deliver(folder: DropFolder) -> None:
    """Deliver the one file."""
    folder.put(KEY, CONTENT, threading.Event())


def crash(base: Path, *, taken_away: bool, killed_again_at: int | None) -> None:
    """Kill a delivery at each of its steps, look it up, send it again; print what arrived."""
    step, killed = 0, True
    while killed:
        folder = opened(base)
        killed = killed_at(step, lambda folder=folder: deliver(folder))  # type: ignore[misc]
        first = visible(base)
        whole = all(path.read_bytes() == CONTENT for path in first)
        if taken_away:
            for path in first:
                path.unlink()
        if killed_again_at is not None:
            killed_at(killed_again_at, lambda folder=folder: folder.find(KEY))  # type: ignore[misc]
        found = folder.find(KEY)
        folder.put(KEY, CONTENT, threading.Event())
        second = visible(base)
        whole = whole and all(path.read_bytes() == CONTENT for path in second)
        arrived = len(first) + len(second) if taken_away else len(second)
        leftovers = list((base / "drop" / STATE_FOLDER).glob("*.tmp"))
        row = {
            "step": step,
            "killed": killed,
            "was_there": bool(first),
            "found": found is not None,
            "arrived": arrived,
            "whole": whole,
            "leftovers": len(leftovers),
        }
        sys.stdout.write(json.dumps(row) + "\n")
        step += 1


def batches_of(folder: DropFolder) -> BatchFolder:
    """Return what a worker that has just started has."""
    return BatchFolder(folder, BATCHES.records, BATCHES.batch)


def entries(keys: Sequence[str]) -> list[Entry]:
    """Return one record for each key."""
    deadline = datetime.now(UTC) + timedelta(minutes=1)
    return [Entry(key, {"key": key}, deadline) for key in keys]


def crash_batch(base: Path, *, taken_away: bool, killed_again_at: int | None) -> None:
    """Kill a batch at each of its steps, look its keys up, send them again with one more."""
    step, killed = 0, True
    while killed:
        folder = opened(base)
        lines: list[dict[str, str]] = []
        ends: set[str] = set()

        def take(lines: list[dict[str, str]] = lines, ends: set[str] = ends) -> None:
            for path in visible(base):
                if path.suffix == ".end":
                    ends.add(path.stem)
                else:
                    lines.extend(json.loads(line) for line in path.read_text().splitlines())
                path.unlink()

        killed = killed_at(
            step,
            lambda folder=folder: batches_of(folder).put(entries(BATCH_KEYS[:3])),  # type: ignore[misc]
        )
        was_there = any(path.suffix == ".jsonl" for path in visible(base))
        if taken_away:
            take()
        if killed_again_at is not None:
            killed_at(
                killed_again_at,
                lambda folder=folder: batches_of(folder).find(BATCH_KEYS[0]),  # type: ignore[misc]
            )
        again = batches_of(folder)
        found = [again.find(key) is not None for key in BATCH_KEYS]
        outcomes = again.put(entries(BATCH_KEYS))
        take()
        row = {
            "step": step,
            "killed": killed,
            "was_there": was_there,
            "found": found,
            "outcomes": [str(outcome) for outcome in outcomes],
            "arrived": Counter(line["key"] for line in lines if "key" in line),
            "sequences": [line["連番"] for line in lines if "連番" in line],
            "ends": len(ends),
            "leftovers": [
                path.name
                for path in (base / "drop" / STATE_FOLDER / "batches").glob("*")
                if path.suffix != ".manifest"
            ],
        }
        sys.stdout.write(json.dumps(row) + "\n")
        step += 1


def race(base: Path, keys: int) -> None:
    """Deliver many keys, as fast as possible, beside another process that does the same."""
    folder = DropFolder(base / "drop", suffix=".json")
    folder.open(base / "own" / "id")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(keys):
        folder.put(f"0193453a-0000-7000-8000-{number:012}", CONTENT, threading.Event())


def main() -> None:
    """Run what the first argument names, in the folder that the second names."""
    base = Path(sys.argv[2])
    match sys.argv[1]:
        case "race":
            race(base, int(sys.argv[3]))
        case "crash":
            steps = [int(step) for step in sys.argv[4:]]
            for step in steps or [None]:
                crash(base, taken_away=sys.argv[3] == "taken", killed_again_at=step)
        case "batch":
            steps = [int(step) for step in sys.argv[4:]]
            for step in steps or [None]:
                crash_batch(base, taken_away=sys.argv[3] == "taken", killed_again_at=step)


if __name__ == "__main__":
    main()
