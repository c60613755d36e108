"""The metrics page, from what the gateway tells Prometheus."""

from typing import Final

from gateway.domain.claim import BreakerState
from gateway.testing.metric_families import metric_families
from reference.source import GENERATED, table

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
    return [
        [
            f"`{name}`",
            family.type,
            ", ".join(f"`{label}`" for label in sorted(labels)),
            family.documentation,
        ]
        for name, family, labels in metric_families()
    ]
