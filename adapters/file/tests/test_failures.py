import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from adapters.file import FileConfig, FileDestination
from adapters.file.client import LOCKS, STATE_FOLDER, DropFolder
from gateway.sdk import (
    Application,
    Context,
    Delivery,
    DestinationUnavailableError,
    GivesFeedback,
    Health,
    LooksUp,
    TransientError,
    UnknownOutcomeError,
)

KEY = "0193453a-0000-7000-8000-000000000001"
NOBODY = 65534
IN_A_CHILD = """
import os, resource, signal, sys, threading
from pathlib import Path
from adapters.file.client import DropFolder
base = Path(sys.argv[1])
folder = DropFolder(base / "drop", suffix=".json")
folder.open(base / "own" / "id")
{limit}
try:
    folder.put("{key}", b"x" * 100_000, threading.Event())
except Exception as error:
    print(type(error).__name__, error.reason)
"""

SMALL_FILES_ONLY = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
"""

Deliver = Callable[..., Delivery]
Build = Callable[..., Application]


@pytest.fixture
async def destination(tmp_path: Path, context: Context) -> AsyncIterator[FileDestination]:
    destination = FileDestination(FileConfig(folder=tmp_path / "drop", min_free_mib=0))
    await destination.open(context)
    yield destination
    await destination.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != STATE_FOLDER)


async def test_an_application_is_one_file_named_by_its_key(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    receipt = await destination.send(application(), delivery())

    assert receipt.reference == f"{KEY}.json"
    assert names(tmp_path / "drop") == [f"{KEY}.json"]
    document = json.loads((tmp_path / "drop" / f"{KEY}.json").read_bytes())
    assert document["receipt_number"] == "A-2026-000123"


async def test_sent_again_at_once_and_after_it_was_taken_away_it_is_not_written_again(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    sends = (destination.send(application(), delivery()) for _ in range(20))
    receipts = await asyncio.gather(*sends)
    (tmp_path / "drop" / f"{KEY}.json").unlink()

    again = await destination.send(application(), delivery())

    assert {receipt.reference for receipt in (*receipts, again)} == {f"{KEY}.json"}
    assert names(tmp_path / "drop") == []
    assert await destination.lookup(KEY) == again


async def test_what_was_never_sent_is_not_found(destination: FileDestination) -> None:
    assert await destination.lookup(KEY) is None


async def test_a_dry_run_shows_the_content_and_writes_nothing(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    receipt = await destination.send(application(), delivery(dry_run=True))

    assert receipt.preview is not None
    assert json.loads(receipt.preview)["idempotency_key"] == KEY
    assert names(tmp_path / "drop") == []
    assert await destination.lookup(KEY) is None


async def test_a_cancelled_send_writes_nothing_later(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    handles = hold_every_lock(tmp_path / "drop")
    sending = asyncio.create_task(destination.send(application(), delivery()))
    await asyncio.sleep(0.1)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    for handle in handles:
        os.close(handle)

    assert await destination.lookup(KEY) is None
    await destination.close()
    assert names(tmp_path / "drop") == []


def hold_every_lock(folder: Path) -> Sequence[int]:
    """Do as another process that is writing just now."""
    handles = []
    for number in range(LOCKS):
        path = folder / STATE_FOLDER / f"lock-{number:02}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(handle, fcntl.LOCK_EX)
        handles.append(handle)
    return handles


async def test_a_folder_that_has_gone_makes_the_destination_unavailable(
    destination: FileDestination, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    (tmp_path / "drop").rename(tmp_path / "elsewhere")

    with pytest.raises(DestinationUnavailableError) as sent:
        await destination.send(application(), delivery())
    with pytest.raises(TransientError) as looked_up:
        await destination.lookup(KEY)

    assert (sent.value.reason, looked_up.value.reason) == ("file.folder_missing",) * 2
    assert await destination.check() == Health(ok=False, detail="file.folder_missing")
    (tmp_path / "elsewhere").rename(tmp_path / "drop")
    assert await destination.check() == Health(ok=True)
    assert (await destination.send(application(), delivery())).reference == f"{KEY}.json"


async def test_an_empty_mount_point_is_not_taken_for_the_folder(
    destination: FileDestination,
    tmp_path: Path,
    context: Context,
    application: Build,
    delivery: Deliver,
) -> None:
    await destination.send(application(), delivery())
    (tmp_path / "drop").rename(tmp_path / "unmounted")
    (tmp_path / "drop").mkdir()

    with pytest.raises(TransientError, match="unfamiliar"):
        await destination.lookup(KEY)
    restarted = FileDestination(FileConfig(folder=tmp_path / "drop"))
    with pytest.raises(DestinationUnavailableError, match="unfamiliar"):
        await restarted.open(context)

    assert await restarted.check() == Health(ok=False, detail="file.folder_unfamiliar")
    assert names(tmp_path / "drop") == []
    await restarted.close()


async def test_two_workers_share_a_folder(
    destination: FileDestination,
    tmp_path: Path,
    application: Build,
    delivery: Deliver,
) -> None:
    (tmp_path / "own2").mkdir()
    other = FileDestination(FileConfig(folder=tmp_path / "drop"))
    await other.open(Context(destination="x", municipality="131016", folder=tmp_path / "own2"))

    await destination.send(application(), delivery())

    assert await other.lookup(KEY) is not None
    await other.close()


async def test_too_little_space_makes_it_unavailable_before_the_disk_is_full(
    tmp_path: Path, context: Context
) -> None:
    destination = FileDestination(FileConfig(folder=tmp_path / "drop", min_free_mib=10**12))
    await destination.open(context)

    assert await destination.check() == Health(ok=False, detail="file.disk_full")
    await destination.close()


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        (SMALL_FILES_ONLY, "file.disk_full"),
        ("resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))", "file.failed"),
    ],
)
def test_a_limit_of_the_system_leaves_no_half_file(limit: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()

    said = in_a_child(tmp_path, limit)

    assert said.split()[1] == reason
    assert names(tmp_path / "drop") == []
    assert list((tmp_path / "drop" / STATE_FOLDER).glob("*.tmp")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not")
def test_a_folder_that_may_not_be_written_makes_it_unavailable(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)

    said = in_a_child(tmp_path, f"os.setuid({NOBODY})")

    assert said.split() == ["DestinationUnavailableError", "file.permission_denied"]
    assert names(tmp_path / "drop") == []


def in_a_child(base: Path, limit: str) -> str:
    code = IN_A_CHILD.format(limit=limit, key=KEY)
    done = subprocess.run(
        [sys.executable, "-c", code, str(base)], capture_output=True, text=True, check=True
    )
    return done.stdout


async def test_a_folder_that_cannot_be_synced_after_the_rename_leaves_a_doubt(
    destination: FileDestination,
    tmp_path: Path,
    application: Build,
    delivery: Deliver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = os.rename

    def rename_and_fail(source: Path, target: Path) -> None:
        real(source, target)
        raise OSError(5, "as NFS does when the answer is lost")

    monkeypatch.setattr(os, "rename", rename_and_fail)
    with pytest.raises(UnknownOutcomeError, match="rename_unclear"):
        await destination.send(application(), delivery())
    monkeypatch.undo()

    assert (await destination.lookup(KEY)) is not None
    assert names(tmp_path / "drop") == [f"{KEY}.json"]


async def test_deliveries_are_remembered_for_the_configured_days_and_no_longer(
    tmp_path: Path, context: Context, application: Build, delivery: Deliver
) -> None:
    config = FileConfig(folder=tmp_path / "drop", key_memory_days=90)
    destination = FileDestination(config)
    await destination.open(context)
    keys = [f"0193453a-0000-7000-8000-{number:012}" for number in (1, 2)]
    for key in keys:
        await destination.send(application(), delivery(key))
        (tmp_path / "drop" / f"{key}.json").unlink()
    await destination.close()
    for key, days in zip(keys, (89, 91), strict=True):
        age(tmp_path / "drop" / STATE_FOLDER / f"{key}.intent", days)

    again = FileDestination(config)
    await again.open(context)

    assert (await again.lookup(keys[0])) is not None
    assert (await again.lookup(keys[1])) is None
    await again.close()


async def test_a_folder_restored_from_before_the_last_start_is_unfamiliar(
    tmp_path: Path, context: Context, application: Build, delivery: Deliver
) -> None:
    destination = FileDestination(FileConfig(folder=tmp_path / "drop"))
    await destination.open(context)
    await destination.close()
    shutil.copytree(tmp_path / "drop", tmp_path / "backup")
    await destination.open(context)
    await destination.send(application(), delivery())

    shutil.rmtree(tmp_path / "drop")
    shutil.copytree(tmp_path / "backup", tmp_path / "drop")

    assert await destination.check() == Health(ok=False, detail="file.folder_unfamiliar")
    with pytest.raises(DestinationUnavailableError):
        await destination.lookup(delivery().idempotency_key)
    await destination.close()
    with pytest.raises(DestinationUnavailableError):
        await destination.open(context)
    await destination.close()

    (context.folder / "drop-folder-id").unlink()  # as the README says, if it was on purpose
    await destination.open(context)
    assert (await destination.check()).ok
    await destination.close()


async def test_two_workers_of_one_folder_stay_familiar_with_it(
    tmp_path: Path, context: Context
) -> None:
    config = FileConfig(folder=tmp_path / "drop")
    one, other = FileDestination(config), FileDestination(config)
    (tmp_path / "other").mkdir()

    for _ in range(2):
        await one.open(context)
        await other.open(replace(context, folder=tmp_path / "other"))
        assert (await one.check()).ok
        assert (await other.check()).ok
    await one.close()
    await other.close()


@pytest.mark.parametrize("days", [200, -1])
async def test_a_clock_that_jumps_makes_nobody_forget(
    tmp_path: Path, context: Context, application: Build, delivery: Deliver, days: int
) -> None:
    config, key = FileConfig(folder=tmp_path / "drop"), "0193453a-0000-7000-8000-000000000001"
    state = tmp_path / "drop" / STATE_FOLDER
    destination = FileDestination(config)
    await destination.open(context)
    await destination.send(application(), delivery(key))
    (tmp_path / "drop" / f"{key}.json").unlink()
    await destination.close()
    age(state / f"{key}.intent", 200)
    age(state / "clock", days)

    with structlog.testing.capture_logs() as logs:
        await destination.open(context)

    assert await destination.lookup(key) is not None
    assert "file.clock_jumped" in [log["event"] for log in logs]
    await destination.close()

    await destination.open(context)
    assert await destination.lookup(key) is None
    await destination.close()


def age(path: Path, days: int) -> None:
    then = path.stat().st_mtime - days * 86_400
    os.utime(path, (then, then))


def test_a_key_that_is_no_key_is_never_made_a_file_name(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path / "drop", suffix=".json")
    folder.open(tmp_path / "id")

    with pytest.raises(ValueError, match="idempotency key"):
        folder.find("../../etc/passwd")


async def test_it_can_be_closed_twice_and_after_a_failed_open(
    tmp_path: Path, context: Context
) -> None:
    (tmp_path / "file").write_text("")
    destination = FileDestination(FileConfig(folder=tmp_path / "file" / "drop"))

    with pytest.raises(DestinationUnavailableError):
        await destination.open(context)

    await destination.close()
    await destination.close()
    assert isinstance(destination, LooksUp)
    assert isinstance(destination, GivesFeedback)
