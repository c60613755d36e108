"""What Prometheus is told: a small set, whose labels are names of ours only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway.domain.claim import BreakerState
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State
from gateway.http.protocol import Answered
from gateway.services.observe import HOLDS, Observed
from gateway.services.seal_log import LogStanding

_ACCEPTED: Final = 202
_FIRST_REFUSAL: Final = 400
_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What reconciliation has found so far, by destination; read at every scrape.

    Attributes:
        republished: Copies that were missing on the broker and were published again.
        abandoned: Claims that came to nothing and were put in doubt.
    """

    republished: Mapping[DestinationName, int]
    abandoned: Mapping[DestinationName, int]


class Metrics(Collector):
    """Counts the front door's answers; shows destinations as they are observed."""

    def __init__(
        self,
        reconciled: Reconciled | None = None,
        webhooks: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        """Start at zero, in a registry of its own.

        Args:
            reconciled: What reconciliation has found, if this process has one.
            webhooks: How many were posted, by client and code; read at every scrape.
        """
        self._reconciled = reconciled or Reconciled({}, {})
        self._webhooks = {} if webhooks is None else webhooks
        self._observed = Observed()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._accepted = Counter(
            "kakehashi_applications_accepted",
            "Answers of 202, replays left out.",
            registry=self._registry,
        )
        self._replayed = Counter(
            "kakehashi_applications_replayed",
            "Answers of 202 that repeat an earlier one.",
            registry=self._registry,
        )
        self._refused = Counter(
            "kakehashi_requests_refused",
            "Problems answered, by code.",
            ["code"],
            registry=self._registry,
        )
        self._accept_s = Histogram(
            "kakehashi_accept_seconds",
            "From the headers of an application to its 202.",
            registry=self._registry,
            buckets=_BUCKETS_S,
        )
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield what is so now; prometheus_client calls it at a scrape.

        What is not known, because the journal cannot be read, is not told: an old value
        would look like news.
        """
        yield from self._reconciled_families()
        yield from _families(self._observed)
        yield from self._webhook_families()
        if self._observed.log is not None:
            yield from _log_families(self._observed.log)

    def _webhook_families(self) -> Iterator[Metric]:
        attempts = CounterMetricFamily(
            "kakehashi_webhook_attempts",
            "Webhooks posted, by client and what became of it: taken, or why not.",
            labels=["client", "code"],
        )
        for (client, code), count in self._webhooks.items():
            attempts.add_metric([client, code], count)
        yield attempts
        yield from _endpoint_families(self._observed)

    def _reconciled_families(self) -> Iterator[CounterMetricFamily]:
        for name, text, counted in (
            ("republished", "Copies found missing on the broker.", self._reconciled.republished),
            ("abandoned", "Claims found to have come to nothing.", self._reconciled.abandoned),
        ):
            family = CounterMetricFamily(
                f"kakehashi_deliveries_{name}", text, labels=["destination"]
            )
            for destination, count in counted.items():
                family.add_metric([destination], count)
            yield family

    def observe(self, answered: Answered) -> None:
        """Count one answer; pass it to ``FrontRunner``."""
        if answered.status == _ACCEPTED:
            (self._replayed if answered.replayed else self._accepted).inc()
            self._accept_s.observe(answered.duration_s)
        elif answered.status >= _FIRST_REFUSAL:
            self._refused.labels(answered.code or str(answered.status)).inc()

    def exposition(self, observed: Observed) -> bytes:
        """Return everything in Prometheus's text format 0.0.4.

        Args:
            observed: Destinations now; states that are not named count as 0.
        """
        self._observed = observed
        return generate_latest(self._registry)

    def families(self) -> Iterable[Metric]:
        """Return what was told last, for those who describe it."""
        return self._registry.collect()


def _families(observed: Observed) -> Iterator[GaugeMetricFamily]:
    yield _gauge(
        "deliveries",
        "Deliveries in the journal, by destination and state.",
        ("destination", "state"),
        {
            (destination, state): states.get(state, 0)
            for destination, states in observed.deliveries.items()
            for state in State
        },
    )
    yield _gauge(
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
    yield _gauge(
        "halted_order_keys",
        "Order keys that stand still behind a delivery that is parked or in doubt.",
        ("destination",),
        {(destination,): keys for destination, keys in observed.halted_keys.items()},
    )
    yield _gauge(
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
    yield _gauge(
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


def _endpoint_families(observed: Observed) -> Iterator[GaugeMetricFamily]:
    endpoints = observed.endpoints
    yield _gauge(
        "webhooks_waiting",
        "Webhooks that their client's endpoint has not taken yet.",
        ("client",),
        {(client,): one.waiting for client, one in endpoints.items()},
    )
    yield _gauge(
        "oldest_webhook_seconds",
        "How long ago the oldest of these was recorded; missing where there is none.",
        ("client",),
        {(client,): one.oldest_s for client, one in endpoints.items() if one.oldest_s is not None},
    )
    yield _gauge(
        "webhook_endpoint_disabled",
        "1 for an endpoint that nothing is sent to until a person enables it again.",
        ("client",),
        {(client,): one.disabled for client, one in endpoints.items()},
    )


def _log_families(log: LogStanding) -> Iterator[Metric]:
    yield _gauge("log_entries", "Entries of the audit log that are sealed.", (), {(): log.size})
    yield _gauge(
        "log_usable",
        "0 when the audit log's head is not what one of its keys signed, or when an entry of "
        "this process has not been sealed for more than 10 s.",
        (),
        {(): log.usable},
    )
    if log.unsealed is not None:
        yield _gauge(
            "log_unsealed_entries",
            "Entries of the audit log that are not sealed yet; more than a second's worth for "
            "longer than a few seconds means that nothing seals.",
            (),
            {(): log.unsealed},
        )
    if log.age_s is not None:
        yield _gauge(
            "log_seal_age_seconds",
            "How long ago the last checkpoint was signed that this process knows of; grows while "
            "nothing happens.",
            (),
            {(): log.age_s},
        )
    breaks = CounterMetricFamily(
        "kakehashi_log_chain_breaks",
        "Places where a node's chain of entries does not go on: somebody changed the log.",
    )
    breaks.add_metric((), log.breaks)
    yield breaks


def _gauge(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"kakehashi_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
