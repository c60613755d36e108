import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from adapters.file.client import DropFolder

VICTIM = Path(__file__).parent / "victim.py"
KEYS = 60
BATCH_KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(4)]
BEFORE_AND_AFTER_EACH_REMOVAL = ("1", "2", "5", "6")


def run(*arguments: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, str(VICTIM), *arguments], capture_output=True, check=True, text=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("core", ["leaves", "taken"])
def test_killed_at_any_step_then_looked_up_and_sent_again_it_arrives_once(
    core: str, tmp_path: Path
) -> None:
    rows = run("crash", str(tmp_path / "x"), core)

    assert len(rows) > 15
    assert {row["arrived"] for row in rows} == {1}
    assert [row for row in rows if row["was_there"] != row["found"]] == []
    assert [row for row in rows if not row["whole"] or row["leftovers"]] == []
    assert [row["killed"] for row in rows] == [True] * (len(rows) - 1) + [False]
    assert {row["found"] for row in rows} == {True, False}


def test_killed_again_while_it_is_looked_up_it_arrives_once(tmp_path: Path) -> None:
    rows = run("crash", str(tmp_path / "x"), "taken", *BEFORE_AND_AFTER_EACH_REMOVAL)

    assert {row["arrived"] for row in rows} == {1}
    assert [row for row in rows if row["was_there"] != row["found"]] == []


@pytest.mark.parametrize("core", ["leaves", "taken"])
@pytest.mark.parametrize("again_at", [(), ("1", "3")])
def test_a_batch_killed_at_any_step_loses_no_record_and_no_number_and_doubles_none(
    core: str, again_at: tuple[str, ...], tmp_path: Path
) -> None:
    rows = run("batch", str(tmp_path / "x"), core, *again_at)

    assert len(rows) > 25
    for row in rows:
        is_there = row["was_there"]
        assert row["arrived"] == dict.fromkeys(BATCH_KEYS, 1), row
        assert row["found"] == [is_there] * 3 + [False], row
        assert row["sequences"] == (["1", "2"] if is_there else ["1"]), row
        assert row["ends"] == len(row["sequences"]), row  # type: ignore[arg-type]
        first, second = ("B000001.jsonl", "B000002.jsonl#1")
        in_first = [f"{first}#{place}" for place in (1, 2, 3)]
        assert row["outcomes"] == [*in_first, second if is_there else f"{first}#4"], row
        assert row["leftovers"] == [], row
    assert {row["was_there"] for row in rows} == {True, False}
    assert not rows[-1]["killed"]


def test_two_processes_that_send_the_same_keys_deliver_each_once(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    drop = tmp_path / "drop"
    processes = [
        subprocess.Popen(
            [sys.executable, str(VICTIM), "race", str(tmp_path), str(KEYS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    taken: list[str] = []
    stop = threading.Event()

    def take_away() -> None:
        while True:
            is_last = stop.is_set()
            for path in drop.glob("*.json"):
                taken.append(path.name)
                path.unlink()
            if is_last:
                return

    core = threading.Thread(target=take_away)
    core.start()
    for process in processes:
        process.communicate(b"\n")
    stop.set()
    core.join()

    assert [process.returncode for process in processes] == [0, 0]
    assert len(taken) == KEYS
    assert len(set(taken)) == KEYS


def test_each_thing_is_on_the_disk_before_the_next_relies_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DropFolder(tmp_path / "drop", suffix=".json")
    folder.open(tmp_path / "id")
    names: dict[int, str] = {}
    calls: list[str] = []
    real_open, real_fsync, real_rename = os.open, os.fsync, os.rename

    def opened(path: Path, flags: int, mode: int = 0o777) -> int:
        handle = real_open(path, flags, mode)
        names[handle] = Path(path).suffix or Path(path).name
        return handle

    def synced(handle: int) -> None:
        calls.append(f"sync {names[handle]}")
        real_fsync(handle)

    def renamed(source: Path, target: Path) -> None:
        calls.append("rename")
        real_rename(source, target)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)

    folder.put("0193453a-0000-7000-8000-000000000001", b"x", threading.Event())

    assert calls == [
        "sync .tmp",
        "sync .kakehashi",
        "sync .intent",
        "sync .kakehashi",
        "rename",
        "sync drop",
        "sync .kakehashi",
    ]
