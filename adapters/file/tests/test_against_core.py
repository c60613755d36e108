import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.file import FileConfig, FileDestination
from gateway.sdk import Application, Context, Delivery, FeedbackStatus
from gateway.testing.cores.file_core import (
    REFUSAL_CODE,
    RESULT_COLUMNS,
    FileCore,
    FileCoreSettings,
)
from gateway.testing.cores.ledger import Ledger, arrivals_in, doubled_in

SAMPLES = Path(__file__).parent.parent / "samples"
KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(10)]
RESULTS = {
    "columns": dict(
        zip(("key", "status", "decided_at", "reason", "reference"), RESULT_COLUMNS, strict=True)
    ),
    "settle_s": 0,
    "poll_interval_s": 0.01,
}


@pytest.fixture
def config(tmp_path: Path) -> FileConfig:
    layout: dict[str, Any] = json.loads(
        (SAMPLES / "childcare-allowance-claim.config.json").read_text(encoding="utf-8")
    )
    return FileConfig.model_validate({**layout, "folder": tmp_path / "drop", "results": RESULTS})


async def test_every_application_is_read_once_and_each_decision_comes_back(
    config: FileConfig,
    context: Context,
    tmp_path: Path,
    application: Callable[..., Application],
    delivery: Callable[..., Delivery],
) -> None:
    destination = FileDestination(config)
    await destination.open(context)
    for key in KEYS:
        await destination.send(application(), delivery(key))
    ledger = Ledger(tmp_path / "ledger.jsonl", synced=False)
    core = FileCore(
        FileCoreSettings(
            drop=tmp_path / "drop",
            taken=tmp_path / "taken",
            results=tmp_path / "drop" / "results",
            refuses_every=5,
        ),
        ledger,
    )

    taken = core.step()
    statuses = aiter(destination.feedback())
    feedback = [await anext(statuses) for _ in KEYS]

    assert taken == len(KEYS)
    assert core.unreadable == []
    assert core.records[KEYS[0]]["請求者氏名"] == "髙﨑　健一"
    assert [item.idempotency_key for item in feedback] == KEYS
    assert [item.status for item in feedback].count(FeedbackStatus.REJECTED) == 2
    assert (feedback[4].code, feedback[4].reference) == (REFUSAL_CODE, "整000005")
    assert await destination.lookup(KEYS[0]) is not None
    await destination.close()
    ledger.close()


async def test_a_file_sent_behind_its_back_is_counted_as_a_double(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", synced=False)
    core = FileCore(FileCoreSettings(drop=tmp_path / "drop", taken=tmp_path / "taken"), ledger)
    for _ in range(2):
        (tmp_path / "drop" / f"{KEYS[0]}.json").write_text("{}")
        core.step()
    (tmp_path / "drop" / f"{KEYS[1]}.csv").write_bytes("氏名\r\n髙\r\n".encode())

    core.step()

    assert ledger.doubled == (KEYS[0],)
    assert len(core.unreadable) == 1
    ledger.close()


async def test_a_killed_core_counts_what_it_had_taken(
    config: FileConfig,
    context: Context,
    tmp_path: Path,
    application: Callable[..., Application],
    delivery: Callable[..., Delivery],
) -> None:
    destination = FileDestination(config)
    await destination.open(context)
    log = tmp_path / "ledger.jsonl"
    for keys in (KEYS[:5], KEYS[5:]):
        process = a_process(tmp_path, log)
        for key in keys:
            await destination.send(application(), delivery(key))
        process.kill()
        process.communicate()
    process = a_process(tmp_path, log)
    while len(arrivals_in(log)) < len(KEYS):  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.01)
    process.terminate()
    process.communicate()

    assert process.returncode == 0
    assert sorted(arrival.key for arrival in arrivals_in(log)) == KEYS
    assert doubled_in(arrivals_in(log)) == ()
    await destination.close()


async def test_a_core_that_imports_batches_gets_each_record_once_and_finds_no_gap(
    context: Context,
    tmp_path: Path,
    application: Callable[..., Application],
    delivery: Callable[..., Delivery],
) -> None:
    layout = json.loads(
        (SAMPLES / "batch" / "childcare-allowance-claim.config.json").read_text(encoding="utf-8")
    )
    layout["batch"] |= {"max_records": 4, "max_age_s": 0.05}
    destination = FileDestination(
        FileConfig.model_validate({**layout, "folder": tmp_path / "drop", "min_free_mib": 0})
    )
    await destination.open(context)
    imported: list[list[str]] = []
    sends = asyncio.gather(*(destination.send(application(), delivery(key)) for key in KEYS))

    while not sends.done():
        imported += import_batches(tmp_path / "drop")
        await asyncio.sleep(0.005)
    imported += import_batches(tmp_path / "drop")

    assert sorted(key for keys in imported for key in keys) == KEYS
    assert [len(keys) for keys in imported] == [4, 4, 2]
    receipts = await sends
    assert {receipt.reference.partition("#")[2] for receipt in receipts} == {"1", "2", "3", "4"}
    await destination.close()


def import_batches(drop: Path) -> list[list[str]]:
    """Take away every batch whose end file is there, as an old program does: by bytes."""
    imported = []
    for end in sorted(drop.glob("JIDO_*.end")):
        file = end.with_suffix(".txt")
        header, *records, trailer = file.read_bytes().split(b"\r\n")[:-1]
        assert {len(record) for record in (header, *records, trailer)} == {200}
        assert header[:1] + trailer[:1] == b"18"
        assert int(header[4:10]) == int(file.stem[-6:])
        assert int(trailer[1:7]) == len(records)
        assert [int(record[1:7]) for record in records] == [*range(1, len(records) + 1)]
        assert records[0][63:73].decode("cp932") == "髙﨑　健一"
        imported.append([record[7:43].decode("ascii") for record in records])
        file.unlink()
        end.unlink()
    return imported


def a_process(folder: Path, log: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gateway.testing.cores.file_core",
            *("--drop", str(folder / "drop")),
            *("--taken", str(folder / "taken")),
            *("--log", str(log)),
            *("--interval", "0.01"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process
