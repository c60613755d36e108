import asyncio
import errno
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters.sftp import SFTPDestination
from adapters.sftp.client import UntrustedHostError
from adapters.sftp.session import WINDOW_BYTES
from gateway.sdk import (
    Application,
    ConfigError,
    Context,
    Delivery,
    DestinationUnavailableError,
    FeedbackStatus,
    Receipt,
    RejectedError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.testing.cores.sftp_server import FSYNC, POSIX_RENAME, Behaviour, SFTPServer, refused

KEY = "0193453a-0000-7000-8000-000000000001"
OTHER = "0193453a-0000-7000-8000-000000000002"

Open = Callable[..., Awaitable[SFTPDestination]]
Build = Callable[..., Application]
Deliver = Callable[..., Delivery]


async def reason_of(sending: Awaitable[Any]) -> tuple[type, str]:
    try:
        await sending
    except (TransientError, UnknownOutcomeError, RejectedError) as error:
        return type(error), error.reason
    return Receipt, ""


async def test_a_server_that_refuses_connections_is_unavailable_until_it_is_back(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened()
    await core.line.refuse()

    down = await reason_of(destination.send(application(), delivery()))
    health = await destination.check()
    await core.line.accept()

    assert down == (DestinationUnavailableError, "sftp.not_connected")
    assert (health.ok, health.detail) == (False, "sftp.not_connected")
    assert (await destination.send(application(), delivery())).reference == f"{KEY}.json"


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
async def test_a_changed_host_key_is_refused_and_both_fingerprints_are_named(
    kind: str, core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    pinned = asyncssh.generate_private_key(kind)
    destination = await opened(host_keys=[pinned.export_public_key().decode().strip()])
    shown = asyncssh.import_public_key(core.core.host_key).get_fingerprint()

    outcome = await reason_of(destination.send(application(), delivery()))
    health = await destination.check()

    assert outcome == (UntrustedHostError, "sftp.host_key_unknown")
    assert pinned.get_fingerprint() in health.detail
    assert shown in health.detail
    assert core.core.requests == []


async def test_the_next_host_key_can_be_pinned_before_it_changes(core: Any, opened: Open) -> None:
    following = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    destination = await opened(host_keys=[following, core.core.host_key])

    assert (await destination.check()).ok


async def test_an_exchanged_password_file_is_read_again(
    opened: Open, tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    file = tmp_path / "password"
    file.write_text("furui-himitsu")
    destination = await opened(password=None, password_file=file)

    before = await reason_of(destination.send(application(), delivery()))
    file.write_text("kogai-kinshi-2026\n")
    after = await destination.send(application(), delivery())

    assert before == (DestinationUnavailableError, "sftp.login_refused")
    assert after.reference == f"{KEY}.json"


async def test_credentials_that_cannot_be_read_are_told_at_the_start(
    opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("-----BEGIN NOTHING-----")

    with pytest.raises(ConfigError, match="private_key_file"):
        await opened(private_key_file=tmp_path / "key")
    with pytest.raises(ConfigError, match="password_file"):
        await opened(password=None, password_file=tmp_path / "none")


@pytest.mark.parametrize("trigger", [None, ".end"])
@pytest.mark.parametrize("core_system", ["leaves it", "takes it away"])
@pytest.mark.parametrize("cut", ["before its effect", "after its effect"])
async def test_cut_at_any_request_then_looked_up_and_sent_again_it_arrives_once(
    cut: str,
    core_system: str,
    trigger: str | None,
    core: Any,
    opened: Open,
    application: Build,
    delivery: Deliver,
) -> None:
    server: SFTPServer = core.core
    destination = await opened(trigger_suffix=trigger)
    await destination.send(application(), delivery(OTHER))
    kinds, number = set(), 0
    while True:
        number += 1
        key = f"0193453a-0000-7000-8000-{number + 100:012}"
        last = f"{key}.json{trigger or ''}"
        server.arrivals.clear()
        server.behaviour = Behaviour(
            cut_at=len(server.requests) + number, cut_after=cut.startswith("after")
        )

        kind, _ = await reason_of(destination.send(application(), delivery(key)))
        is_there = last in [name for name, _ in server.arrivals]
        if core_system.startswith("takes") and is_there:
            for name in (f"{key}.json", last):
                (server.drop / name).unlink(missing_ok=True)
        server.behaviour = Behaviour()
        if kind is Receipt:
            break
        kinds.add(kind)
        if kind is UnknownOutcomeError:
            assert (await destination.lookup(key) is not None) == is_there
        else:
            assert not is_there
        receipt = await destination.send(application(), delivery(key, attempt=2))

        names = [name for name, _ in server.arrivals]
        assert receipt.reference == f"{key}.json"
        assert names.count(last) == 1
        assert all(
            content.endswith(b"}\n") for name, content in server.arrivals if name == f"{key}.json"
        )
    assert number > 10
    assert kinds == {DestinationUnavailableError, UnknownOutcomeError}
    assert core.in_clear == []


@pytest.mark.parametrize(("way", "first", "step"), [("there", 900, 700), ("back", 100, 100)])
async def test_a_line_cut_anywhere_delivers_every_application_once(
    way: str,
    first: int,
    step: int,
    core: Any,
    opened: Open,
    application: Build,
    delivery: Deliver,
) -> None:
    destination = await opened()
    keys = [f"0193453a-0000-7000-8000-{number:012}" for number in range(12)]
    for number, key in enumerate(keys):
        core.line.cut_after(first + number * step, answers=way == "back")
        kind, _ = await reason_of(destination.send(application(), delivery(key)))
        core.line.heal()
        if kind is UnknownOutcomeError:
            await destination.lookup(key)
        await destination.send(application(), delivery(key, attempt=2))

    assert core.line.cuts > 5
    assert [name for name, _ in core.core.arrivals] == [f"{key}.json" for key in keys]


async def test_a_cut_transfer_goes_on_where_it_was_cut(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened()
    await destination.send(application(), delivery(OTHER))
    large = application(content={"remarks": "鬱" * 500_000})
    core.line.cut_after(1_000_000)

    cut = await reason_of(destination.send(large, delivery()))
    core.core.requests.clear()
    await destination.send(large, delivery(attempt=2))

    content = core.core.arrivals[-1][1]
    assert cut == (DestinationUnavailableError, "sftp.connection_lost")
    assert json.loads(content)["content"] == large.content
    blocks = len(content) // 32_768
    assert 0 < core.core.requests.count("write") < blocks - 2 * WINDOW_BYTES // 32_768 + 4
    assert core.kept[-1] == "id-" + core.kept[-1][3:]


async def test_another_content_does_not_go_on_with_what_was_cut(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened()
    await destination.send(application(), delivery(OTHER))
    core.line.cut_after(700_000)
    await reason_of(destination.send(application(content={"remarks": "鬱" * 500_000}), delivery()))

    await destination.send(application(content={"remarks": "短"}), delivery(attempt=2))

    assert json.loads(core.core.arrivals[-1][1])["content"] == {"remarks": "短"}


@pytest.mark.parametrize(
    ("silent_at", "outcome"),
    [
        ("write", (DestinationUnavailableError, "sftp.answer_late")),
        (FSYNC, (DestinationUnavailableError, "sftp.answer_late")),
        (POSIX_RENAME, (UnknownOutcomeError, "sftp.rename_unclear")),
    ],
)
async def test_a_silent_server_is_not_waited_for(
    silent_at: str,
    outcome: tuple[type, str],
    core: Any,
    opened: Open,
    application: Build,
    delivery: Deliver,
) -> None:
    destination = await opened(answer_timeout_s=0.2)
    core.core.behaviour.silent_at = silent_at

    assert await reason_of(destination.send(application(), delivery())) == outcome
    core.core.behaviour = Behaviour()
    assert (await destination.lookup(KEY) is not None) == (silent_at == POSIX_RENAME)


async def test_a_line_that_swallows_everything_is_given_up(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(connect_timeout_s=0.1, login_timeout_s=0.1)
    core.line.black_hole()

    outcome = await reason_of(destination.send(application(), delivery()))
    core.line.heal()

    assert outcome == (DestinationUnavailableError, "sftp.not_connected")


@pytest.mark.parametrize(
    ("request_name", "code", "over", "outcome"),
    [
        ("write", errno.EACCES, {}, (DestinationUnavailableError, "sftp.permission_denied")),
        ("open", errno.EACCES, {}, (DestinationUnavailableError, "sftp.permission_denied")),
        ("write", errno.EIO, {}, (TransientError, "sftp.refused")),
        (
            "write",
            errno.EIO,
            {"min_free_mib": 10**12},
            (DestinationUnavailableError, "sftp.disk_full"),
        ),
        (FSYNC, errno.EIO, {}, (TransientError, "sftp.refused")),
        (POSIX_RENAME, errno.EACCES, {}, (DestinationUnavailableError, "sftp.permission_denied")),
        (POSIX_RENAME, errno.EIO, {}, (TransientError, "sftp.refused")),
    ],
)
async def test_what_the_server_refuses_has_no_effect_and_its_code(
    request_name: str,
    code: int,
    over: dict[str, Any],
    outcome: tuple[type, str],
    core: Any,
    opened: Open,
    application: Build,
    delivery: Deliver,
) -> None:
    destination = await opened(**over)
    await destination.send(application(), delivery(OTHER))
    kept = core.kept
    core.core.behaviour.refused = refused(request_name, code)

    told = await reason_of(destination.send(application(), delivery()))

    core.core.behaviour = Behaviour()
    assert told == outcome
    assert core.kept == kept  # no part with somebody's data stays behind
    assert await destination.lookup(KEY) is None
    assert (await destination.send(application(), delivery(attempt=2))).reference == f"{KEY}.json"


async def test_a_full_disk_is_told_by_a_check(opened: Open) -> None:
    destination = await opened(min_free_mib=10**12)

    health = await destination.check()

    assert (health.ok, health.detail) == (False, "sftp.disk_full")


async def test_another_file_of_the_same_name_is_never_overwritten(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(trigger_suffix=".end")
    (core.core.drop / f"{KEY}.json").write_bytes(b"somebody else's")

    outcome = await reason_of(destination.send(application(), delivery()))

    assert outcome == (RejectedError, "sftp.name_taken")
    assert (core.core.drop / f"{KEY}.json").read_bytes() == b"somebody else's"
    assert core.delivered == [f"{KEY}.json"]


async def test_without_posix_rename_a_file_that_comes_between_is_not_overwritten_either(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened()
    path = core.core.drop / f"{KEY}.json"

    def come_between(name: str, _: int) -> None:
        if name == "rename" and not path.exists():
            path.write_bytes(b"somebody else's")

    core.core.behaviour = Behaviour(lacks=frozenset({POSIX_RENAME}), on_request=come_between)

    first = await reason_of(destination.send(application(), delivery()))
    core.core.behaviour = Behaviour(lacks=frozenset({POSIX_RENAME}))
    again = await reason_of(destination.send(application(), delivery(attempt=2)))

    assert first == (TransientError, "sftp.refused")
    assert again == (RejectedError, "sftp.name_taken")
    assert path.read_bytes() == b"somebody else's"


async def test_a_server_that_has_forgotten_what_it_had_gets_nothing(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened()
    await destination.send(application(), delivery())
    shutil.rmtree(core.core.drop / ".kakehashi")
    (core.core.drop / ".kakehashi").mkdir()

    sent = await reason_of(destination.send(application(), delivery(OTHER)))
    health = await destination.check()
    restarted = await opened()
    again = await reason_of(restarted.send(application(), delivery(OTHER)))

    assert sent == again == (DestinationUnavailableError, "sftp.folder_unfamiliar")
    assert health.detail == "sftp.folder_unfamiliar"
    assert core.delivered == [f"{KEY}.json"]


async def test_a_folder_of_parts_that_was_removed_is_made_again(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened()
    await destination.send(application(), delivery(OTHER))
    (core.core.drop / ".kakehashi" / "parts").rmdir()

    first = await reason_of(destination.send(application(), delivery()))
    again = await reason_of(destination.send(application(), delivery(attempt=2)))

    assert (first, again) == (
        (DestinationUnavailableError, "sftp.folder_missing"),
        (Receipt, ""),
    )


async def test_closing_waits_for_what_is_on_its_way(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened()
    core.core.behaviour.silent_at, core.core.behaviour.silent_s = POSIX_RENAME, 0.2
    sending = asyncio.create_task(destination.send(application(), delivery()))
    while core.core.most_at_once == 0:  # noqa: ASYNC110 - the server's side has no event
        await asyncio.sleep(0.005)

    await destination.close()
    after = await reason_of(destination.send(application(), delivery(OTHER)))

    assert (await sending).reference == f"{KEY}.json"
    assert after == (DestinationUnavailableError, "sftp.not_open")


async def test_a_connection_that_comes_after_closing_is_ended(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(close_timeout_s=0)
    core.line.slow_down(0.05)
    sending = asyncio.create_task(destination.send(application(), delivery()))
    while core.line.connections == 0:  # noqa: ASYNC110 - the line has no event
        await asyncio.sleep(0.005)

    await destination.close()

    assert await reason_of(sending) == (DestinationUnavailableError, "sftp.not_open")
    assert destination._line._connection is None


RESULT = {"key": KEY, "status": "受理", "decided_at": "2026-11-24T09:00:00"}
LAYOUT = {"folder": "/results", "format": "json", "encoding": "utf-8", "settle_s": 0}


@pytest.fixture
async def reading(opened: Open) -> AsyncIterator[Callable[..., Any]]:
    """Return what opens the feedback of an adapter with these results configurations."""
    iterators = []

    async def read(*results: dict[str, Any]) -> Any:
        configs = [{"poll_interval_s": 0.02, **LAYOUT, **each} for each in results]
        destination = await opened(results=configs)
        iterators.append(aiter(destination.feedback()))
        return iterators[-1]

    yield read
    for iterator in iterators:
        await iterator.aclose()  # type: ignore[attr-defined]


async def test_a_result_file_is_moved_when_the_next_result_is_asked_for(
    core: Any, reading: Any
) -> None:
    path = core.core.results / "a.json"
    path.write_text(json.dumps(RESULT, ensure_ascii=False))
    statuses = await reading({})

    first = await anext(statuses)
    is_there_before = path.exists()
    (core.core.results / "b.json").write_text(json.dumps({**RESULT, "status": "完了"}))
    second = await anext(statuses)

    assert (first.status, second.status) == (FeedbackStatus.ACCEPTED, FeedbackStatus.COMPLETED)
    assert is_there_before
    assert not path.exists()
    assert (core.core.results / "done" / "a.json").exists()


async def test_bad_lines_are_set_aside_with_their_reasons_and_good_ones_count(
    core: Any, reading: Any
) -> None:
    lines = [RESULT, {**RESULT, "status": "?"}, "not an object"]
    (core.core.results / "a.json").write_text(json.dumps(lines, ensure_ascii=False))
    (core.core.results / "z.json").write_text(json.dumps({**RESULT, "status": "完了"}))
    statuses = await reading({})

    await anext(statuses)
    await anext(statuses)

    bad = core.core.results / "bad"
    assert sorted(path.name for path in bad.iterdir()) == ["a.json", "a.json.reasons.txt"]
    assert (bad / "a.json.reasons.txt").read_text() == (
        "line 2: result.status_unknown\nline 3: result.not_an_object\n"
    )


async def test_a_file_of_errors_means_what_it_is_configured_to_mean(
    core: Any, reading: Any
) -> None:
    (core.core.root / "errors").mkdir()
    (core.core.root / "errors" / "ERR.csv").write_bytes(
        f"ファイル名,日時,コード\r\n申請_{KEY}.csv,2026-11-24T09:00:00,E01\r\n".encode("cp932")
    )
    errors = {
        "folder": "/errors",
        "format": "csv",
        "encoding": "cp932",
        "status_of_all": "returned",
        "columns": {
            "key": "ファイル名",
            "status": None,
            "decided_at": "日時",
            "reason": "コード",
        },
    }
    statuses = await reading({}, errors)

    item = await anext(statuses)

    assert (item.idempotency_key, item.status, item.code) == (KEY, FeedbackStatus.RETURNED, "E01")


async def test_a_huge_folder_is_read_in_rounds(core: Any, reading: Any) -> None:
    for number in range(1500):
        (core.core.results / f"{number:05}.tmp").touch()
    for number in range(40):
        key = f"0193453a-0000-7000-8000-{number:012}"
        (core.core.results / f"{number}.json").write_text(json.dumps({**RESULT, "key": key}))
    statuses = await reading({"max_files": 7})

    keys = {(await anext(statuses)).idempotency_key for _ in range(40)}

    assert len(keys) == 40


async def test_a_file_too_large_is_set_aside_unread(core: Any, reading: Any) -> None:
    (core.core.results / "a.json").write_text(" " * 1001)
    (core.core.results / "b.json").write_text(json.dumps(RESULT))
    statuses = await reading({"max_file_bytes": 1000})

    await anext(statuses)

    reasons = (core.core.results / "bad" / "a.json.reasons.txt").read_text()
    assert reasons == "line 0: result.too_large\n"


async def test_results_wait_out_a_server_that_is_down(core: Any, reading: Any) -> None:
    await core.line.refuse()
    (core.core.results / "a.json").write_text(json.dumps(RESULT))
    statuses = await reading({})
    waiting = asyncio.create_task(anext(statuses))
    await asyncio.sleep(0.1)
    was_done = waiting.done()

    await core.line.accept()

    assert not was_done
    assert (await waiting).idempotency_key == KEY


async def test_closing_twice_and_without_opening_is_safe(core: Any, tmp_path: Path) -> None:
    from adapters.sftp import SFTPConfig  # noqa: PLC0415 - only here is none opened

    destination = SFTPDestination(SFTPConfig.model_validate(core.config))

    await destination.close()
    await destination.open(Context(destination="x", municipality="131016", folder=tmp_path))
    await destination.close()
    await destination.close()

    assert core.line.connections == 0
