"""The charts of a destination's flow, and the tables that say the same in text."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

PERIODS: Final = (60, 360, 1440)
"""What charts show: the last hour, six hours, a day; in minutes."""

_ROWS: Final = 12
"""A table has no more: each row is as many minutes as it takes."""

CHARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "throughput": ("accepted", "delivered", "rejected", "deferred", "in_doubt"),
    "send": ("p50_s", "p95_s"),
    "waiting": ("p50_s", "p95_s"),
    "critical": ("p50_s", "p95_s"),
}
"""Each chart and its lines, as ``destination.flow`` names them."""


def flow_tables(flow: Mapping[str, Any]) -> dict[str, list[dict[str, object]]]:
    """Return the rows of each chart's table, the latest first.

    Counts are added up. Of times stands ``count``, the mean of all, and of each quantile its
    largest minute: quantiles cannot be added up.
    """
    at: Sequence[int] = flow["at"]
    size = max(1, len(at) // _ROWS)
    spans = [range(begin, min(begin + size, len(at))) for begin in range(0, len(at), size)][::-1]
    throughput = [
        {
            "at": _iso(at[span[0]]),
            **{line: sum(flow[line][place] for place in span) for line in CHARTS["throughput"]},
        }
        for span in spans
    ]
    timed = {
        chart: [{"at": _iso(at[span[0]]), **_times(flow[chart], span)} for span in spans]
        for chart in CHARTS
        if chart != "throughput"
    }
    return {"throughput": throughput, **timed}


def _times(columns: Mapping[str, Sequence[Any]], span: Sequence[int]) -> dict[str, object]:
    count = sum(columns["count"][place] for place in span)
    together = sum((columns["mean_s"][place] or 0.0) * columns["count"][place] for place in span)
    return {
        "count": count,
        "mean_s": together / count if count else None,
        **{
            line: max(
                (columns[line][place] for place in span if columns[line][place] is not None),
                default=None,
            )
            for line in ("p50_s", "p95_s")
        },
    }


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
