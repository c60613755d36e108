"""What stands in the journal, and how destinations, webhooks and the audit log stand."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from gateway.domain.claim import BreakerState
from gateway.domain.lifecycle import State
from gateway.http.exposed.families import counter, gauge
from gateway.services.observe import HOLDS, Observed
from gateway.services.seal_log import LogStanding


def families(observed: Observed) -> Iterator[Metric]:
    """Yield what was observed; what is not known is not told: an old value would look like news."""
    yield from _delivery_families(observed)
    yield from _destination_families(observed)
    yield from _endpoint_families(observed)
    yield from _journal_families(observed)
    yield gauge(
        "account_token_expiry_timestamp_seconds",
        "When the next token expires that a program of an account with this role uses, in Unix "
        "time; missing where there is none.",
        ("role",),
        {(role,): at.timestamp() for role, at in observed.tokens.items()},
    )
    if observed.log is not None:
        yield from _log_families(observed.log)


def _delivery_families(observed: Observed) -> Iterator[Metric]:
    yield gauge(
        "deliveries",
        "Deliveries in the journal, by destination and state.",
        ("destination", "state"),
        {
            (destination, state): states.get(state, 0)
            for destination, states in observed.deliveries.items()
            for state in State
        },
    )
    yield gauge(
        "oldest_delivery_seconds",
        "How long ago the oldest delivery in each state that is not final was accepted; "
        "missing where there is none.",
        ("destination", "state"),
        {
            (destination, state): age_s
            for destination, states in observed.oldest_s.items()
            for state, age_s in states.items()
        },
    )
    yield gauge(
        "halted_order_keys",
        "Order keys that stand still behind a delivery that is parked or in doubt.",
        ("destination",),
        {(destination,): keys for destination, keys in observed.halted_keys.items()},
    )


def _destination_families(observed: Observed) -> Iterator[Metric]:
    yield gauge(
        "workers",
        "Workers heard of lately, by their circuit breaker: closed sends, open does not, "
        "half_open tries one.",
        ("destination", "breaker"),
        {
            (destination, breaker): breakers.get(breaker, 0)
            for destination, breakers in observed.workers.items()
            for breaker in BreakerState
        },
    )
    yield gauge(
        "destination_held",
        "1 for the reason why nothing is published for a destination now: paused by hand, closed "
        "by its window, or unavailable, as every living worker's breaker is open.",
        ("destination", "code"),
        {
            (destination, code): code == held
            for destination, held in observed.holds.items()
            for code in HOLDS
        },
    )


def _endpoint_families(observed: Observed) -> Iterator[Metric]:
    endpoints = observed.endpoints
    yield gauge(
        "webhooks_waiting",
        "Webhooks that their client's endpoint has not taken yet.",
        ("client",),
        {(client,): one.waiting for client, one in endpoints.items()},
    )
    yield gauge(
        "oldest_webhook_seconds",
        "How long ago the oldest of these was recorded; missing where there is none.",
        ("client",),
        {(client,): one.oldest_s for client, one in endpoints.items() if one.oldest_s is not None},
    )
    yield gauge(
        "webhook_endpoint_disabled",
        "1 for an endpoint that nothing is sent to until a person enables it again.",
        ("client",),
        {(client,): one.disabled for client, one in endpoints.items()},
    )


def _log_families(log: LogStanding) -> Iterator[Metric]:
    yield gauge("log_entries", "Entries of the audit log that are sealed.", (), {(): log.size})
    yield gauge(
        "log_usable",
        "0 when the audit log's head is not what one of its keys signed, or when an entry of "
        "this process has not been sealed for more than 10 s.",
        (),
        {(): log.usable},
    )
    if log.unsealed is not None:
        yield gauge(
            "log_unsealed_entries",
            "Entries of the audit log that are not sealed yet; more than a second's worth for "
            "longer than a few seconds means that nothing seals.",
            (),
            {(): log.unsealed},
        )
    if log.age_s is not None:
        yield gauge(
            "log_seal_age_seconds",
            "How long ago the last checkpoint was signed that this process knows of; grows while "
            "nothing happens.",
            (),
            {(): log.age_s},
        )
    yield counter(
        "log_chain_breaks",
        "Places where a node's chain of entries does not go on: somebody changed the log.",
        (),
        {(): log.breaks},
    )


def _journal_families(observed: Observed) -> Iterator[Metric]:
    yield gauge(
        "journal_readable",
        "0 when the journal could not be read for this scrape, or did not answer within two "
        "seconds: then nothing is accepted.",
        (),
        {(): observed.is_readable},
    )
    yield gauge(
        "journal_size_bytes",
        "Room that the journal takes on its own disk.",
        (),
        {} if observed.journal_bytes is None else {(): observed.journal_bytes},
    )
