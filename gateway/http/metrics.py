"""What Prometheus is told: a small set, whose labels are names of ours only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State
from gateway.http.protocol import Answered

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
    """Counts the front door's answers; shows deliveries as the journal counts them."""

    def __init__(self, reconciled: Reconciled | None = None) -> None:
        """Start at zero, in a registry of its own.

        Args:
            reconciled: What reconciliation has found, if this process has one.
        """
        self._reconciled = reconciled or Reconciled({}, {})
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
        self._deliveries = Gauge(
            "kakehashi_deliveries",
            "Deliveries in the journal, by destination and state.",
            ["destination", "state"],
            registry=self._registry,
        )
        self._registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield what reconciliation has found; prometheus_client calls it at a scrape."""
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

    def exposition(self, counts: Mapping[DestinationName, Mapping[State, int]]) -> bytes:
        """Return everything in Prometheus's text format 0.0.4.

        Args:
            counts: Deliveries now; states that are not named count as 0.
        """
        for destination, states in counts.items():
            for state in State:
                self._deliveries.labels(destination, state).set(states.get(state, 0))
        return generate_latest(self._registry)
