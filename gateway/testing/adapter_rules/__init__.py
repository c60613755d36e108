"""The quality scale of adapters: one file a rule, in the folder of its tier.

A rule's docstring says what it asks; ``faults`` yields a sentence for each thing that a
machine can see is wrong. A rule without it is judged by people.

The contract kit's check ``quality_is_as_claimed`` holds an adapter against what its manifest says.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.testing.adapter_rules.adapter import Adapter

TIERS: Final = ("bronze", "silver", "gold")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the scale.

    Attributes:
        name: As in a manifest's ``[quality.rules]``.
        tier: The lowest tier that needs it.
        asks: What it asks, one sentence.
        faults: Yields what a machine sees is wrong; ``None`` if only people can tell.
    """

    name: str
    tier: str
    asks: str
    faults: Callable[[Adapter], Iterator[str]] | None


def rules() -> dict[str, Rule]:
    """Return every rule by name, the lowest tier first."""
    return {rule.name: rule for tier in TIERS for rule in _rules_of(tier)}


def _rules_of(tier: str) -> Iterator[Rule]:
    for module in pkgutil.iter_modules([str(Path(__file__).parent / tier)]):
        loaded = importlib.import_module(f"{__name__}.{tier}.{module.name}")
        yield Rule(
            name=module.name.replace("_", "-"),
            tier=tier,
            asks=" ".join((loaded.__doc__ or "").split()),
            faults=getattr(loaded, "faults", None),
        )


def broken(adapter: Adapter) -> Iterator[tuple[str, str]]:
    """Yield rule and sentence for each claim of an adapter's manifest that is not true."""
    known, quality = rules(), adapter.manifest.quality
    for name in sorted(set(quality.rules) - set(known)):
        yield name, "no rule has this name"
    claimed = TIERS[: TIERS.index(quality.tier) + 1] if quality.tier in TIERS else ()
    for rule in known.values():
        state = quality.rules.get(rule.name, "todo")
        if state == "todo" and rule.tier in claimed:
            yield rule.name, f"is to do, and the manifest claims {quality.tier}"
        if state == "done" and rule.faults is not None:
            for fault in rule.faults(adapter):
                yield rule.name, fault
