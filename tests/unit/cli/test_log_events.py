"""What is logged and what is documented are the same."""

from pathlib import Path

import pytest

from gateway.cli.log_events import EVENTS
from gateway.cli.log_fields import FIELDS, FieldClass
from log_calls import log_calls

ROOT = Path(__file__).parent.parent.parent.parent
CALLS = list(log_calls([ROOT / "gateway", ROOT / "adapters"]))
_OURS = frozenset({"library.warned", "http.answered"})
"""Logged by a call that stands for many, or whose level depends."""


def test_every_event_of_the_source_is_documented() -> None:
    assert {event for event, _, _ in CALLS} - EVENTS.keys() == set()


def test_every_documented_event_is_in_the_source() -> None:
    assert EVENTS.keys() - {event for event, _, _ in CALLS} - _OURS == set()


def test_every_event_has_the_levels_and_fields_that_are_documented() -> None:
    wrong = {
        (event, level, *sorted(fields - set(EVENTS[event].fields)))
        for event, level, fields in CALLS
        if event in EVENTS
        and (
            (level is not None and level not in EVENTS[event].levels)
            or not fields <= set(EVENTS[event].fields)
        )
    }

    assert wrong == set()


@pytest.mark.parametrize("event", EVENTS)
def test_every_field_of_an_event_may_be_written(event: str) -> None:
    shown = {FieldClass.PUBLIC, FieldClass.INTERNAL}

    assert {field for field in EVENTS[event].fields if FIELDS[field].kind not in shown} == set()
