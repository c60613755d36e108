"""What a simulated core system took, on disk before it says so, so that it can be killed."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Arrival:
    """One effect on the core system.

    Attributes:
        number: From 1, in order of arrival.
        key: The delivery's idempotency key.
        reference: The core system's own number (整理番号).
        facts: What else was written down, such as the 受付番号.
    """

    number: int
    key: str
    reference: str
    facts: Mapping[str, str]


class Ledger:
    """Arrivals in the order in which they came. Blocking; for one writer."""

    def __init__(self, path: Path, *, synced: bool = True) -> None:
        """Read what is there; a line cut off by a kill was never answered and is dropped.

        Args:
            path: JSON Lines; made if missing.
            synced: Whether each arrival is on the disk before ``add`` returns.
        """
        self._synced = synced
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._arrivals = arrivals_in(path)
        whole = path.read_bytes().rpartition(b"\n")
        os.ftruncate(self._handle, len(whole[0]) + len(whole[1]))
        self._first: dict[str, Arrival] = {}
        for arrival in self._arrivals:
            self._first.setdefault(arrival.key, arrival)

    @property
    def arrivals(self) -> tuple[Arrival, ...]:
        """Everything that arrived, doubles included."""
        return tuple(self._arrivals)

    @property
    def doubled(self) -> tuple[str, ...]:
        """The keys that arrived more than once."""
        return doubled_in(self._arrivals)

    def known(self, key: str) -> Arrival | None:
        """Return the first arrival of ``key``."""
        return self._first.get(key)

    def add(self, key: str, facts: Mapping[str, str]) -> Arrival:
        """Write one more arrival down."""
        number = len(self._arrivals) + 1
        arrival = Arrival(number, key, f"整{number:06}", facts)
        line = json.dumps(
            {"key": key, "reference": arrival.reference, "facts": dict(facts)}, ensure_ascii=False
        )
        os.write(self._handle, f"{line}\n".encode())
        if self._synced:
            os.fsync(self._handle)
        self._arrivals.append(arrival)
        self._first.setdefault(key, arrival)
        return arrival

    def close(self) -> None:
        """Close the file. Idempotent."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def arrivals_in(path: Path) -> list[Arrival]:
    """Return what a ledger's file holds, whoever wrote it and however it ended."""
    lines = path.read_bytes().split(b"\n")[:-1]
    arrivals = []
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        arrivals.append(Arrival(number, entry["key"], entry["reference"], entry["facts"]))
    return arrivals


def doubled_in(arrivals: list[Arrival]) -> tuple[str, ...]:
    """Return the keys that arrived more than once."""
    counts = Counter(arrival.key for arrival in arrivals)
    return tuple(key for key, count in counts.items() if count > 1)
