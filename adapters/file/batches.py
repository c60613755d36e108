"""Batch files in the drop folder: many records appear at once, once, whatever is killed when.

Beside what ``client`` keeps, ``.kakehashi/batches/`` holds of each, by its number here::

    N.data      the content, before it has its final name
    N.trigger   the empty end file, before it has its final name
    N.manifest  name, day, sequence number and keys; kept for ``key_memory_days``

Under one lock for all processes: write and sync data and trigger; write and sync the
manifest; rename the data; sync; rename the trigger; sync. So at any instant:

    manifest and data                  nothing of it delivered; forgotten, and its number free
    manifest without data              every key in it is delivered, even if taken away since
    manifest without data, trigger     delivered; the trigger is put in place
    data or trigger without manifest   nothing delivered; removed

The sequence number of the next file follows from the manifests: none is ever left out or
used twice. A key that is in a manifest never comes into another file.
"""

import contextlib
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from adapters.file.client import DropFolder
from adapters.file.durable import (
    as_ours,
    changed_before,
    surely_exists,
    sync_folder,
    write_synced,
)
from gateway.formats.batch_config import BatchConfig
from gateway.formats.charset import FieldRefusedError
from gateway.formats.record import BatchFacts, RecordFormat, write_batch
from gateway.sdk import (
    JST,
    DestinationUnavailableError,
    TransientError,
    UnknownOutcomeError,
)

_OURS: Final = re.compile(r"([0-9]{10})\.(data|trigger|manifest)")
"""Other programs leave files here, too."""

_LOCK: Final = "lock-batch"


@dataclass(slots=True, eq=False)
class Entry:
    """One record on its way into a batch.

    Attributes:
        key: The delivery's idempotency key.
        document: The application, in clear.
        deadline: Aware; after it the record no longer comes into a file.
        withdrawn: Whether nobody waits for it any more.
    """

    key: str
    document: Mapping[str, object] = field(repr=False)
    deadline: datetime
    withdrawn: bool = False


Outcomes = list[str | TransientError | UnknownOutcomeError]
"""For each entry the name of its file with its number in it, or why it is in none."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a manifest says."""

    number: int
    day: str
    sequence: int
    name: str
    keys: tuple[str, ...]


