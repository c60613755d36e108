import json

import pytest
from pydantic import ValidationError

from gateway.domain.outcome import FeedbackStatus
from gateway.formats.result_config import ResultFileConfig
from gateway.formats.result_file import ResultFault, read_results
from gateway.formats.result_layout import ResultFrame

KEY = "0193453a-0000-7000-8000-000000000001"
LINE = {"key": KEY, "status": "受理", "decided_at": "2026-11-24T09:00:00"}
JSON = ResultFileConfig(format="json", encoding="utf-8")


def a_file(**over: object) -> bytes:
    return json.dumps({**LINE, **over}).encode()


@pytest.mark.parametrize(
    "text", [KEY, f"{KEY}.csv", f"申請_{KEY}.csv", f"A-{KEY}", f"  {KEY}　", f"x_{KEY}_2.json"]
)
def test_a_key_is_found_alone_and_in_the_name_of_its_file(text: str) -> None:
    results, faults = read_results(a_file(key=text), JSON)

    assert [result.key for result in results] == ([] if text.startswith("A-") else [KEY])
    assert len(faults) == (1 if text.startswith("A-") else 0)


@pytest.mark.parametrize("count", ["9" * 5000, "1" + "0" * 9, "１", "?"])
def test_a_count_that_is_no_number_of_records_sets_the_file_aside(count: str) -> None:
    config = ResultFileConfig(encoding="utf-8", frame=ResultFrame(trailer="T(?P<count>.*)"))

    content = f"key,status,decided_at\n{KEY},受理,2026-11-24\nT{count}\n".encode()

    assert read_results(content, config) == ((), (ResultFault(0, "batch.count_malformed"),))


def test_a_file_of_a_thousand_faults_is_read_no_further() -> None:
    content = json.dumps([LINE, *[{}] * 2000, LINE]).encode()

    results, faults = read_results(content, JSON)

    assert len(results) == 1
    assert len(faults) == 1001
    assert faults[999:] == (
        ResultFault(1001, "result.column_missing"),
        ResultFault(0, "result.too_many_faults"),
    )
    assert len(read_results(content, JSON, most_faults=2000)[1]) == 2000


def test_a_file_with_a_count_that_nobody_has_counted_says_nothing() -> None:
    config = ResultFileConfig(encoding="utf-8", frame=ResultFrame(trailer="T(?P<count>.*)"))
    lines = [f"{KEY},受理,2026-11-24", *["x,y,z"] * 1001, "T1002"]

    results, _ = read_results("\n".join(["key,status,decided_at", *lines]).encode(), config)

    assert results == ()


def test_without_a_readable_header_no_row_is_taken_for_one() -> None:
    content = b"\xff\xfe\n" + f"key,status,decided_at\n{KEY},受理,2026-11-24\n".encode()

    assert read_results(content, ResultFileConfig(encoding="utf-8")) == (
        (),
        (ResultFault(1, "text.undecodable"),),
    )


def test_a_decision_that_comes_back_on_the_same_day_is_another_one() -> None:
    config = ResultFileConfig(encoding="utf-8", decided_at_format="%Y%m%d")
    words = ("受理", "受理", "差戻し", "受理", "差戻し")
    lines = "".join(f"{KEY},{word},20261120\n" for word in words)
    content = f"key,status,decided_at\n{lines}".encode()

    first, same, returned, again, returned_again = read_results(content, config)[0]

    assert first.id == same.id
    assert len({first.id, returned.id, again.id, returned_again.id}) == 4
    assert [result.id for result in read_results(content, config)[0]][3] == again.id


def test_a_file_that_surprises_us_is_set_aside() -> None:
    config = ResultFileConfig.model_construct(
        encoding="of a later version",  # type: ignore[arg-type]
        frame=ResultFrame(trailer="T"),
    )

    assert read_results(b"T\n", config) == ((), (ResultFault(0, "result.unreadable"),))


def test_the_same_line_in_another_file_has_the_same_id() -> None:
    (alone,), _ = read_results(a_file(), JSON)
    (_, again), _ = read_results(
        json.dumps([{**LINE, "status": "完了"}, {**LINE, "key": f"x_{KEY}.csv"}]).encode(), JSON
    )

    assert alone.id == again.id


def test_files_that_only_list_have_one_status() -> None:
    config = ResultFileConfig(
        encoding="cp932",
        columns={"key": "ファイル", "status": None, "decided_at": "日時", "reason": "コード"},
        status_of_all="returned",
    )
    content = f"ファイル,日時,コード\r\n{KEY}.csv,2026-11-24,E01\r\nx,2026-11-24,E02\r\n"

    (result,), faults = read_results(content.encode("cp932"), config)

    assert (result.status, result.code) == (FeedbackStatus.RETURNED, "E01")
    assert faults == (ResultFault(3, "result.key_malformed"),)


def test_a_status_stands_in_a_column_or_is_that_of_all() -> None:
    with pytest.raises(ValidationError, match=r"columns\.status"):
        ResultFileConfig(status_of_all="returned")
    with pytest.raises(ValidationError, match=r"columns\.status"):
        ResultFileConfig(columns={"status": None})


def test_a_time_without_a_zone_is_japans() -> None:
    (result,), _ = read_results(a_file(), JSON)

    assert result.at.isoformat() == "2026-11-24T09:00:00+09:00"
