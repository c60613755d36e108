"""The metrics page, from what the gateway tells Prometheus."""

from typing import Final

from gateway.domain.claim import BreakerState
from gateway.domain.identifiers import ClientName, DestinationName
from gateway.domain.lifecycle import State
from gateway.http.metrics import Metrics, Reconciled
from gateway.http.protocol import Answered
from gateway.services.observe import HOLDS, Observed, ObservedEndpoint
from gateway.services.seal_log import LogStanding
from reference.source import GENERATED, table

_NAME: Final = DestinationName("NAME")
_INTRODUCTION: Final = f"""# Metrics

`GET /metrics` on the operations port answers in Prometheus's text format. A scrape costs a few
milliseconds, however many applications there are. What stands in the journal is left out while the
journal cannot be read, or does not answer within two seconds.

Labels are names of the configuration and of this project only: `destination` is a configured name,
or one that was, as long as the journal has deliveries to it; `state` is one of
[a delivery's states](lifecycle.md); `breaker` is {", ".join(BreakerState)}; `code` is one of the
[codes](errors.md); `client` is a configured name.

Deliveries, their ages, halted order keys and workers are those of the journal: every gateway
process of one journal tells the same, so take the `max` over processes, never the sum. All else is
what the process has seen since it began. The `process_` metrics of Prometheus's client come beside
these.

"""


def page() -> str:
    """Return the whole page."""
    return (
        GENERATED.format(source="`gateway/http/metrics.py`")
        + _INTRODUCTION
        + table(["metric", "kind", "labels", "what it says"], sorted(_rows()))
    )


def _rows() -> list[list[str]]:
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
    rows = []
    for family in metrics.families():
        if family.name.startswith("kakehashi_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            told = ", ".join(f"`{label}`" for label in sorted(labels))
            rows.append([f"`{name}`", family.type, told, family.documentation])
    return rows
