"""A core system that takes files from a drop folder and later writes result files.

It reads as an old system does: strictly CP932 by CPython's codec (not ours), columns by
their header, one application a file. It takes files away into a folder of its own and
remembers keys only to count doubles: it does nothing against them.
"""

import argparse
import asyncio
import csv
import io
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.sdk import JST
from gateway.testing.cores.ledger import Arrival, Ledger

RESULT_COLUMNS: Final = ("申請キー", "処理結果", "処理日時", "理由コード", "整理番号")
"""Header of the result files, as ``results.columns`` of the file adapter must name them."""

ACCEPTED: Final = "受理"
REFUSED: Final = "却下"
REFUSAL_CODE: Final = "K012"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCoreSettings:
    """How it behaves.

    Attributes:
        drop: Where files appear; made if missing.
        taken: Where it takes them; on the same file system.
        results: Where it writes result files, or ``None`` for none.
        refuses_every: Each n-th application is 却下; 0 refuses none.
        decides_after_s: How long it takes from taking to the result file.
    """

    drop: Path
    taken: Path
    results: Path | None = None
    refuses_every: int = 5
    decides_after_s: float = 0.0


class FileCore:
    """The core system. Blocking; call ``step`` again and again."""

    def __init__(self, settings: FileCoreSettings, ledger: Ledger) -> None:
        """Make the folders, and count what was taken before a kill but not written down."""
        self._settings = settings
        self._ledger = ledger
        self._undecided: list[tuple[float, Arrival]] = []
        self._files_written = 0
        self.records: dict[str, Mapping[str, object]] = {}
        """Key to the record as it was read, of the files taken since the start."""
        self.unreadable: list[str] = []
        """Names of files that no old system could read."""
        for folder in (settings.drop, settings.taken, settings.results):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        counted = {arrival.facts["taken"] for arrival in ledger.arrivals}
        for path in sorted(settings.taken.iterdir()):
            if path.name not in counted:
                self._count(path)

    @property
    def ledger(self) -> Ledger:
        """What arrived."""
        return self._ledger

    def step(self) -> int:
        """Take what lies in the folder, write results that are due; return how many were taken."""
        paths = sorted(
            path
            for path in self._settings.drop.iterdir()
            if path.is_file() and path.suffix in {".csv", ".json"}
        )
        for path in paths:
            # The name in our folder is new each time, so that a double is seen, not overwritten.
            taken = self._settings.taken / f"{path.stem}.{time.time_ns()}{path.suffix}"
            path.rename(taken)
            self._count(taken)
        self._decide()
        return len(paths)

    def _count(self, taken: Path) -> None:
        key = taken.name.partition(".")[0]
        try:
            record = read_record(taken)
        except (ValueError, csv.Error):
            self.unreadable.append(taken.name)
            record = {}
        self.records[key] = record
        arrival = self._ledger.add(key, {"taken": taken.name})
        self._undecided.append((time.monotonic(), arrival))

    def _decide(self) -> None:
        """Write one result file for all that have waited long enough."""
        if self._settings.results is None:
            return
        due_before = time.monotonic() - self._settings.decides_after_s
        due = [arrival for taken_at, arrival in self._undecided if taken_at <= due_before]
        if not due:
            return
        self._undecided = [entry for entry in self._undecided if entry[1] not in due]
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(RESULT_COLUMNS)
        writer.writerows(self._result(arrival) for arrival in due)
        self._files_written += 1
        name = f"KEKKA_{os.getpid()}_{self._files_written:04}.csv"
        temporary = self._settings.results / f"{name}.tmp"
        temporary.write_bytes(text.getvalue().encode("cp932"))
        temporary.rename(self._settings.results / name)

    def _result(self, arrival: Arrival) -> tuple[str, ...]:
        every = self._settings.refuses_every
        is_refused = every > 0 and arrival.number % every == 0
        now = datetime.now(JST).isoformat(timespec="seconds")
        word, reason = (REFUSED, REFUSAL_CODE) if is_refused else (ACCEPTED, "")
        return (arrival.key, word, now, reason, arrival.reference)


def read_record(path: Path) -> Mapping[str, object]:
    """Return a file's one record, as the core system sees it.

    Raises:
        ValueError: Not CP932, not JSON, or not one header and one row of equal length.
    """
    content = path.read_bytes()
    if path.suffix == ".json":
        document: Mapping[str, object] = json.loads(content)
        return document
    rows = list(csv.reader(io.StringIO(content.decode("cp932"), newline=""), strict=True))
    if len(rows) != 2 or not content.endswith(b"\r\n"):
        raise ValueError("rows")
    return dict(zip(rows[0], rows[1], strict=True))


async def _run(arguments: argparse.Namespace) -> None:
    ledger = Ledger(arguments.log)
    settings = FileCoreSettings(
        drop=arguments.drop,
        taken=arguments.taken,
        results=arguments.results,
        refuses_every=arguments.refuse_every,
        decides_after_s=arguments.decide_after,
    )
    core = FileCore(settings, ledger)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not stop.is_set():
        core.step()
        try:
            async with asyncio.timeout(arguments.interval):
                await stop.wait()
        except TimeoutError:
            continue
    ledger.close()


def main() -> None:
    """Run it until it is told to stop; the first line of its output is ``ready``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--drop", type=Path, required=True, help="the drop folder")
    parser.add_argument("--taken", type=Path, required=True, help="where it takes files to")
    parser.add_argument("--log", type=Path, required=True, help="the ledger, JSON Lines")
    parser.add_argument("--results", type=Path, help="where it writes result files")
    parser.add_argument("--refuse-every", type=int, default=5, help="0 refuses none")
    parser.add_argument("--decide-after", type=float, default=0.0, help="seconds")
    parser.add_argument("--interval", type=float, default=0.2, help="seconds between two looks")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
