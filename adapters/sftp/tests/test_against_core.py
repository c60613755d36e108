import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters.sftp import SFTPConfig, SFTPDestination
from gateway.sdk import Application, Context, Delivery, FeedbackStatus, Receipt
from gateway.testing.cores.file_core import REFUSAL_CODE, RESULT_COLUMNS
from gateway.testing.cores.ledger import Ledger, arrivals_in, doubled_in
from gateway.testing.cores.sftp_core import SFTPTaker
from gateway.testing.cores.sftp_server import FSYNC, POSIX_RENAME, STATVFS, USERNAME

SAMPLES = Path(__file__).parent.parent / "samples"
KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(10)]
RESULTS = {
    "folder": "/results",
    "columns": dict(
        zip(("key", "status", "decided_at", "reason", "reference"), RESULT_COLUMNS, strict=True)
    ),
    "settle_s": 0,
    "poll_interval_s": 0.01,
}

Build = Callable[..., Application]
Deliver = Callable[..., Delivery]


def a_layout() -> dict[str, Any]:
    layout: dict[str, Any] = json.loads(
        (SAMPLES / "childcare-allowance-claim.config.json").read_text(encoding="utf-8")
    )
    return layout


async def test_a_file_appears_under_its_name_with_nothing_left_beside_it(
    core: Any, opened: Any, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**a_layout())

    receipt = await destination.send(application(), delivery(KEYS[0]))

    assert receipt == Receipt(reference=f"{KEYS[0]}.csv")
    native = (SAMPLES / "childcare-allowance-claim.native.cp932").read_bytes()
    assert len((core.core.drop / f"{KEYS[0]}.csv").read_bytes()) == len(native)
    assert core.delivered == [f"{KEYS[0]}.csv"]
    assert [name for name in core.kept if not name.startswith("id-")] == [f"{KEYS[0]}.intent"]


async def test_every_application_is_read_once_and_each_decision_comes_back(
    core: Any, opened: Any, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**a_layout(), trigger_suffix=".end", results=[RESULTS])
    ledger = Ledger(tmp_path / "ledger.jsonl", synced=False)
    taker = SFTPTaker(core.core, ledger, tmp_path / "core", trigger_suffix=".end")
    await asyncio.gather(*(destination.send(application(), delivery(key)) for key in KEYS))

    taken = taker.step()
    statuses = aiter(destination.feedback())
    feedback = [await anext(statuses) for _ in KEYS]

    assert taken == len(KEYS)
    assert taker.files.unreadable == []
    assert taker.files.records[KEYS[0]]["請求者氏名"] == "髙﨑　健一"
    assert [item.idempotency_key for item in feedback] == KEYS
    assert [item.status for item in feedback].count(FeedbackStatus.REJECTED) == 2
    assert (feedback[4].code, feedback[4].reference) == (REFUSAL_CODE, "整000005")
    assert await destination.lookup(KEYS[0]) == Receipt(reference=f"{KEYS[0]}.csv")
    assert ledger.doubled == ()
    await statuses.aclose()
    ledger.close()


async def test_the_trigger_file_comes_last(
    core: Any, opened: Any, application: Build, delivery: Deliver
) -> None:
    destination = await opened(trigger_suffix=".end")

    await destination.send(application(), delivery(KEYS[0]))

    assert core.delivered == [f"{KEYS[0]}.json", f"{KEYS[0]}.json.end"]
    assert [name for name, _ in core.core.arrivals] == core.delivered
    assert core.core.arrivals[1][1] == b""


async def test_what_was_taken_away_is_not_sent_again(
    core: Any, opened: Any, application: Build, delivery: Deliver
) -> None:
    destination = await opened()
    first = await destination.send(application(), delivery(KEYS[0]))
    (core.core.drop / f"{KEYS[0]}.json").unlink()

    again = await destination.send(application(), delivery(KEYS[0], attempt=2))
    found = await destination.lookup(KEYS[0])

    assert first == again == found
    assert core.delivered == []


async def test_what_was_never_sent_is_not_found(opened: Any) -> None:
    destination = await opened()

    assert await destination.lookup(KEYS[0]) is None


@pytest.mark.parametrize("lacks", [FSYNC, POSIX_RENAME, STATVFS])
async def test_a_server_without_an_extension_takes_files_too(
    lacks: str, core: Any, opened: Any, application: Build, delivery: Deliver
) -> None:
    core.core.behaviour.lacks = frozenset({lacks})
    destination = await opened(trigger_suffix=".end")

    await destination.send(application(), delivery(KEYS[0]))
    found = await destination.lookup(KEYS[0])

    assert core.delivered == [f"{KEYS[0]}.json", f"{KEYS[0]}.json.end"]
    assert found is not None
    assert (await destination.check()).ok


async def test_what_is_sent_is_synced_before_it_has_its_name(
    core: Any, opened: Any, application: Build, delivery: Deliver
) -> None:
    destination = await opened()
    await destination.send(application(), delivery(KEYS[0]))
    core.core.requests.clear()

    await destination.send(application(), delivery(KEYS[1]))

    steps = [name for name in core.core.requests if name not in {"lstat", "remove"}]
    assert steps == ["open", "write", "fsync", "open", "write", "fsync", POSIX_RENAME]


