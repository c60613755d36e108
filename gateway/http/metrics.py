"""What Prometheus is told: a bounded set, whose labels are names of ours only."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway.http.exposed import hops as of_hops
from gateway.http.exposed import lost as of_lost
from gateway.http.exposed import machine as of_machine
from gateway.http.exposed import standing
from gateway.http.exposed.families import counter, gauge, histogram
from gateway.http.exposed.lost import Lost
from gateway.http.protocol import Answered
from gateway.services.hops import Hops
from gateway.services.observe import Observed
from gateway.services.tally import Histogram

_ACCEPTED: Final = 202
_FIRST_REFUSAL: Final = 400
_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A client may send any word for a method: the rest counts as one."""


class Metrics(Collector):
    """Counts the front door's answers; shows everything else as it is observed."""

    def __init__(
        self,
        hops: Hops | None = None,
        *,
        is_connected: Callable[[], bool] | None = None,
        most_unfinished: int | None = None,
        lost: Callable[[], Lost] = Lost,
    ) -> None:
        """Start at zero, in a registry of its own.

        Args:
            hops: What this process did at each hop; read at every scrape.
            is_connected: Tells whether the broker can be spoken to, if this process has one.
            most_unfinished: How many unfinished deliveries are accepted at most.
            lost: Tells what of the process's own telling got lost.
        """
        self._lost = lost
        self._hops = hops or Hops()
        self._is_connected = is_connected
        self._most_unfinished = most_unfinished
        self._observed = Observed()
        self._accepted = self._replayed = 0
        self._refused: Counter[str] = Counter()
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._request_s: dict[str, Histogram] = {}
        self._accept_s = Histogram(_BUCKETS_S)
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield what is so now; prometheus_client calls it at a scrape."""
        yield from self._front_families()
        yield from of_hops.families(self._hops)
        if self._is_connected is not None:
            yield of_hops.broker_family(is_connected=self._is_connected())
        yield from standing.families(self._observed)
        yield gauge(
            "unfinished_deliveries_limit",
            "How many deliveries may be unfinished before new applications get 503.",
            (),
            {} if self._most_unfinished is None else {(): self._most_unfinished},
        )
        yield from of_machine.families(self._observed.machine)
        yield from of_lost.families(self._lost())

    def _front_families(self) -> Iterator[Metric]:
        yield counter(
            "applications_accepted", "Answers of 202, replays left out.", (), {(): self._accepted}
        )
        yield counter(
            "applications_replayed",
            "Answers of 202 that repeat an earlier one.",
            (),
            {(): self._replayed},
        )
        yield counter(
            "requests_refused",
            "Problems answered, by code.",
            ("code",),
            {(code,): count for code, count in self._refused.items()},
        )
        yield histogram(
            "accept_seconds",
            "From the headers of an application to its 202.",
            (),
            {(): self._accept_s},
        )
        yield counter(
            "http_requests",
            "Requests of front ends that were answered; the route is its template, - if none.",
            ("method", "route", "status"),
            self._requests,
        )
        yield histogram(
            "http_request_seconds",
            "From a request's headers to the last byte of its answer.",
            ("route",),
            {(route,): times for route, times in self._request_s.items()},
        )

    def observe(self, answered: Answered) -> None:
        """Count one answer; pass it to ``FrontRunner``."""
        method = answered.method if answered.method in _METHODS else "other"
        self._requests[method, answered.route, str(answered.status)] += 1
        times = self._request_s.get(answered.route)
        if times is None:
            times = self._request_s[answered.route] = Histogram(_BUCKETS_S)
        times.observe(answered.duration_s)
        if answered.status == _ACCEPTED:
            if answered.replayed:
                self._replayed += 1
            else:
                self._accepted += 1
            self._accept_s.observe(answered.duration_s, answered.traceparent)
        elif answered.status >= _FIRST_REFUSAL:
            self._refused[answered.code or str(answered.status)] += 1

    def exposition(self, observed: Observed, accept: str = "") -> tuple[bytes, str]:
        """Return everything, and the media type it is in.

        Args:
            observed: Destinations now; states that are not named count as 0.
            accept: What the scraper takes (``Accept``): OpenMetrics, with exemplars, for
                ``application/openmetrics-text``; else Prometheus's text format 0.0.4.
        """
        self._observed = observed
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def families(self) -> Iterable[Metric]:
        """Return what was told last, for those who describe it."""
        return self._registry.collect()
