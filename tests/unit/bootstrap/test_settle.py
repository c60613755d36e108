"""How long a lookup's "no" proves nothing must be said before anything is sent."""

import pytest

from gateway.bootstrap.worker import settle_s
from gateway.domain.errors import ConfigError
from gateway.sdk import AdapterConfig, AdapterSpec, Idempotency
from gateway.settings.model import DestinationSettings


def a_destination(**over: object) -> DestinationSettings:
    members = {"municipality": "131016", "adapter": "http", "idempotency": "lookup", **over}
    return DestinationSettings.model_validate(members)


def a_spec(settled: float | None) -> AdapterSpec:
    return AdapterSpec(
        name="http",
        version="1",
        config=AdapterConfig,
        idempotency=Idempotency.NATIVE,
        settle_s=settled,
    )


def test_an_adapter_that_knows_needs_no_word_from_the_operator() -> None:
    assert settle_s("d", a_destination(), a_spec(0.0)) == 0.0


def test_an_adapter_that_cannot_know_needs_one() -> None:
    with pytest.raises(ConfigError, match=r"destinations\.d\.settle_s"):
        settle_s("d", a_destination(), a_spec(None))


def test_it_must_be_longer_than_a_send_may_take() -> None:
    with pytest.raises(ConfigError, match="longer than send_timeout_s"):
        settle_s("d", a_destination(settle_s=60, send_timeout_s=60), a_spec(None))


def test_it_is_taken_as_said() -> None:
    assert settle_s("d", a_destination(settle_s=90, send_timeout_s=60), a_spec(None)) == 90


def test_without_lookups_it_means_nothing() -> None:
    assert settle_s("d", a_destination(idempotency="native"), a_spec(None)) == 0.0
