"""Whatever a worker learns of its core system, its breaker follows the table."""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.breaker import TRANSITIONS, Breaker, BreakerPolicy, Sign
from gateway.domain.claim import BreakerState

POLICY = BreakerPolicy(failures=3, probe_s=5.0, probe_cap_s=60.0)
DELIVERIES = (Sign.ANSWERED, Sign.FAILED, Sign.UNREACHABLE)


def after(*signs: Sign, fraction: float = 0.0, policy: BreakerPolicy = POLICY) -> Breaker:
    breaker = Breaker()
    for now, sign in enumerate(signs):
        breaker = breaker.after(sign, policy, now=float(now), fraction=fraction)
    return breaker


def test_every_state_knows_every_sign() -> None:
    assert set(TRANSITIONS) == set(itertools.product(BreakerState, Sign))


def test_a_core_system_that_cannot_be_reached_opens_it_at_once() -> None:
    assert after(Sign.UNREACHABLE) == Breaker(state=BreakerState.OPEN, waits=1, probe_at=2.5)


@pytest.mark.parametrize(
    ("signs", "state"),
    [
        ([Sign.FAILED] * 2, BreakerState.CLOSED),
        ([Sign.FAILED] * 3, BreakerState.OPEN),
        ([Sign.FAILED, Sign.FAILED, Sign.ANSWERED, Sign.FAILED, Sign.FAILED], BreakerState.CLOSED),
        ([Sign.FAILED, Sign.FAILED, Sign.CHECKED, Sign.FAILED], BreakerState.OPEN),
        ([Sign.NOT_WELL] * 10, BreakerState.CLOSED),
    ],
    ids=["fewer", "enough", "not in a row", "a check between", "checks only"],
)
def test_so_many_failed_deliveries_in_a_row_open_it(signs: list[Sign], state: BreakerState) -> None:
    assert after(*signs).state == state


def test_a_lower_number_of_failures_counts_from_the_next_one_on() -> None:
    breaker = after(*[Sign.FAILED] * 2)

    lower = BreakerPolicy(failures=1)

    assert breaker.after(Sign.FAILED, lower, now=9, fraction=0).state == BreakerState.OPEN


def test_a_good_check_lets_one_try_and_its_answer_closes_it() -> None:
    tried = after(Sign.UNREACHABLE, Sign.CHECKED)
    assert tried == Breaker(state=BreakerState.HALF_OPEN, waits=1)

    assert tried.after(Sign.ANSWERED, POLICY, now=9, fraction=0) == Breaker()


@pytest.mark.parametrize("sign", [Sign.FAILED, Sign.UNREACHABLE, Sign.NOT_WELL])
def test_a_try_that_fails_opens_it_again_for_longer(sign: Sign) -> None:
    tried = after(Sign.UNREACHABLE, Sign.CHECKED)

    again = tried.after(sign, POLICY, now=100.0, fraction=0.0)

    assert again == Breaker(state=BreakerState.OPEN, waits=2, probe_at=105.0)


@pytest.mark.parametrize("sign", DELIVERIES)
def test_what_was_under_way_when_it_opened_changes_nothing(sign: Sign) -> None:
    breaker = after(Sign.UNREACHABLE)

    assert breaker.after(sign, POLICY, now=100.0, fraction=0.5) == breaker


def test_waits_double_up_to_the_longest_and_start_over_after_an_answer() -> None:
    waits, breaker = [], after(Sign.UNREACHABLE)
    for _ in range(6):
        waits.append(2 * ((breaker.probe_at or 0.0) - (0.0 if not waits else 100.0)))
        breaker = breaker.after(Sign.NOT_WELL, POLICY, now=100.0, fraction=0.0)

    assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    for sign in (Sign.CHECKED, Sign.ANSWERED, Sign.UNREACHABLE):
        breaker = breaker.after(sign, POLICY, now=0.0, fraction=0.0)
    assert breaker.probe_at == 2.5


@given(waits=st.integers(0, 10_000), fraction=st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_between_half_of_its_bound_and_the_bound(waits: int, fraction: float) -> None:
    bound = min(60.0, 5.0 * 2 ** min(waits, 40))

    assert bound / 2 <= POLICY.wait_s(waits, fraction) <= bound


@dataclass
class Model:
    """The same rules, told as a story instead of a table."""

    sends: str = "all"
    in_a_row: int = 0

    def learn(self, sign: Sign) -> None:
        is_delivery = sign in DELIVERIES
        if self.sends == "none":
            self.sends = "one" if sign == Sign.CHECKED else "none"
        elif self.sends == "one":
            if sign == Sign.ANSWERED:
                self.sends, self.in_a_row = "all", 0
            elif sign != Sign.CHECKED:
                self.sends = "none"
        elif is_delivery:
            self.in_a_row = 0 if sign == Sign.ANSWERED else self.in_a_row + 1
            if sign == Sign.UNREACHABLE or (sign == Sign.FAILED and self.in_a_row >= 3):
                self.sends = "none"


SENDS = {BreakerState.CLOSED: "all", BreakerState.HALF_OPEN: "one", BreakerState.OPEN: "none"}


@given(st.lists(st.sampled_from([sign for sign in Sign if sign != Sign.TRIPPED]), max_size=40))
def test_any_history_ends_as_the_rules_say(signs: list[Sign]) -> None:
    model = Model()
    for sign in signs:
        model.learn(sign)

    breaker = after(*signs)

    assert SENDS[breaker.state] == model.sends
    assert (breaker.probe_at is not None) == (breaker.state == BreakerState.OPEN)