class BatchFolder:
    """Writes batch files. Blocking; safe from many threads and processes at once."""

    def __init__(self, drop: DropFolder, records: RecordFormat, config: BatchConfig | None) -> None:
        """Remember where; touches nothing. Without ``config`` it only finds and forgets."""
        self._drop = drop
        # Apart from the single deliveries' files, which may be many: it is listed each time.
        self._folder = drop.state / "batches"
        self._records = records
        self._config = config or BatchConfig()
        self._lock = threading.Lock()
        self._known: dict[int, _Batch] = {}
        self._references: dict[str, str] = {}

    def put(self, entries: Sequence[Entry]) -> Outcomes:
        """Write one file of the entries that are in none yet; return what became of each.

        Never raises what a delivery may raise: it is returned.
        """
        try:
            with as_ours(), self._held():
                return self._put(entries)
        except (TransientError, UnknownOutcomeError) as error:
            return [error] * len(entries)

    def put_empty(self, at: datetime) -> str | None:
        """Write a file of no record unless the day of ``at`` has a file; return its name.

        Raises:
            TransientError: It cannot be written now.
            UnknownOutcomeError: It has its name, but perhaps not for good.
        """
        with as_ours(), self._held():
            if any(batch.day == at.date().isoformat() for batch in self._known.values()):
                return None
            return self._write([], at).name

    def find(self, key: str) -> str | None:
        """Return what ``put`` returned for a key that was delivered, else ``None``.

        Waits for a batch that is being written, and clears up after a dead one.

        Raises:
            TransientError: Cannot tell now.
        """
        with as_ours(), self._held():
            reference = self._references.get(key)
            if reference is not None:
                self._settle()
            return reference

    def prune(self, key_memory: timedelta, now: float) -> int:
        """Forget batches older than ``key_memory``, but for the last; return how many."""
        before = now - key_memory.total_seconds()
        with as_ours(), self._held():
            last = max(self._known, default=0)
            old = [
                n for n in self._known if n != last and changed_before(self._manifest(n), before)
            ]
            for number in old:
                self._manifest(number).unlink(missing_ok=True)
            if old:
                sync_folder(self._folder)
                self._known, self._references = {}, {}
            return len(old)

    def _put(self, entries: Sequence[Entry]) -> Outcomes:
        now = datetime.now(JST)
        fresh: dict[str, Entry] = {}
        for entry in entries:
            if entry.key not in self._references and not entry.withdrawn and now < entry.deadline:
                fresh.setdefault(entry.key, entry)
        failures: dict[str, TransientError | UnknownOutcomeError] = {}
        if fresh:
            try:
                self._write(list(fresh.values()), now)
            except (TransientError, UnknownOutcomeError) as error:
                failures = dict.fromkeys(fresh, error)
        return [
            failures.get(entry.key)
            or self._references.get(entry.key)
            or TransientError("file.stopped")
            for entry in entries
        ]

    def _write(self, entries: Sequence[Entry], now: datetime) -> _Batch:
        """Make one file appear; ``_known`` has it as soon as it is delivered."""
        facts = self._next(now, len(entries))
        number = max(self._known, default=0) + 1
        content = self._content(entries, facts)
        batch = _Batch(
            number=number,
            day=now.date().isoformat(),
            sequence=facts.sequence,
            name=facts.name,
            keys=tuple(entry.key for entry in entries),
        )
        try:
            with as_ours():
                self._prepare(batch, content)
                self._rename(batch)
        except TransientError:
            with contextlib.suppress(OSError):
                self._forget(number)
            raise
        self._learn(batch)
        try:
            self._settle()
            self._place_trigger(number)
        except OSError as error:
            raise UnknownOutcomeError("file.not_synced") from error
        return batch

    def _next(self, now: datetime, count: int) -> BatchFacts:
        """Return the facts of the next file.

        Raises:
            DestinationUnavailableError: Its number or its name is not free.
        """
        config, day = self._config, now.date().isoformat()
        earlier = [
            batch.sequence
            for batch in self._known.values()
            if config.sequence_restarts == "never" or batch.day == day
        ]
        sequence = max(earlier, default=0) + 1
        if sequence > config.largest_sequence:
            raise DestinationUnavailableError("file.sequence_exhausted")
        facts = config.facts(
            sequence=sequence, count=count, closed_at=now, suffix=self._records.suffix
        )
        for name in (facts.name, config.trigger_name(facts.name)):
            if name is not None and (self._drop.folder / name).exists():
                raise DestinationUnavailableError("file.name_taken")  # a rename would replace it
        return facts

    def _content(self, entries: Sequence[Entry], facts: BatchFacts) -> bytes:
        try:
            return write_batch(self._records, [entry.document for entry in entries], facts)
        except FieldRefusedError as error:
            # Each record and the largest numbers have been tried before.
            raise TransientError("file.batch_unwritable") from error

    def _prepare(self, batch: _Batch, content: bytes) -> None:
        """Write data, trigger and manifest; the first two are durable before the last exists."""
        if not self._folder.exists():
            self._folder.mkdir(exist_ok=True)
            sync_folder(self._drop.state)
        write_synced(self._data(batch.number), content)
        if self._config.trigger_suffix is not None:
            write_synced(self._trigger(batch.number), b"")
        sync_folder(self._folder)
        said: dict[str, object] = {"day": batch.day, "sequence": batch.sequence, "name": batch.name}
        said["sha256"] = hashlib.sha256(content).hexdigest()
        said["trigger"] = self._config.trigger_suffix
        manifest = json.dumps({**said, "keys": batch.keys})
        write_synced(self._manifest(batch.number), manifest.encode("ascii"))
        sync_folder(self._folder)

    def _rename(self, batch: _Batch) -> None:
        data = self._data(batch.number)
        try:
            os.rename(data, self._drop.folder / batch.name)  # noqa: PTH104 - one system call
        except OSError as error:
            # On a network file system a rename can succeed and still report a failure.
            if surely_exists(data):
                raise
            raise UnknownOutcomeError("file.rename_unclear") from error

    def _place_trigger(self, number: int) -> None:
        """Give the end file its name, if it waits for it: the batch is durable by now."""
        trigger = self._trigger(number)
        if trigger.exists():
            suffix = json.loads(self._manifest(number).read_bytes())["trigger"]
            name = (self._drop.folder / self._known[number].name).with_suffix(suffix)
            if name.exists():
                trigger.unlink()  # not ours, perhaps a batch: nothing is ever replaced
            else:
                os.rename(trigger, name)  # noqa: PTH104 - one system call
            self._settle()

    def _settle(self) -> None:
        """Make names durable before anybody is told of them."""
        sync_folder(self._drop.folder)
        sync_folder(self._folder)

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Keep all other batches away; know what was delivered and clear up after the dead."""
        with self._drop.locked(_LOCK, self._lock):
            there = self._numbers()
            unfinished = there["data"]
            for number in unfinished:
                self._forget(number)
            self._refresh(there["manifest"] - unfinished)
            for number in there["trigger"] - unfinished:
                if number in self._known:
                    self._settle()
                    self._place_trigger(number)
                else:
                    self._trigger(number).unlink()
            yield

    def _refresh(self, there: AbstractSet[int]) -> None:
        """Read the manifests of other processes and of earlier lives."""
        if not self._known.keys() <= there:
            self._known, self._references = {}, {}  # another process has pruned
        for number in sorted(there - self._known.keys()):
            try:
                said = json.loads(self._manifest(number).read_bytes())
                self._learn(
                    _Batch(
                        number=number,
                        day=said["day"],
                        sequence=said["sequence"],
                        name=said["name"],
                        keys=tuple(said["keys"]),
                    )
                )
            except (ValueError, KeyError, TypeError) as error:
                raise TransientError("file.manifest_damaged") from error

    def _learn(self, batch: _Batch) -> None:
        self._known[batch.number] = batch
        for place, key in enumerate(batch.keys, 1):
            self._references[key] = f"{batch.name}#{place}"

    def _forget(self, number: int) -> None:
        """Remove what an unfinished batch left; the manifest first, and durably so."""
        for path in (self._manifest(number), self._trigger(number), self._data(number)):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                sync_folder(self._folder)

    def _numbers(self) -> dict[str, set[int]]:
        """Return the numbers that there is data, a trigger and a manifest of; one listing."""
        found: dict[str, set[int]] = {"data": set(), "trigger": set(), "manifest": set()}
        # Not ``glob``, which takes a folder that may not be read for an empty one. No batch
        # yet is none: the folder around it is the familiar one.
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._folder):  # noqa: PTH208 - its errors are translated
                ours = _OURS.fullmatch(name)
                if ours is not None:
                    found[ours[2]].add(int(ours[1]))
        return found

    def _manifest(self, number: int) -> Path:
        return self._folder / f"{number:010}.manifest"

    def _trigger(self, number: int) -> Path:
        return self._folder / f"{number:010}.trigger"

    def _data(self, number: int) -> Path:
        return self._folder / f"{number:010}.data"
