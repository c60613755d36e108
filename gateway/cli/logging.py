"""What goes to standard error, and in which form."""

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import PurePath
from time import time_ns
from traceback import extract_tb
from types import TracebackType
from typing import Any, Final, Literal, cast

import structlog
from pydantic import TypeAdapter

from gateway import __version__
from gateway.cli.log_redaction import Redaction
from gateway.cli.redacted import digest, redacted
from gateway.services.log_levels import SEVERITY, Level, LogLevels
from gateway.settings.model import Settings

_LONGEST_MESSAGE: Final = 120
_JSON: Final = TypeAdapter(object).serializer
"""Writes a line in a fifth of the time that the standard library's encoder takes."""

Event = MutableMapping[str, Any]


def configure(level: Level, form: Literal["json", "text"], *, for_good: bool = False) -> LogLevels:
    """Send our events, and warnings of libraries, to standard error.

    Args:
        level: Least severe level that is written.
        form: One JSON object a line, or text for people.
        for_good: Nothing else will be configured in this process: loggers may remember it.

    Returns:
        What decides which lines are written; may be changed at any time.
    """
    levels = LogLevels(level)
    is_json = form == "json"
    colours = sys.stderr.isatty()
    structlog.configure(
        processors=[
            _Filter(levels),
            _Stamp() if is_json else _stamped_for_people,
            without_exception_text,
            Redaction(levels.note_unknown),
            _as_json if is_json else structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=28),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(SEVERITY["debug"]),
        logger_factory=lambda *_: (
            structlog.BytesLogger(sys.stderr.buffer)
            if is_json
            else structlog.WriteLogger(sys.stderr)
        ),
        cache_logger_on_first_use=for_good,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStructlog()], force=True)
    return levels


def configure_server(settings: Settings, *, for_people: bool = False) -> LogLevels:
    """Log as configured, and say first which configuration it is, without its secrets.

    Args:
        settings: The configuration.
        for_people: Write text, unless the configuration asks for something else.

    Returns:
        What decides which lines are written.
    """
    is_said = "format" in settings.log.model_fields_set
    form = "text" if for_people and not is_said else settings.log.format
    levels = configure(settings.log.level, form, for_good=True)
    log = structlog.get_logger()
    log.info("config.loaded", version=__version__, sha256=digest(settings))
    log.debug("config.listed", config=redacted(settings))
    return levels


def quiet() -> None:
    """Log warnings only, as text: for a command that answers and ends."""
    configure("warning", "text")


class _Filter:
    """Drops what is not severe enough, by a level that may change; adds what the task is about."""

    def __init__(self, levels: LogLevels) -> None:
        self._levels = levels

    def __call__(self, logger: object, method: str, event: Event) -> Event:
        """Let an event through.

        Raises:
            DropEvent: It is not written.
        """
        levels = self._levels
        if levels.is_as_configured and not levels.lets_through(method, None, None):
            raise structlog.DropEvent
        event = structlog.contextvars.merge_contextvars(logger, method, event)
        if not levels.lets_through(method, event.get("event"), event.get("destination")):
            raise structlog.DropEvent
        return event


class _Stamp:
    """Adds the level, and the time in UTC (RFC 3339); a second's text is made once."""

    def __init__(self) -> None:
        self._begun = (-1, "")

    def __call__(self, _logger: object, method: str, event: Event) -> Event:
        second, micros = divmod(time_ns() // 1000, 1_000_000)
        # One tuple: another thread sees the second with its own text, or makes it anew.
        known, text = self._begun
        if second != known:
            text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
            self._begun = (second, text)
        event["level"] = method
        event["timestamp"] = f"{text}.{micros:06}Z"
        return event


def _stamped_for_people(_logger: object, method: str, event: Event) -> Event:
    """Add the level, and the time of day here."""
    event["level"] = method
    event["timestamp"] = f"{datetime.now().astimezone():%H:%M:%S}"
    return event


def _as_json(_logger: object, _method: str, event: Event) -> bytes:
    """Return an event whose values are all plain, in one line."""
    return _JSON.to_json(event)


def without_exception_text(_logger: object, _method: str, event: Event) -> Event:
    """Replace an exception by its class and place: its text may hold what was sent."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        event["place"] = _place(error.__traceback__)
    return event


def _place(trace: TracebackType | None) -> str | None:
    frames = extract_tb(trace)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else None


class _ToStructlog(logging.Handler):
    """Hands on what libraries log: the message's template only, never its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event."""
        # What follows the first line are often representations of tasks and their exceptions.
        first_line, *_ = str(record.msg).splitlines() or [""]
        event: dict[str, Any] = {
            "library": record.name,
            "message": first_line[:_LONGEST_MESSAGE],
        }
        if record.exc_info and record.exc_info[1] is not None:
            event["exc_info"] = cast("Any", record.exc_info)
        log = structlog.get_logger()
        (log.error if record.levelno >= logging.ERROR else log.warning)("library.warned", **event)
