import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from adapters.file import FileConfig, FileDestination
from adapters.file.config import ResultsConfig
from adapters.file.inbox import ResultFolder
from adapters.file.mapping import feedback_of
from gateway.formats.result_file import ResultFault, read_results
from gateway.sdk import JST, Context, Feedback, FeedbackStatus

KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(4)]
COLUMNS = {
    "key": "申請キー",
    "status": "処理結果",
    "decided_at": "処理日時",
    "reason": "理由コード",
    "reference": "整理番号",
}
HEADER = "申請キー,処理結果,処理日時,理由コード,整理番号\r\n"
CONFIG: dict[str, Any] = {"columns": COLUMNS, "settle_s": 0, "poll_interval_s": 0.01}


def config(**over: Any) -> ResultsConfig:
    return ResultsConfig.model_validate({**CONFIG, **over})


def line(
    key: str, *, status: str = "受理", at: str = "2026-11-20T10:00:00", more: str = ","
) -> str:
    return f"{key},{status},{at},{more}\r\n"


def test_a_line_of_each_status_is_feedback() -> None:
    words = {status.japanese: status for status in FeedbackStatus}
    content = HEADER + "".join(line(KEYS[0], status=word, more="K012,整000001") for word in words)

    feedback, faults = read_results(content.encode("cp932"), config())

    assert [item.status for item in feedback] == list(FeedbackStatus)
    assert faults == ()
    assert feedback_of(feedback[0]) == Feedback(
        id=feedback[0].id,
        idempotency_key=KEYS[0],
        status=FeedbackStatus.ACCEPTED,
        at=datetime(2026, 11, 20, 10, tzinfo=JST),
        code="K012",
        reference="整000001",
    )


def test_the_name_of_the_file_that_carried_it_is_as_good_as_the_key() -> None:
    feedback, _ = read_results((HEADER + line(f"{KEYS[0]}.csv ")).encode("cp932"), config())

    assert feedback[0].key == KEYS[0]


def test_the_same_result_has_the_same_id_wherever_it_stands_and_another_has_another() -> None:
    one = read_results((HEADER + line(KEYS[0])).encode("cp932"), config())[0]
    two = read_results((HEADER + line(KEYS[1]) + line(KEYS[0])).encode("cp932"), config())[0]

    assert two[1].id == one[0].id
    assert two[0].id != one[0].id


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (line("A-2026-000123"), "result.key_malformed"),
        (line(KEYS[0], status="保留"), "result.status_unknown"),
        (line(KEYS[0], at="昨日"), "result.time_malformed"),
        (line(KEYS[0], at="0001-01-01T00:00:00"), "result.time_out_of_range"),
        (line(KEYS[0], at="1969-12-31T23:59:59"), "result.time_out_of_range"),
        (line(KEYS[0], at="9999-12-31T23:59:59-12:00"), "result.time_out_of_range"),
        (line(KEYS[0], status=""), "result.column_missing"),
        (line(KEYS[0], more="住所が違います,"), "result.reason_malformed"),
        (line(KEYS[0], more=f",{'1' * 201}"), "result.reference_malformed"),
        (line(KEYS[0], more=",佐藤花子"), "result.reference_malformed"),
        (line(KEYS[0], more=",佐藤 123456789018"), "result.reference_malformed"),
        (line(KEYS[0], more="123456789018,"), "result.reason_malformed"),
        (f"{KEYS[0]},受理\r\n", "result.columns_differ"),
        (f'"{KEYS[0]}"x,受理,a,b,c\r\n', "csv.malformed"),
    ],
)
def test_a_bad_line_is_told_by_its_number_and_spoils_no_other(bad: str, code: str) -> None:
    content = HEADER + line(KEYS[1]) + bad + line(KEYS[2])

    feedback, faults = read_results(content.encode("cp932"), config())

    assert [item.key for item in feedback] == [KEYS[1], KEYS[2]]
    assert faults == (ResultFault(3, code),)


