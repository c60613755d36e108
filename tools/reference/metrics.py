"""The metrics page, from what the gateway tells Prometheus."""

from collections.abc import Iterable
from typing import Final

from gateway.domain.claim import BreakerState
from gateway.testing.metric_families import Named, gateway_families, worker_families
from reference.source import GENERATED, table

_INTRODUCTION: Final = f"""# Metrics

`GET /metrics` on the operations port answers in Prometheus's text format, or in OpenMetrics with
exemplars (`trace_id`) for a scraper that takes `application/openmetrics-text`. A scrape costs a few
milliseconds, however many applications there are. What stands in the journal is left out while the
journal cannot be read, or does not answer within two seconds: an old value would look like news.

Labels are names of the configuration and of this project only, so that no client and no core system
can make series: `destination` is a configured name, or one that was, as long as the journal has
deliveries to it; `state` is one of [a delivery's states](lifecycle.md); `breaker` is
{", ".join(BreakerState)}; `code` is one of the [codes](errors.md); `client` is a configured name;
`queue` is one of the broker's; `role` is an account's; `route` is a template of the front door,
`-` for no route, and `method` one of HTTP's, `other` for any other word. A destination has about
100 series.

Deliveries, their ages, halted order keys, workers and the journal's size are those of the journal:
every gateway process of one journal tells the same, so take the `max` over processes, not the sum.
All else is what the process has seen since it began: an application counts where it was accepted,
its outcome where that was written down. The `process_` metrics of Prometheus's client come beside
these.

Rules and alerts over these stand in `config/prometheus/`, dashboards in `config/grafana/`;
[what to do after an alert](../howto/alerts.md) has a page of its own. Keys have no expiry of their
own; tokens of accounts have, and certificates that the configuration names: those of the broker and
the database, and of adapters each setting whose name ends with `certificate_file` or `ca_file`. A
process tells of the files that it can read: of a core system's the workers do. The age of the
last anchor outside belongs here too, as `kakehashi_log_anchor_age_seconds`, once checkpoints are
anchored.

"""


_WORKERS: Final = """
## Workers

`kakehashi work` serves these on a port of its own when the configuration names one,
`metrics.port`;
by default it serves nothing. What its attempts come to, the gateway tells too, once it is recorded.

"""


def page() -> str:
    """Return the whole page."""
    source = GENERATED.format(source="`gateway/http/metrics.py` and `gateway/http/exposed/`")
    return (
        source + _INTRODUCTION + _table(gateway_families()) + _WORKERS + _table(worker_families())
    )


def _table(families: Iterable[Named]) -> str:
    return table(["metric", "kind", "labels", "what it says"], sorted(_rows(families)))


def _rows(families: Iterable[Named]) -> list[list[str]]:
    return [
        [
            f"`{name}`",
            family.type,
            ", ".join(f"`{label}`" for label in sorted(labels)),
            family.documentation,
        ]
        for name, family, labels in families
    ]
