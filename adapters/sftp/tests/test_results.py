import errno
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from adapters.sftp import SFTPDestination, inbox
from adapters.sftp.inbox import ResultFolder
from gateway.testing.cores.sftp_server import POSIX_RENAME, Behaviour, refused

KEY = "0193453a-0000-7000-8000-000000000001"
RESULT = {"key": KEY, "status": "受理", "decided_at": "2026-11-24T09:00:00"}

Open = Callable[..., Awaitable[SFTPDestination]]


@pytest.fixture
async def folder(opened: Open) -> Callable[..., Awaitable[ResultFolder]]:
    """Return what opens a results folder, which is then read round by round."""

    async def open_one(**over: Any) -> ResultFolder:
        results = {"folder": "/results", "format": "json", "encoding": "utf-8", "settle_s": 0}
        destination = await opened(results=[{"poll_interval_s": 1000, **results, **over}])
        return destination._results[0]

    return open_one


async def read(folder: ResultFolder) -> list[bytes]:
    return [file.name async for file in folder.files()]


def write(core: Any, *names: str) -> None:
    for name in names:
        (core.core.results / name).write_text(json.dumps(RESULT, ensure_ascii=False))


@pytest.mark.parametrize("request_name", ["open", "read"])
async def test_a_file_that_cannot_be_read_keeps_no_other_waiting(
    request_name: str, core: Any, folder: Any
) -> None:
    write(core, "a.json", "b.json")
    results = await folder()
    core.core.behaviour.refused = refused(request_name, errno.EACCES, times=1)

    first = await read(results)
    core.core.behaviour = Behaviour()
    core.core.requests.clear()
    second = await read(results)
    asked = set(core.core.requests)
    results._resting.clear()
    third = await read(results)

    assert (first, second, third) == ([b"b.json"], [], [b"a.json"])
    assert "open" not in asked


async def test_files_that_cannot_be_read_do_not_fill_the_round(core: Any, folder: Any) -> None:
    write(core, "a.json", "b.json")
    results = await folder(max_files=1)
    core.core.behaviour.refused = refused("open", errno.EACCES, times=1)

    first = await read(results)
    (resting,) = results._resting
    second = await read(results)

    assert first == []
    assert {resting, *second} == {b"a.json", b"b.json"}


async def test_a_file_at_which_the_connection_ends_keeps_no_other_waiting(
    core: Any, folder: Any
) -> None:
    write(core, "a.json", "b.json")
    results = await folder()
    core.core.behaviour.cut_on, core.core.behaviour.cut_times = "read", 1

    first, second = await read(results), await read(results)

    assert (first, second) == ([], [b"b.json"])


async def test_a_file_that_cannot_be_moved_is_not_told_again_at_once(
    core: Any, folder: Any
) -> None:
    write(core, "a.json", "b.json")
    results = await folder()
    core.core.behaviour.refused = refused(POSIX_RENAME, errno.EACCES, times=1)

    first, second = await read(results), await read(results)

    assert (first, second) == ([b"a.json", b"b.json"], [])
    assert [path.name for path in core.core.results.glob("*.json")] == ["a.json"]


async def test_a_file_is_tried_again_after_some_rounds(core: Any, folder: Any) -> None:
    write(core, "a.json")
    results = await folder(poll_interval_s=0.000_001)
    core.core.behaviour.refused = refused("open", errno.EACCES, times=1)

    first, second = await read(results), await read(results)

    assert (first, second) == ([], [b"a.json"])
    assert results._resting == {}


@pytest.mark.parametrize("behaviour", [{"clock_s": None}, {"lists_times": False}])
async def test_without_times_a_file_is_moved_and_told_once_too(
    behaviour: dict[str, Any], core: Any, folder: Any
) -> None:
    write(core, "a.json")
    core.core.behaviour = Behaviour(**behaviour)
    results = await folder()

    first, second = await read(results), await read(results)

    assert (first, second) == ([b"a.json"], [])
    assert (core.core.results / "done" / "a.json").exists()


async def test_a_file_that_is_written_to_while_it_is_read_is_read_again(
    core: Any, folder: Any
) -> None:
    write(core, "a.json")
    results = await folder()
    rounds = results.files()

    first = await anext(rounds)
    (core.core.results / "a.json").write_text(json.dumps([RESULT, RESULT], ensure_ascii=False))
    rest = [file async for file in rounds]
    second = [file async for file in results.files()]

    assert rest == []
    assert [len(file.results) for file in (first, *second)] == [1, 2]


async def test_a_file_is_parsed_beside_the_event_loop(
    core: Any, folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(core, "a.json")
    parse, threads = inbox.read_results, []

    def noting(content: bytes, config: Any) -> Any:
        threads.append(threading.current_thread())
        return parse(content, config)

    monkeypatch.setattr(inbox, "read_results", noting)
    results = await folder()

    names = await read(results)

    assert names == [b"a.json"]
    assert threads != [threading.current_thread()]


@pytest.mark.parametrize("content", ["[{}]", "[]"])
async def test_a_file_of_the_longest_name_is_set_aside_too(
    content: str, core: Any, folder: Any
) -> None:
    name = f"{'k' * 250}.json"
    (core.core.results / name).write_text(content)
    results = await folder()
    where = core.core.results / ("bad" if content == "[{}]" else "done")
    where.mkdir()
    (where / name).touch()

    await read(results)

    assert not (core.core.results / name).exists()
    assert content in [path.read_text() for path in where.iterdir()]
