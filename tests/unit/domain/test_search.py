"""What is looked for among applications: rules that both journals go by."""

from itertools import combinations

import pytest

from gateway.domain.identifiers import ApplicationId, ClientName, DestinationName
from gateway.domain.lifecycle import ApplicationState, State, application_state, requirement
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.search import (
    FEW,
    ApplicationFilter,
    Drive,
    choose,
    left_to_check,
    places_of,
    span_of,
)
from gateway.testing.builders import an_id

CLIENT, DESTINATION = ClientName("portal"), DestinationName("core")


@pytest.mark.parametrize("status", ApplicationState)
def test_a_status_is_required_of_deliveries_as_it_follows_from_them(status: ApplicationState):
    needs, forbids = requirement(status)
    every = [set(some) for size in range(1, 9) for some in combinations(State, size)]

    assert all(
        (bool(states & needs) and not states & forbids) == (application_state(states) == status)
        for states in every
    )


@pytest.mark.parametrize(
    ("where", "in_places", "drive"),
    [
        (ApplicationFilter(), 0, Drive.ALL),
        (ApplicationFilter(receipt_macs=(bytes(32),), code="x"), 0, Drive.DIRECT),
        (ApplicationFilter(applications=(ApplicationId(an_id()),)), 0, Drive.DIRECT),
        (ApplicationFilter(code="x", client=CLIENT, destination=DESTINATION), 0, Drive.CODES),
        (ApplicationFilter(destination=DESTINATION), FEW + 1, Drive.PLACES),
        (ApplicationFilter(destination=DESTINATION, client=CLIENT), FEW, Drive.PLACES),
        (ApplicationFilter(destination=DESTINATION, client=CLIENT), FEW + 1, Drive.GROUPS),
        (ApplicationFilter(procedure="a/*", feedback=FeedbackStatus.COMPLETED), 0, Drive.GROUPS),
        (ApplicationFilter(procedure="a/*", feedback=FeedbackStatus.REJECTED), 0, Drive.FEEDBACK),
        (ApplicationFilter(feedback=FeedbackStatus.COMPLETED), 0, Drive.FEEDBACK),
    ],
)
def test_what_is_rarest_leads(where: ApplicationFilter, in_places: int, drive: Drive):
    assert choose(where, in_places) == drive


@pytest.mark.parametrize(
    ("where", "drive", "rest"),
    [
        (ApplicationFilter(), Drive.ALL, None),
        (ApplicationFilter(code="x"), Drive.CODES, None),
        (
            # Both are of one delivery, so the code is looked at again.
            ApplicationFilter(code="x", destination=DESTINATION),
            Drive.CODES,
            ApplicationFilter(code="x", destination=DESTINATION),
        ),
        (ApplicationFilter(client=CLIENT, procedure="a/*"), Drive.GROUPS, None),
        (
            ApplicationFilter(status=ApplicationState.DELIVERED, destination=DESTINATION),
            Drive.PLACES,
            ApplicationFilter(status=ApplicationState.DELIVERED),
        ),
        (ApplicationFilter(feedback=FeedbackStatus.RETURNED), Drive.FEEDBACK, None),
        (
            ApplicationFilter(receipt_macs=(bytes(32),), client=CLIENT),
            Drive.DIRECT,
            ApplicationFilter(client=CLIENT),
        ),
    ],
)
def test_what_leads_is_not_checked_again(
    where: ApplicationFilter, drive: Drive, rest: ApplicationFilter | None
):
    assert left_to_check(where, drive) == rest


def test_places_are_those_of_the_states_or_else_of_the_status():
    parked = frozenset({State.PARKED})
    delivered = ApplicationState.DELIVERED

    assert places_of(ApplicationFilter(states=parked, status=delivered)) == parked
    assert places_of(ApplicationFilter(status=delivered)) == {State.DELIVERED}
    assert places_of(ApplicationFilter(status=delivered, destination=DESTINATION)) == set(State)
    assert places_of(ApplicationFilter(destination=DESTINATION)) == set(State)


@pytest.mark.parametrize("descending", [True, False])
def test_a_span_is_cut_off_behind_or_before_an_id(*, descending: bool):
    early, late = sorted(ApplicationId(an_id()) for _ in range(2))
    first, last = (late, early) if descending else (early, late)
    whole = span_of(ApplicationFilter(), descending=descending, beyond=None)

    between = whole.beyond(first).short_of(last)

    assert between.ends == (early, late)
