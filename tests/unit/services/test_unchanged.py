"""For how long a delivery has been as it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.identifiers import CopyId
from gateway.domain.lifecycle import State
from gateway.drivers.system_clock import new_id
from gateway.services.unchanged import Unchanged
from gateway.testing.builders import NOW, a_delivery, an_application

RECORD = a_delivery(an_application(), state=State.QUEUED).record


def test_it_is_as_it_is_since_the_first_look_that_saw_it_so() -> None:
    unchanged = Unchanged()

    assert [unchanged.since(RECORD, at) for at in (1.0, 2.0, 3.0)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "over",
    [
        {"state": State.SENDING},
        {"attempt": 2},
        {"copy": CopyId(new_id())},
        {"updated_at": NOW - timedelta(hours=1)},
    ],
    ids=lambda over: next(iter(over)),
)
def test_what_changes_begins_anew(over: dict[str, Any]) -> None:
    unchanged = Unchanged()
    unchanged.since(RECORD, 1.0)

    assert unchanged.since(replace(RECORD, **over), 2.0) == 2.0


def test_what_a_look_has_not_seen_begins_anew() -> None:
    unchanged = Unchanged()
    unchanged.since(RECORD, 1.0)
    unchanged.end_look(2.0)

    assert unchanged.since(RECORD, 3.0) == 3.0


def test_a_look_that_was_broken_off_forgets_nothing() -> None:
    unchanged, other = Unchanged(), a_delivery(an_application()).record
    unchanged.since(RECORD, 1.0)
    unchanged.end_look(1.0)
    unchanged.since(other, 2.0)

    assert unchanged.since(RECORD, 3.0) == 1.0
