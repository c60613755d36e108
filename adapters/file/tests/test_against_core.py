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
