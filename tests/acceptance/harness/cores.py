"""Simulated core systems as processes: nobody kills these, they tell what really arrived."""

import json
import sys
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path

from tests.acceptance.harness.processes import Program


class Sink:
    """What both kinds have: a ledger on disk with a line per effect."""

    def __init__(self, program: Program, ledger: Path) -> None:
        self.program = program
        self._ledger = ledger

    def arrivals(self) -> Counter[str]:
        """Return how often each idempotency key had an effect."""
        if not self._ledger.exists():
            return Counter()
        whole = self._ledger.read_text().rpartition("\n")[0]
        return Counter(json.loads(line)["key"] for line in whole.splitlines())

    def facts(self, key: str) -> dict[str, str]:
        """Return what was written down of an idempotency key's first effect."""
        for line in self._ledger.read_text().rpartition("\n")[0].splitlines():
            arrival = json.loads(line)
            if arrival["key"] == key:
                return dict(arrival["facts"])
        raise LookupError(key)

    def doubled(self) -> list[str]:
        """Return the keys that had an effect more than once."""
        return [key for key, count in self.arrivals().items() if count > 1]


class HTTPSink(Sink):
    """Takes applications over HTTP; with ``careless``, a repeated key again."""

    def __init__(self, folder: Path, name: str, *, careless: bool) -> None:
        ledger = folder / f"{name}.jsonl"
        command = [sys.executable, "-m", "gateway.testing.cores.http_core", "--log", str(ledger)]
        program = Program(name, [*command, *["--no-dedup"] * careless], folder=folder)
        super().__init__(program, ledger)
        program.start()
        self.url = f"http://127.0.0.1:{program.first_line()}"

    def behave(self, mode: str, *, times: int = 1_000_000, seconds: float = 0.0) -> None:
        """Treat the next applications so (``gateway.testing.cores.http_core``)."""
        told = json.dumps({"mode": mode, "times": times, "seconds": seconds}).encode()
        headers = {"Content-Type": "application/json"}
        connection = HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        connection.request("POST", "/behaviour", told, headers)
        assert connection.getresponse().status == 204
        connection.close()


class FileSink(Sink):
    """Takes files away from a drop folder, whatever their name was before."""

    def __init__(self, folder: Path, name: str, *, interval_s: float = 0.05) -> None:
        self.drop = folder / name / "drop"
        ledger = folder / f"{name}.jsonl"
        command = [sys.executable, "-m", "gateway.testing.cores.file_core"]
        command += ["--drop", str(self.drop), "--taken", str(folder / name / "taken")]
        command += ["--log", str(ledger), "--interval", str(interval_s)]
        super().__init__(Program(name, command, folder=folder), ledger)
        self.program.start()
        self.program.first_line()