def test_columns_can_be_numbers_and_times_of_any_form() -> None:
    columns = {"key": "2", "status": "1", "decided_at": "3"}
    numbered = config(
        header=False,
        columns=columns,
        statuses={"01": "accepted", "09": "rejected"},
        decided_at_format="%Y%m%d%H%M%S",
    )

    feedback, faults = read_results(f"09,{KEYS[0]},20261120101500\n".encode("cp932"), numbered)

    assert faults == ()
    assert feedback[0].status is FeedbackStatus.REJECTED
    assert feedback[0].at == datetime(2026, 11, 20, 10, 15, tzinfo=JST)


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        ('[{"k": "KEY", "s": "受理", "t": "2026-11-20T10:00:00Z"}, 3]', ["not_an_object"]),
        ('{"k": "KEY", "s": "受理", "t": "2026-11-20"}', []),
        ("[", ["not_json"]),
        ("[" * 100_000, ["not_json"]),
    ],
)
def test_json_results_are_read_too(content: str, codes: list[str]) -> None:
    json_config = config(
        format="json",
        encoding="utf-8",
        columns={"key": "k", "status": "s", "decided_at": "t"},
    )

    feedback, faults = read_results(content.replace("KEY", KEYS[0]).encode(), json_config)

    assert [fault.code for fault in faults] == [f"result.{code}" for code in codes]
    assert len(feedback) == (1 if "KEY" in content else 0)


def test_a_file_that_is_not_text_is_a_fault_and_no_crash() -> None:
    assert read_results(b"\x80", config(format="json"))[1] == (ResultFault(0, "text.undecodable"),)
    assert read_results(b"", config()) == ((), ())


@pytest.fixture
async def destination(tmp_path: Path, context: Context) -> AsyncIterator[FileDestination]:
    destination = FileDestination(
        FileConfig.model_validate({"folder": tmp_path / "drop", "results": CONFIG})
    )
    await destination.open(context)
    (tmp_path / "drop" / "results").mkdir()
    yield destination
    await destination.close()


def put(tmp_path: Path, name: str, *lines: str) -> None:
    (tmp_path / "drop" / "results" / name).write_bytes((HEADER + "".join(lines)).encode("cp932"))


def files(tmp_path: Path) -> dict[str, list[str]]:
    results = tmp_path / "drop" / "results"
    return {
        folder.name: sorted(path.name for path in folder.iterdir() if path.is_file())
        for folder in (results, results / "done", results / "bad")
    }


async def test_a_file_is_moved_away_only_once_all_of_it_is_durable(
    destination: FileDestination, tmp_path: Path
) -> None:
    put(tmp_path, "1.csv", line(KEYS[0]), line(KEYS[1]))
    put(tmp_path, "2.csv", line(KEYS[2]))
    statuses = aiter(destination.feedback())

    first = [await anext(statuses), await anext(statuses)]
    before = files(tmp_path)
    await anext(statuses)
    after = files(tmp_path)

    assert [item.idempotency_key for item in first] == KEYS[:2]
    assert before == {"results": ["1.csv", "2.csv"], "done": [], "bad": []}
    assert after == {"results": ["2.csv"], "done": ["1.csv"], "bad": []}


async def test_what_was_not_durable_comes_again_with_the_same_id(
    destination: FileDestination, tmp_path: Path
) -> None:
    put(tmp_path, "1.csv", line(KEYS[0]))

    first = await anext(aiter(destination.feedback()))
    again = await anext(aiter(destination.feedback()))

    assert again == first


