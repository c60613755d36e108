"""Every action says what its entries carry."""

import pytest

from gateway.domain.entry import Action
from gateway.domain.entry_schema import CARRIED, faults


def test_every_action_is_in_the_schema() -> None:
    assert CARRIED.keys() == set(Action)


@pytest.mark.parametrize("action", Action)
def test_no_fact_has_two_places_and_no_reason_is_one(action: Action) -> None:
    carries = CARRIED[action]

    assert not carries.facts.keys() & carries.sometimes.keys()
    assert "reason" not in {*carries.facts, *carries.sometimes}


@pytest.mark.parametrize(
    ("action", "facts", "has_detail", "found"),
    [
        ("node.stopped", {"version"}, False, []),
        ("node.stopped", set(), False, ["node.stopped: version is missing"]),
        ("node.stopped", {"version", "x"}, False, ["node.stopped: x is not documented"]),
        ("node.stopped", {"version"}, True, ["node.stopped: detail"]),
        ("replay.resumed", {"order"}, False, ["replay.resumed: detail"]),
        ("log.read", {"purpose", "ok"}, False, []),
        ("log.burnt", set(), False, ["log.burnt: no such action"]),
    ],
)
def test_an_entry_that_is_not_as_documented_is_found(
    action: str,
    facts: set[str],
    has_detail: bool,  # noqa: FBT001 - a parameter of the table
    found: list[str],
) -> None:
    assert faults(action, facts, has_detail=has_detail) == found
