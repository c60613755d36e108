import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from gateway.cli import logging as our_logging
from gateway.services.log_levels import About


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    our_logging.configure("info", "json")
    yield capsys
    logging.basicConfig(handlers=[], force=True)


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_json_object_on_standard_error(lines: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("message.accepted", municipality="千代田区")

    (event,) = events(lines)
    assert event["event"] == "message.accepted"
    assert event["level"] == "info"
    assert event["municipality"] == "千代田区"


def test_what_a_library_logs_comes_without_its_arguments(
    lines: pytest.CaptureFixture[str],
) -> None:
    logging.getLogger("aiormq").warning("cannot parse %r", "a resident's name")
    logging.getLogger("aiormq").info("chatter")

    (event,) = events(lines)
    assert event["library"] == "aiormq"
    assert event["message"] == "cannot parse %r"
    assert "resident" not in json.dumps(event)


def test_only_the_first_line_of_a_librarys_message_is_kept(
    lines: pytest.CaptureFixture[str],
) -> None:
    logging.getLogger("asyncio").error("Task failed\nfuture: <Task exception='a name'>")

    (event,) = events(lines)
    assert event["message"] == "Task failed"
    assert event["level"] == "error"


def test_an_exception_is_logged_by_class_and_place_without_its_text(
    lines: pytest.CaptureFixture[str],
) -> None:
    try:
        int("a resident's name")
    except ValueError:
        structlog.get_logger().exception("thing.failed")
        logging.getLogger("aiohttp").exception("Error handling request")

    ours, theirs = events(lines)
    assert ours["error"] == theirs["error"] == "ValueError"
    assert str(ours["place"]).startswith("test_logging.py:")
    assert "resident" not in json.dumps([ours, theirs])


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_no_table_names_is_not_written_in_any_form(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    our_logging.configure("info", form)  # type: ignore[arg-type]

    structlog.get_logger().info(
        "thing.happened", furigana="canary-1", token="canary-2", my_number="canary-3", code="known"
    )

    written = capsys.readouterr().err
    assert "canary" not in written
    assert all(word in written for word in ("[unknown field]", "[secret]", "[personal]", "known"))
    assert "unknown_fields" in written


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_value_breaks_its_line_or_moves_a_cursor(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    our_logging.configure("info", form)  # type: ignore[arg-type]

    structlog.get_logger().info("thing.happened", reason="a\nb\x1b[2J\u202ec" + "x" * 600)

    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b[2J" not in line
    assert "\u202e" not in line
    assert len(line) < 800


def test_what_is_filled_into_an_event_is_not_written(lines: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("received %s", "a resident's name")

    (event,) = events(lines)
    assert event["event"] == "log.event_malformed"


def test_an_object_is_written_as_its_class(lines: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("thing.happened", reason=ValueError("a resident's name"))

    (event,) = events(lines)
    assert event["reason"] == "[ValueError]"


def test_a_level_changes_while_it_runs_and_goes_back_by_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    levels = our_logging.configure("warning", "json", for_good=True)
    levels._monotonic = lambda: now
    log = structlog.get_logger()

    log.info("thing.first")
    levels.change(About(destination="core"), "debug", for_s=60)
    log.debug("thing.second", destination="core")
    log.debug("thing.third", destination="other")
    now = 61.0
    log.debug("thing.fourth", destination="core")

    assert [each["event"] for each in events(capsys)] == ["thing.second"]


def test_the_narrowest_change_decides(capsys: pytest.CaptureFixture[str]) -> None:
    levels = our_logging.configure("info", "json")
    levels.change(About(), "error")
    levels.change(About(events="journal."), "info")

    structlog.get_logger().info("journal.recovered")
    structlog.get_logger().info("lane.recovered")
    levels.change(About(), None)
    structlog.get_logger().info("queue.declared")

    assert [each["event"] for each in events(capsys)] == ["journal.recovered", "queue.declared"]


def test_fields_that_no_table_names_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    levels = our_logging.configure("info", "json")

    structlog.get_logger().info("thing.happened", furigana="a", surname="b", code="known")

    (event,) = events(capsys)
    assert levels.unknown_fields == event["unknown_fields"] == 2


def test_a_line_has_its_time_in_utc_to_the_microsecond(
    lines: pytest.CaptureFixture[str],
) -> None:
    before = datetime.now(UTC)
    structlog.get_logger().info("thing.happened")
    structlog.get_logger().info("thing.happened")
    after = datetime.now(UTC)

    told = [str(each["timestamp"]) for each in events(lines)]
    assert all(text.endswith("Z") for text in told)
    times = [datetime.fromisoformat(text) for text in told]
    assert before <= times[0] <= times[1] <= after