async def test_a_file_with_a_bad_line_is_set_aside_with_reasons_and_the_others_go_on(
    destination: FileDestination, tmp_path: Path
) -> None:
    put(tmp_path, "1.csv", line(KEYS[0]), line(KEYS[1], status="山田太郎"))
    put(tmp_path, "2.csv", line(KEYS[2]))
    put(tmp_path, "3.csv", line(KEYS[3]))
    statuses = aiter(destination.feedback())

    with structlog.testing.capture_logs() as logs:
        found = [await anext(statuses) for _ in range(3)]

    assert [item.idempotency_key for item in found] == [KEYS[0], KEYS[2], KEYS[3]]
    assert files(tmp_path)["bad"] == ["1.csv", "1.csv.reasons.txt"]
    reasons = tmp_path / "drop" / "results" / "bad" / "1.csv.reasons.txt"
    assert reasons.read_text() == "line 3: result.status_unknown\n"
    assert "山田" not in str(logs)


async def test_a_decision_of_no_possible_year_is_never_taken_for_done(
    destination: FileDestination, tmp_path: Path
) -> None:
    put(tmp_path, "1.csv", line(KEYS[0], at="9999-12-31T23:59:59"))
    put(tmp_path, "2.csv", line(KEYS[1]))
    put(tmp_path, "3.csv", line(KEYS[2]))
    statuses = aiter(destination.feedback())

    found = [await anext(statuses), await anext(statuses)]

    assert [item.idempotency_key for item in found] == [KEYS[1], KEYS[2]]
    assert files(tmp_path)["bad"] == ["1.csv", "1.csv.reasons.txt"]
    assert files(tmp_path)["done"] == ["2.csv"]


async def test_files_still_being_written_are_left_alone(
    destination: FileDestination, tmp_path: Path
) -> None:
    put(tmp_path, "0.csv.tmp", line(KEYS[0]))
    put(tmp_path, ".1.csv", line(KEYS[0]))
    put(tmp_path, "2.csv", line(KEYS[2]))
    put(tmp_path, "3.csv", line(KEYS[3]))
    statuses = aiter(destination.feedback())

    found = [await anext(statuses), await anext(statuses)]

    assert [item.idempotency_key for item in found] == [KEYS[2], KEYS[3]]
    assert files(tmp_path)["results"] == [".1.csv", "0.csv.tmp", "3.csv"]


def test_a_file_is_read_when_it_has_not_changed_for_the_time_to_settle(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, config(settle_s=3600))
    path = tmp_path / "1.csv"
    path.write_bytes(b"half")

    assert folder.settled() == []
    assert ResultFolder(tmp_path, config(settle_s=0)).settled() == [path]


def test_a_file_that_is_written_to_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, config())
    path = tmp_path / "1.csv"
    path.write_bytes((HEADER + line(KEYS[0])).encode("cp932"))
    folder.settled()
    read = folder.read(path)
    assert read is not None
    with path.open("ab") as file:
        file.write(line(KEYS[1]).encode("cp932"))

    folder.finish(read)

    assert folder.settled() == [path]


def test_nothing_in_done_is_ever_overwritten(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, config())
    for number in range(3):
        path = tmp_path / "1.csv"
        path.write_bytes((HEADER + line(KEYS[number])).encode("cp932"))
        for found in folder.settled():
            read = folder.read(found)
            assert read is not None
            folder.finish(read)

    assert len(list((tmp_path / "done").iterdir())) == 3


def test_a_file_too_large_is_set_aside_unread(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, config(max_file_bytes=10))
    path = tmp_path / "1.csv"
    path.write_bytes(b"x" * 11)
    folder.settled()

    read = folder.read(path)

    assert read is not None
    assert read.faults == (ResultFault(0, "result.too_large"),)


def test_another_workers_move_is_no_error(tmp_path: Path) -> None:
    folder, other = ResultFolder(tmp_path, config()), ResultFolder(tmp_path, config())
    path = tmp_path / "1.csv"
    path.write_bytes((HEADER + line(KEYS[0])).encode("cp932"))
    read, same = (worker.read(worker.settled()[0]) for worker in (folder, other))
    assert read is not None
    assert same is not None

    folder.finish(read)
    other.finish(same)

    assert [path.name for path in (tmp_path / "done").iterdir()] == ["1.csv"]
    assert folder.read(path) is None


