"""What of a process's own telling got lost: spans, and fields of log lines."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import Metric

from gateway.http.exposed.families import counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Since the process began.

    Attributes:
        spans: Those that nobody took, or that there was no room for.
        log_fields: Those that no table names, so that they were not written.
    """

    spans: int = 0
    log_fields: int = 0


def families(lost: Lost) -> Iterator[Metric]:
    """Yield what got lost."""
    yield counter(
        "spans_dropped",
        "Spans that were lost: the collector is away or too slow. Nothing else waits for it.",
        (),
        {(): lost.spans},
    )
    yield counter(
        "log_fields_unknown",
        "Fields of log lines that no table names, written as [unknown field]: an adapter's "
        "defect, or ours.",
        (),
        {(): lost.log_fields},
    )
