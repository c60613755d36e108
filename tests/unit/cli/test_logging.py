import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.cli import logging as our_logging


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
