import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.file import FileConfig, FileDestination, open_batch
from adapters.file.batches import BatchFolder, Entry
from adapters.file.client import STATE_FOLDER, DropFolder
from gateway.sdk import (
    JST,
    Application,
    Context,
    Delivery,
    DestinationUnavailableError,
    RejectedError,
    TransientError,
    UnknownOutcomeError,
)

KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(6)]
NUMBER = {"pad_bytes": 6, "pad_with": "0", "pad_side": "left"}
LAYOUT = {
    "format": "csv",
    "csv": {
        "header": False,
        "columns": [
            {"name": "区分", "literal": "2"},
            {"name": "連番", "pointer": "/batch/number", **NUMBER},
            {"name": "キー", "pointer": "/idempotency_key"},
            {"name": "氏", "pointer": "/applicant/person/name/family"},
        ],
        "batch_header": [
            {"name": "区分", "literal": "1"},
            {"name": "通番", "pointer": "/batch/sequence", **NUMBER},
            {"name": "作成日", "pointer": "/batch/date", "date": "era7"},
        ],
        "batch_trailer": [
            {"name": "区分", "literal": "8"},
            {"name": "件数", "pointer": "/batch/count", **NUMBER},
        ],
    },
}

Build = Callable[..., Application]
Deliver = Callable[..., Delivery]


def a_config(tmp_path: Path, **batch: Any) -> FileConfig:
    given = {"file_name": "B{sequence}", "max_records": 3, "max_age_s": 600, **batch}
    return FileConfig.model_validate(
        {**LAYOUT, "folder": tmp_path / "drop", "min_free_mib": 0, "batch": given}
    )


@pytest.fixture
async def destination(tmp_path: Path, context: Context) -> AsyncIterator[FileDestination]:
    destination = FileDestination(a_config(tmp_path))
    await destination.open(context)
    yield destination
    await destination.close()


def files(tmp_path: Path) -> dict[str, list[list[str]]]:
    return {
        path.name: [line.split(",") for line in path.read_bytes().decode("cp932").splitlines()]
        for path in sorted((tmp_path / "drop").iterdir())
        if path.name != STATE_FOLDER
    }


def batches(tmp_path: Path, **over: Any) -> BatchFolder:
    config = a_config(tmp_path, **over)
    drop = DropFolder(config.folder, suffix=".csv")
    drop.open(tmp_path / "folder-id")
    return BatchFolder(drop, config.records, config.batch)


def an_entry(key: str = KEYS[0], **over: Any) -> Entry:
    deadline = over.pop("deadline", datetime.now(UTC) + timedelta(seconds=30))
    return Entry(key, {"idempotency_key": key}, deadline, **over)