def test_a_folder_that_cannot_be_read_is_logged_once_down_and_once_up(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("in the way")
    folder = ResultFolder(tmp_path / "results", config())

    with structlog.testing.capture_logs() as logs:
        folder.settled()
        folder.settled()
        (tmp_path / "results").unlink()
        folder.settled()

    assert [log["event"] for log in logs] == ["file.results_unreadable", "file.results_readable"]


async def test_without_result_files_the_feedback_waits_without_end(
    tmp_path: Path, context: Context
) -> None:
    destination = FileDestination(FileConfig(folder=tmp_path / "drop"))
    await destination.open(context)
    waiting = asyncio.ensure_future(anext(aiter(destination.feedback())))

    done, _ = await asyncio.wait({waiting}, timeout=0.05)

    assert done == set()
    waiting.cancel()
    await destination.close()


@pytest.mark.parametrize(
    ("folder", "pattern", "batch", "fault"),
    [
        (".", "*", None, "may match"),
        ("results/..", "[K]*.csv", None, "may match"),
        (".", "0*.csv", None, "may match"),
        (".", "KEKKA_*.csv", None, None),
        (".", "KEKKA_*.csv", {"file_name": "K{sequence}"}, "may match"),
        (".", "KEKKA_*.csv", {"file_name": "KEKKA_A{sequence}"}, "may match"),
        (".", "KEKKA_*.csv", {"file_name": "{date}_{sequence}"}, None),
        (".kakehashi", "KEKKA_*", None, "lies in"),
        (".kakehashi/batches", "KEKKA_*", None, "lies in"),
        ("..", "*", None, None),
        ("../..", "*", None, "moved into"),
        ("results", "*", {}, None),
    ],
)
def test_results_are_never_read_where_we_deliver(
    folder: str, pattern: str, batch: dict[str, str] | None, fault: str | None
) -> None:
    config = {
        "folder": "/mnt/done/drop",
        "format": "jsonl",
        "batch": batch,
        "results": {"folder": folder, "pattern": pattern},
    }

    if fault is None:
        assert FileConfig.model_validate(config).results is not None
    else:
        with pytest.raises(ValueError, match=fault):
            FileConfig.model_validate(config)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("name", ["結" * 80 + ".csv", "K" * 255])
def test_a_file_with_a_long_name_is_moved_away_too(tmp_path: Path, name: str) -> None:
    folder = ResultFolder(tmp_path, config())
    (tmp_path / name).write_bytes((HEADER + line("A")).encode("cp932"))

    with structlog.testing.capture_logs() as logs:
        for path in folder.settled():
            read = folder.read(path)
            assert read is not None
            folder.finish(read)

    assert names_in(tmp_path) == []
    kept, reasons = names_in(tmp_path / "bad")
    assert len(kept) < 100
    assert reasons == f"{kept}.reasons.txt"
    assert logs == [{"event": "file.result_refused", "lines": 1, "log_level": "warning"}]


def test_a_file_that_cannot_be_moved_is_not_told_again_and_again(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, config())
    path = tmp_path / "1.csv"
    path.write_bytes((HEADER + line(KEYS[0])).encode("cp932"))
    (read,) = (folder.read(found) for found in folder.settled())
    assert read is not None
    (tmp_path / "done").rmdir()
    (tmp_path / "done").symlink_to(tmp_path / "done")

    folder.finish(read)
    (tmp_path / "done").unlink()

    assert path.exists()
    assert folder.settled() == []
    path.write_bytes((HEADER + line(KEYS[0]) * 2).encode("cp932"))
    assert folder.settled() == [path]


def test_neither_a_link_nor_a_pipe_is_read(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "results", config())
    folder.settled()
    (tmp_path / "secret").write_bytes((HEADER + line(KEYS[0])).encode("cp932"))
    link, pipe = tmp_path / "results" / "link", tmp_path / "results" / "pipe"
    link.symlink_to(tmp_path / "secret")
    os.mkfifo(pipe)

    assert folder.settled() == []
    assert folder.read(link) is None
    assert folder.read(pipe) is None
