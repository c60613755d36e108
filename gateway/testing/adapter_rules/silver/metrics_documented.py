"""The README says which of the metrics tell how its core system is, and what is normal."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.testing.adapter_rules.adapter import Adapter
from gateway.testing.metric_families import metric_families

_METRIC: Final = re.compile(r"\bkakehashi_[a-z_]+")


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield each metric that there is not, and whether none of a destination's is named."""
    named = set(_METRIC.findall(adapter.readme))
    labels = {name: labels for name, _, labels in metric_families()}
    for name in sorted(named - set(labels)):
        yield f"its README names {name}, and there is no such metric"
    if not any("destination" in labels.get(name, ()) for name in named):
        yield "its README names no metric that is told of each destination"
