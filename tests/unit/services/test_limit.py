"""The token bucket of each client."""

import pytest

from gateway.domain.identifiers import ClientName
from gateway.services.accept import Refusal
from gateway.services.limit import Limit

PORTAL, OTHER = ClientName("portal"), ClientName("other")


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_the_next_request_is_told_when_it_fits() -> None:
    limit = Limit(rate_per_s=2.0, burst=3, monotonic=Seconds())

    assert [limit(PORTAL) for _ in range(3)] == [None, None, None]
    assert limit(PORTAL) == Refusal(status=429, code="client.rate_exceeded", retry_after_s=0.5)


def test_a_client_that_waits_as_told_gets_in() -> None:
    seconds = Seconds()
    limit = Limit(rate_per_s=0.5, burst=1, monotonic=seconds)
    limit(PORTAL)
    refusal = limit(PORTAL)
    assert refusal is not None

    seconds.now += refusal.retry_after_s or 0.0

    assert limit(PORTAL) is None


def test_refused_requests_take_nothing() -> None:
    seconds = Seconds()
    limit = Limit(rate_per_s=1.0, burst=1, monotonic=seconds)
    limit(PORTAL)
    for _ in range(100):
        limit(PORTAL)

    seconds.now += 1.0

    assert limit(PORTAL) is None


def test_a_bucket_never_holds_more_than_a_burst() -> None:
    seconds = Seconds()
    limit = Limit(rate_per_s=1.0, burst=2, monotonic=seconds)
    limit(PORTAL)

    seconds.now += 1_000_000.0

    assert [limit(PORTAL) is None for _ in range(3)] == [True, True, False]


def test_one_client_does_not_empty_anothers_bucket() -> None:
    limit = Limit(rate_per_s=1.0, burst=1, monotonic=Seconds())
    limit(PORTAL)

    assert limit(OTHER) is None


@pytest.mark.parametrize(("rate_per_s", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_a_limit_that_lets_nobody_in_is_refused(rate_per_s: float, burst: int) -> None:
    with pytest.raises(ValueError, match=str(burst)):
        Limit(rate_per_s=rate_per_s, burst=burst)
