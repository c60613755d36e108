from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from adapters.file import FileDestination
from adapters.file.client import STATE_FOLDER
from gateway.testing.adapter_kit import FOR_EVER, AdapterContract, Arrived, Fault

KEY_LENGTH = 36


NO_ANSWER = "a folder gives no answers: what is written is taken"
NO_LINE = "the operating system keeps the connection, if a share has one"
ABSENT: Mapping[Fault, str] = MappingProxyType(
    {
        Fault.SLOW: f"{NO_LINE}; tests/test_hanging_share.py has one that hangs",
        Fault.SILENT: f"{NO_LINE}; tests/test_hanging_share.py has one that hangs",
        Fault.BUSY: NO_ANSWER,
        Fault.REFUSE: NO_ANSWER,
        Fault.GARBLED: NO_ANSWER,
        Fault.TRUNCATED: NO_ANSWER,
        Fault.EMPTY: NO_ANSWER,
        Fault.CUT: NO_LINE,
        Fault.CUT_AFTER: NO_LINE,
        Fault.BAD_CREDENTIALS: "the operating system mounts the share, with its credentials",
    }
)


class FolderPeer:
    """A drop folder from which nobody takes anything, and which can go away."""

    absent = ABSENT
    refusal = ("", None)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._results = folder.with_name("results")

    def config(self) -> dict[str, object]:
        return {"folder": str(self._folder), "min_free_mib": 0}

    def config_that_tells(self) -> dict[str, object]:
        results = {"folder": str(self._results), "settle_s": 0, "poll_interval_s": 0.01}
        return {**self.config(), "results": results}

    async def tell(self, key: str) -> None:
        self._results.mkdir(exist_ok=True)
        content = f"key,status,decided_at\r\n{key},受理,2026-11-20T10:00:00\r\n"
        (self._results / f"KEKKA_{key}.csv").write_bytes(content.encode("cp932"))

    def secrets(self) -> list[str]:
        return []

    async def behave(self, fault: Fault, *, times: int = FOR_EVER, seconds: float = 0.0) -> None:
        del times, seconds
        away = self._folder.with_name("away")
        if fault is Fault.REFUSING and self._folder.exists():
            self._folder.rename(away)
        elif fault is Fault.REFUSING:
            self._folder.write_text("no folder")
        elif away.exists():
            away.rename(self._folder)

    def arrivals(self) -> list[Arrived]:
        there = [path for path in self._folder.iterdir() if path.name != STATE_FOLDER]
        # The clock of files ticks every few milliseconds: within a tick, keys tell the order.
        there.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
        return [Arrived(key=path.name[:KEY_LENGTH], data=path.read_bytes()) for path in there]

    def touched(self) -> int:
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        return sum(not path.name.startswith("lock-") for path in files)

    def most_at_once(self) -> int:
        return 1


class TestContract(AdapterContract):
    adapter = FileDestination
    samples = Path(__file__).parent.parent / "samples"
    text_pointer = "/content/insured/name/family"

    @pytest.fixture
    def peer(self, tmp_path: Path) -> FolderPeer:
        return FolderPeer(tmp_path / "drop")


class BatchPeer(FolderPeer):
    """The same, in which files of many records appear; its samples say which."""

    def arrivals(self) -> list[Arrived]:
        return [
            Arrived(key=record[7:43].decode(), data=record, text=record.decode("cp932"))
            for path in sorted(self._folder.glob("JIDO_*.txt"))
            for record in path.read_bytes().splitlines(keepends=True)
            if record.startswith(b"2")
        ]


class TestBatchContract(AdapterContract):
    adapter = FileDestination
    samples = Path(__file__).parent.parent / "samples" / "batch"
    text_pointer = "/applicant/person/name/family"

    @pytest.fixture
    def peer(self, tmp_path: Path) -> BatchPeer:
        return BatchPeer(tmp_path / "drop")