async def test_names_are_written_and_read_in_cp932(
    core: Any, opened: Any, application: Build, delivery: Deliver
) -> None:
    results = {**RESULTS, "folder": "結果", "format": "json", "pattern": "通知_*.json"}
    results["columns"] = {"key": "file", "status": "status", "decided_at": "at"}
    destination = await opened(
        file_name="申請_髙﨑_{key}.json", name_encoding="cp932", results=[results]
    )
    folder = core.core.drop / _as_cp932("結果")

    receipt = await destination.send(application(), delivery(KEYS[0]))
    delivered = [name for name in _names(core.core.drop) if not name.startswith(b".")]
    folder.mkdir()
    said = {"file": receipt.reference, "status": "受理", "at": "2026-11-24T09:00:00"}
    content = json.dumps(said, ensure_ascii=False).encode("cp932")
    (folder / _as_cp932("通知_一.json")).write_bytes(content)
    # A name that is no CP932 ends no listing.
    (folder / os.fsdecode(b"\xfd\xff.json")).write_bytes(b"{}")
    statuses = aiter(destination.feedback())
    item = await anext(statuses)

    # As Windows writes it: 髙 is FBFC, 﨑 is FAB1.
    assert delivered == [
        "申請_".encode("cp932") + b"\xfb\xfc\xfa\xb1_" + KEYS[0].encode() + b".json"
    ]
    assert (item.idempotency_key, item.status) == (KEYS[0], FeedbackStatus.ACCEPTED)
    await statuses.aclose()


def _names(folder: Path) -> list[bytes]:
    return [os.fsencode(path.name) for path in folder.iterdir()]


def _as_cp932(name: str) -> str:
    return os.fsdecode(name.encode("cp932"))


async def test_delivered_files_have_the_configured_permissions(
    core: Any, opened: Any, application: Build, delivery: Deliver
) -> None:
    destination = await opened(file_mode="640")

    await destination.send(application(), delivery(KEYS[0]))

    mode = (core.core.drop / f"{KEYS[0]}.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o640


async def test_a_private_key_with_a_passphrase_logs_in(
    core: Any, opened: Any, tmp_path: Path, a_key: asyncssh.SSHKey
) -> None:
    path = tmp_path / "id"
    a_key.write_private_key(str(path), passphrase="himitsu-no-kagi", rounds=50)
    core.core._authorized.append(a_key.convert_to_public())
    destination = await opened(
        password=None, private_key_file=path, private_key_passphrase="himitsu-no-kagi"
    )

    assert (await destination.check()).ok


async def test_a_dry_run_shows_the_file_and_connects_to_nobody(
    core: Any, opened: Any, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**a_layout(), trigger_suffix=".end")

    receipt = await destination.send(application(), delivery(KEYS[0], dry_run=True))

    assert receipt.preview is not None
    assert "髙﨑" in receipt.preview
    assert f"{KEYS[0]}.csv.end" in receipt.preview
    assert core.line.connections == 0


async def test_checking_changes_nothing_and_tells_of_a_missing_folder(
    core: Any, opened: Any
) -> None:
    destination = await opened()
    missing = await opened(folder="/elsewhere")

    health = await destination.check()
    bad = await missing.check()

    assert (health.ok, bad.ok, bad.detail) == (True, False, "sftp.folder_missing")
    assert {"open", "mkdir", "remove", "rename", POSIX_RENAME} & set(core.core.requests) == set()


async def test_a_core_system_in_a_process_takes_files_and_remembers_them_when_killed(
    tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "password").write_text("kogai-kinshi-2026")
    log = tmp_path / "ledger.jsonl"
    for keys in (KEYS[:5], KEYS[5:]):
        process = _a_process(tmp_path, log)
        assert process.stdout is not None
        port, host_key = process.stdout.readline().strip(), process.stdout.readline().strip()
        destination = SFTPDestination(
            SFTPConfig(
                host="127.0.0.1",
                port=int(port),
                host_keys=(host_key,),
                username=USERNAME,
                password_file=tmp_path / "password",
                folder="/drop",
            )
        )
        await destination.open(
            Context(destination="x", municipality="131016", folder=tmp_path / "own")
        )
        for key in keys:
            await destination.send(application(), delivery(key))
        process.kill()
        process.communicate()
        await destination.close()
    process = _a_process(tmp_path, log)
    while len(arrivals_in(log)) < len(KEYS):  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.01)
    process.terminate()
    process.communicate()

    assert process.returncode == 0
    assert sorted(arrival.key for arrival in arrivals_in(log)) == KEYS
    assert doubled_in(arrivals_in(log)) == ()


def _a_process(folder: Path, log: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gateway.testing.cores.sftp_core",
            *("--root", folder / "root", "--taken", folder / "core", "--log", log),
            *("--host-key", folder / "host", "--password-file", folder / "password"),
            *("--interval", "0.05"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
