"""Every metric that Prometheus is told, for those who describe or name them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from prometheus_client.core import Metric

from gateway.domain.account import Role
from gateway.domain.claim import BreakerState, Verdict
from gateway.domain.identifiers import ClientName, DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus
from gateway.http.exposed.worker import Talking, Working
from gateway.http.metrics import Metrics
from gateway.http.protocol import Answered
from gateway.http.worker_metrics import WorkerMetrics
from gateway.services.attempts import Attempts
from gateway.services.flow_ring import SinceStart
from gateway.services.hops import Hops
from gateway.services.machine import Disk, Machine
from gateway.services.observe import HOLDS, Observed, ObservedEndpoint
from gateway.services.seal_log import LogStanding
from gateway.services.tally import Histogram

_NAME: Final = DestinationName("NAME")
_LATER: Final = datetime(2027, 1, 1, tzinfo=UTC)
_MACHINE: Final = Machine(disks={"home": Disk(1, 2)}, certificates={"NAME": _LATER})


Named = tuple[str, Metric, frozenset[str]]
"""A metric of ours: its name as it is scraped, what it is, and its labels."""


def metric_families() -> Iterator[Named]:
    """Yield each metric that a gateway or a worker tells."""
    told = {name: (name, family, labels) for name, family, labels in worker_families()}
    told |= {name: (name, family, labels) for name, family, labels in gateway_families()}
    yield from told.values()


def gateway_families() -> Iterator[Named]:
    """Yield each metric that a gateway tells."""
    yield from _named(everything_told().families())


def worker_families() -> Iterator[Named]:
    """Yield each metric that a worker process tells, if it has a metrics port."""
    attempts = Attempts()
    attempts.errors.add("peer.refused")
    working = Working(
        destination=_NAME, in_flight=0, breaker=BreakerState.CLOSED, attempts=attempts
    )
    talking = Talking(
        is_connected=True,
        published_s={"NAME": Histogram()},
        unpublished={("NAME", "broker.unavailable"): 1},
        answered_s={"NAME": Histogram()},
        unanswered={("NAME", "broker.unavailable"): 1},
    )
    metrics = WorkerMetrics(lambda: [working], lambda: talking)
    metrics.exposition(_MACHINE)
    yield from _named(metrics.collect())


def _named(families: Iterable[Metric]) -> Iterator[Named]:
    for family in families:
        if family.name.startswith("kakehashi_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = frozenset(label for sample in family.samples for label in sample.labels)
            yield name, family, labels - {"le"}


def everything_told() -> Metrics:
    """Return metrics that have been told one of everything: what has no value is not shown."""
    metrics = Metrics(_hops(), is_connected=lambda: True, most_unfinished=1)
    refused = Answered(
        method="POST",
        route="-",
        status=400,
        code="json.malformed",
        client=None,
        application_id=None,
        body_bytes=0,
        duration_s=0.0,
    )
    metrics.observe(refused)
    metrics.exposition(
        Observed(
            deliveries={_NAME: {}},
            oldest_s={_NAME: {State.PENDING: 0.0}},
            halted_keys={_NAME: 0},
            workers={_NAME: {BreakerState.CLOSED: 1}},
            holds={_NAME: HOLDS[0]},
            endpoints={
                ClientName("NAME"): ObservedEndpoint(waiting=1, oldest_s=0.0, disabled=False)
            },
            log=LogStanding(size=1, age_s=0.0, unsealed=0, breaks=0, usable=True),
            journal_bytes=1,
            machine=_MACHINE,
            tokens={Role.OPERATOR: _LATER},
        )
    )
    return metrics


def _hops() -> Hops:
    return Hops(
        flow={_NAME: SinceStart()},
        lag_s={_NAME: Histogram()},
        published_s={"NAME": Histogram()},
        unpublished={("NAME", "broker.unavailable"): 1},
        verdicts={("NAME", Verdict.GO.value): 1},
        reports_refused=({"signature.invalid": 1},),
        feedback={("NAME", FeedbackStatus.ACCEPTED.value): 1},
        webhooks={("NAME", "taken"): 1},
        webhook_s={ClientName("NAME"): Histogram()},
        republished={_NAME: 0},
        abandoned={_NAME: 0},
    )