async def test_a_full_batch_is_one_file_with_header_trailer_and_counts(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    receipts = await asyncio.gather(
        *(destination.send(application(), delivery(key)) for key in KEYS)
    )

    assert [receipt.reference for receipt in receipts] == [
        f"B00000{file}.csv#{place}" for file in (1, 2) for place in (1, 2, 3)
    ]
    first, second = files(tmp_path).values()
    assert first[0][:2] == ["1", "000001"]
    assert [row[2] for row in first[1:4]] == KEYS[:3]
    assert [row[1] for row in second[1:4]] == ["000001", "000002", "000003"]
    assert second[0][1] == "000002"
    assert first[4] == second[4] == ["8", "000003"]


async def test_a_batch_that_does_not_fill_is_closed_by_its_age(
    tmp_path: Path, context: Context, application: Build, delivery: Deliver
) -> None:
    destination = FileDestination(a_config(tmp_path, max_age_s=0.05))
    await destination.open(context)

    receipt = await destination.send(application(), delivery())

    assert receipt.reference == "B000001.csv#1"
    await destination.close()


async def test_a_batch_is_closed_before_the_deadline_of_any_record_in_it(
    destination: FileDestination,
    application: Build,
    delivery: Deliver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert open_batch.SHARE_OF_TIME < 1
    monkeypatch.setattr(open_batch, "SHARE_OF_TIME", 0.001)
    now = datetime.now(UTC)
    late, soon = now + timedelta(days=1), now + timedelta(seconds=30)
    first = asyncio.create_task(destination.send(application(), delivery(KEYS[4], deadline=late)))
    await asyncio.sleep(0)

    receipt = await destination.send(application(), delivery(KEYS[5], deadline=soon))

    assert receipt.reference == "B000001.csv#2"
    assert (await first).reference == "B000001.csv#1"


async def test_a_record_that_cannot_be_written_is_rejected_and_spoils_no_batch(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    person = {"name": {"family": "𠮷田"}}
    sends = [destination.send(application(), delivery(key)) for key in KEYS[:3]]

    with pytest.raises(RejectedError) as caught:
        await destination.send(application(applicant={"person": person}), delivery(KEYS[5]))
    await asyncio.gather(*sends)

    assert caught.value.pointer == "/applicant/person/name/family"
    assert files(tmp_path)["B000001.csv"][-1] == ["8", "000003"]


async def test_a_cancelled_send_comes_into_no_file(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    sending = asyncio.create_task(destination.send(application(), delivery(KEYS[0])))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    assert await destination.lookup(KEYS[0]) is None
    await asyncio.gather(*(destination.send(application(), delivery(key)) for key in KEYS[1:4]))

    assert [row[2] for row in files(tmp_path)["B000001.csv"][1:4]] == KEYS[1:4]


async def test_closing_writes_what_waits(
    tmp_path: Path, context: Context, application: Build, delivery: Deliver
) -> None:
    destination = FileDestination(a_config(tmp_path))
    await destination.open(context)
    sending = asyncio.create_task(destination.send(application(), delivery()))
    await asyncio.sleep(0)

    await destination.close()

    assert (await sending).reference == "B000001.csv#1"
    with pytest.raises(DestinationUnavailableError, match="not_open"):
        async with asyncio.timeout(5):
            await destination.send(
                application(),
                delivery(KEYS[1], deadline=datetime.now(UTC) + timedelta(seconds=0.1)),
            )


async def test_sent_again_after_the_file_was_taken_it_is_in_no_other(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    await asyncio.gather(*(destination.send(application(), delivery(key)) for key in KEYS[:3]))
    (tmp_path / "drop" / "B000001.csv").unlink()

    again = await asyncio.gather(
        *(destination.send(application(), delivery(key)) for key in (KEYS[1], KEYS[1], KEYS[4]))
    )

    assert [receipt.reference for receipt in again] == ["B000001.csv#2"] * 2 + ["B000002.csv#1"]
    assert await destination.lookup(KEYS[1]) == again[0]
    assert await destination.lookup(KEYS[5]) is None
    assert [row[2] for row in files(tmp_path)["B000002.csv"][1:-1]] == [KEYS[4]]


async def test_a_folder_that_has_gone_makes_every_record_of_the_batch_wait(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    (tmp_path / "drop").rename(tmp_path / "elsewhere")

    outcomes = await asyncio.gather(
        *(destination.send(application(), delivery(key)) for key in KEYS[:3]),
        return_exceptions=True,
    )

    assert {getattr(outcome, "reason", None) for outcome in outcomes} == {"file.folder_missing"}
    (tmp_path / "elsewhere").rename(tmp_path / "drop")
    assert await destination.lookup(KEYS[0]) is None


async def test_a_dry_run_shows_the_record_in_its_frame_and_uses_no_number(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    preview = (await destination.send(application(), delivery(dry_run=True))).preview

    assert preview is not None
    assert [line.split(",")[:2] for line in preview.splitlines()] == [
        ["1", "000001"],
        ["2", "000001"],
        ["8", "000001"],
    ]
    assert files(tmp_path) == {}


async def test_a_day_without_a_file_gets_one_without_a_record(
    tmp_path: Path, context: Context, application: Build, delivery: Deliver
) -> None:
    destination = FileDestination(a_config(tmp_path, empty_file_at="00:00", max_records=1))
    await destination.open(context)
    while not files(tmp_path):  # noqa: ASYNC110 - a thread writes it
        await asyncio.sleep(0.01)

    receipt = await destination.send(application(), delivery())

    assert [row[0] for row in files(tmp_path)["B000001.csv"]] == ["1", "8"]
    assert files(tmp_path)["B000001.csv"][1] == ["8", "000000"]
    assert receipt.reference == "B000002.csv#1"
    await destination.close()


def test_only_the_first_look_of_a_day_writes_an_empty_file(tmp_path: Path) -> None:
    folder = batches(tmp_path)
    today = datetime.now(JST)

    written = [folder.put_empty(day) for day in (today, today, today + timedelta(days=1))]

    assert written == ["B000001.csv", None, "B000002.csv"]


def test_a_day_with_a_file_needs_no_empty_one(tmp_path: Path) -> None:
    folder = batches(tmp_path)

    folder.put([an_entry()])

    assert folder.put_empty(datetime.now(JST)) is None


def test_numbers_go_on_after_a_restart_and_between_two_processes(tmp_path: Path) -> None:
    one, other = batches(tmp_path), batches(tmp_path)

    names = [
        folder.put([an_entry(key)]) for folder, key in zip((one, other, one), KEYS, strict=False)
    ]

    assert names == [[f"B00000{number}.csv#1"] for number in (1, 2, 3)]
    assert batches(tmp_path).find(KEYS[1]) == "B000002.csv#1"


def test_numbers_of_every_day_begin_at_one(tmp_path: Path) -> None:
    folder = batches(tmp_path, file_name="{date}-{sequence}", sequence_restarts="daily")
    day = datetime(2026, 11, 20, 18, tzinfo=JST)

    names = [folder.put_empty(day + timedelta(days=n)) for n in range(2)]

    assert names == ["20261120-000001.csv", "20261121-000001.csv"]


def test_a_name_that_is_taken_is_not_replaced(tmp_path: Path) -> None:
    folder = batches(tmp_path)
    (tmp_path / "drop" / "B000001.csv").write_bytes(b"of somebody else")

    [outcome] = folder.put([an_entry()])

    assert isinstance(outcome, DestinationUnavailableError)
    assert outcome.reason == "file.name_taken"
    assert (tmp_path / "drop" / "B000001.csv").read_bytes() == b"of somebody else"
    assert folder.find(KEYS[0]) is None


def test_after_the_last_number_nothing_is_written(tmp_path: Path) -> None:
    folder = batches(tmp_path, sequence_digits=1)
    for day in range(9):
        folder.put_empty(datetime.now(JST) + timedelta(days=day))

    [outcome] = folder.put([an_entry()])

    assert getattr(outcome, "reason", None) == "file.sequence_exhausted"


def test_whoever_no_longer_waits_is_left_out(tmp_path: Path) -> None:
    folder = batches(tmp_path)
    past = datetime.now(UTC) - timedelta(seconds=1)
    withdrawn = an_entry(KEYS[0], withdrawn=True)

    outcomes = folder.put([withdrawn, an_entry(KEYS[1], deadline=past), an_entry(KEYS[2])])

    assert [getattr(outcome, "reason", outcome) for outcome in outcomes] == [
        "file.stopped",
        "file.stopped",
        "B000001.csv#1",
    ]
    assert files(tmp_path)["B000001.csv"][-1] == ["8", "000001"]


def test_a_lost_answer_of_the_rename_is_a_doubt_that_a_lookup_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = batches(tmp_path, trigger_suffix=".end")
    real = os.rename

    def rename_and_fail(source: Path, target: Path) -> None:
        real(source, target)
        raise OSError(5, "as NFS does when the answer is lost")

    monkeypatch.setattr(os, "rename", rename_and_fail)
    outcomes = folder.put([an_entry()])
    monkeypatch.undo()

    assert isinstance(outcomes[0], UnknownOutcomeError)
    assert folder.find(KEYS[0]) == "B000001.csv#1"
    assert sorted(files(tmp_path)) == ["B000001.csv", "B000001.end"]


def test_a_rename_that_failed_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = batches(tmp_path)

    def refused(_source: Path, _target: Path) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "rename", refused)
    [outcome] = folder.put([an_entry()])
    monkeypatch.undo()

    assert getattr(outcome, "reason", None) == "file.disk_full"
    assert list((tmp_path / "drop" / STATE_FOLDER / "batches").glob("*")) == []
    assert folder.put([an_entry()]) == ["B000001.csv#1"]


def test_a_damaged_manifest_tells_nothing_rather_than_no(tmp_path: Path) -> None:
    batches(tmp_path).put([an_entry()])
    [manifest] = (tmp_path / "drop" / STATE_FOLDER / "batches").glob("*.manifest")
    manifest.write_bytes(b"\x00")

    with pytest.raises(TransientError, match="manifest_damaged"):
        batches(tmp_path).find(KEYS[0])


def test_a_memory_that_may_not_be_read_tells_nothing_rather_than_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = batches(tmp_path)
    folder.put([an_entry()])

    def forbidden(_folder: Path) -> list[str]:
        raise PermissionError(13, "may not be read")

    monkeypatch.setattr(os, "listdir", forbidden)
    with pytest.raises(DestinationUnavailableError, match="permission_denied"):
        batches(tmp_path).find(KEYS[0])


def test_a_manifest_names_keys_and_a_digest_and_nobody(tmp_path: Path) -> None:
    batches(tmp_path).put([an_entry()])

    [manifest] = (tmp_path / "drop" / STATE_FOLDER / "batches").glob("*.manifest")

    said = json.loads(manifest.read_bytes())
    assert said.keys() == {"day", "sequence", "name", "sha256", "trigger", "keys"}
    assert said["keys"] == [KEYS[0]]


def test_old_batches_are_forgotten_but_their_numbers_are_not_used_again(tmp_path: Path) -> None:
    folder = batches(tmp_path)
    for key in KEYS[:2]:
        folder.put([an_entry(key)])
    for path in (tmp_path / "drop" / STATE_FOLDER / "batches").glob("*.manifest"):
        os.utime(path, (0, 0))

    assert folder.prune(timedelta(days=90), time.time()) == 1

    assert folder.find(KEYS[0]) is None
    assert folder.find(KEYS[1]) == "B000002.csv#1"
    assert folder.prune(timedelta(days=90), time.time()) == 0
    assert folder.put([an_entry(KEYS[2])]) == ["B000003.csv#1"]


@pytest.mark.parametrize("suffix", [".csv", ".CSV"])
def test_an_end_file_must_not_have_its_batchs_name(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ValueError, match="the end file would replace its batch"):
        a_config(tmp_path, trigger_suffix=suffix)


def test_an_end_file_replaces_no_file_that_has_its_name(tmp_path: Path) -> None:
    folder = batches(tmp_path, trigger_suffix=".end")
    foreign = tmp_path / "drop" / "B000001.end"
    foreign.write_bytes(b"not ours")

    (outcome,) = folder.put([an_entry()])

    assert isinstance(outcome, DestinationUnavailableError)
    assert outcome.reason == "file.name_taken"
    assert foreign.read_bytes() == b"not ours"


def test_an_end_file_that_waits_replaces_no_file_either(tmp_path: Path) -> None:
    folder = batches(tmp_path)
    folder.put([an_entry()])
    (manifest,) = (tmp_path / "drop" / STATE_FOLDER / "batches").glob("*.manifest")
    manifest.write_text(manifest.read_text().replace('"trigger": null', '"trigger": ".csv"'))
    manifest.with_suffix(".trigger").touch()  # as an earlier version could leave it

    batches(tmp_path).find(KEYS[0])

    assert (tmp_path / "drop" / "B000001.csv").stat().st_size > 0
    assert not manifest.with_suffix(".trigger").exists()


def test_what_others_leave_beside_our_records_is_none_of_ours(tmp_path: Path) -> None:
    batches(tmp_path).put([an_entry()])
    state = tmp_path / "drop" / STATE_FOLDER
    manifest = state / "batches" / "0000000001.manifest"
    for copy in ("0000000001 (1).manifest", "~1.data", "conflict.trigger", "11.manifest"):
        (state / "batches" / copy).write_bytes(manifest.read_bytes())
    for stray in ("~WRL0001.tmp", "1.intent"):
        (state / stray).touch()
        os.utime(state / stray, (0, 0))

    folder = batches(tmp_path)

    drop = DropFolder(tmp_path / "drop", suffix=".csv")
    drop.open(tmp_path / "folder-id")
    assert drop.prune(timedelta(days=90), time.time()) == 0
    assert folder.find(KEYS[0]) == "B000001.csv#1"
    assert folder.put([an_entry(KEYS[1])]) == ["B000002.csv#1"]
    assert (state / "batches" / "~1.data").exists()


def test_a_lookup_lists_the_manifests_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = batches(tmp_path)
    folder.put([an_entry()])
    listings: list[object] = []
    listdir = os.listdir

    def counted(path: Path) -> list[str]:
        listings.append(path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", counted)

    assert folder.find(KEYS[0]) == "B000001.csv#1"
    assert len(listings) == 1
