"""Metric families out of plain numbers, named in one place."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from gateway.services.tally import Histogram

Labels = TypeVar("Labels", bound=tuple[str, ...])


def gauge(
    name: str, text: str, labels: tuple[str, ...] = (), values: Mapping[Labels, float] | None = None
) -> GaugeMetricFamily:
    """Return a gauge; ``name`` without ``kakehashi_``, ``values`` by the labels' values."""
    family = GaugeMetricFamily(f"kakehashi_{name}", text, labels=labels)
    for key, value in [] if values is None else list(values.items()):
        family.add_metric(key, value)
    return family


def counter(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[Labels, float]
) -> CounterMetricFamily:
    """Return a counter; ``name`` without ``kakehashi_`` and ``_total``."""
    family = CounterMetricFamily(f"kakehashi_{name}", text, labels=labels)
    for key, value in list(values.items()):
        family.add_metric(key, value)
    return family


def histogram(
    name: str,
    text: str,
    labels: tuple[str, ...],
    values: Mapping[Labels, Histogram],
) -> HistogramMetricFamily:
    """Return a histogram; ``name`` without ``kakehashi_``."""
    family = HistogramMetricFamily(f"kakehashi_{name}", text, labels=labels)
    for key, value in list(values.items()):
        family.add_metric(key, list(_buckets(value)), value.sum)
    return family


def _buckets(value: Histogram) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
    bounds = [*(f"{bound:.12g}" for bound in value.bounds), "+Inf"]
    exemplars = dict(value.exemplars)
    for place, (bound, count) in enumerate(zip(bounds, value.cumulative(), strict=True)):
        example = exemplars.get(place)
        if example is None:
            yield bound, count
        else:
            yield bound, count, Exemplar({"trace_id": example.trace_id}, example.value)
