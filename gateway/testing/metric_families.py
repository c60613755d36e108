"""Every metric that the gateway tells Prometheus, for those who describe or name them."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric

from gateway.domain.identifiers import ClientName, DestinationName
from gateway.domain.lifecycle import State
from gateway.http.metrics import Metrics, Reconciled
from gateway.http.protocol import Answered
from gateway.services.observe import HOLDS, Observed, ObservedEndpoint
from gateway.services.seal_log import LogStanding

_NAME: Final = DestinationName("NAME")


def metric_families() -> Iterator[tuple[str, Metric, frozenset[str]]]:
    """Yield each metric of ours: its name as it is scraped, what it is, and its labels."""
    for family in _everything_told().families():
        if family.name.startswith("kakehashi_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = frozenset(label for sample in family.samples for label in sample.labels)
            yield name, family, labels - {"le"}


def _everything_told() -> Metrics:
    """Return metrics that have been told one of everything: what has no value is not shown."""
    metrics = Metrics(Reconciled({_NAME: 0}, {_NAME: 0}), {("NAME", "taken"): 1})
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
            workers={_NAME: {}},
            holds={_NAME: HOLDS[0]},
            endpoints={
                ClientName("NAME"): ObservedEndpoint(waiting=1, oldest_s=0.0, disabled=False)
            },
            log=LogStanding(size=1, age_s=0.0, unsealed=0, breaks=0, usable=True),
        )
    )
    return metrics
