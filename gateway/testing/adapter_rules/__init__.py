"""The quality scale of adapters: one file a rule, in the folder of its tier.

A rule's docstring says what it asks; ``faults`` yields a sentence for each thing that a
machine can see is wrong, and ``CHECKS`` names the checks of the contract kit that it rests on:
they may not be waived, and one that does not apply needs a reason in the manifest. A rule with
neither is judged by people.

The contract kit's check ``quality_is_as_claimed`` holds an adapter against what its manifest says.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.drivers.discovery import Quality
from gateway.testing.adapter_rules.adapter import Adapter

TIERS: Final = ("bronze", "silver", "gold")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the scale.

    Attributes:
        name: As in a manifest's ``[quality.rules]``.
        tier: The lowest tier that needs it.
        asks: What it asks, one sentence.
        checks: Those of the contract kit that it rests on.
        faults: Yields what else a machine sees is wrong; ``None`` if only people can tell.
    """

    name: str
    tier: str
    asks: str
    checks: tuple[str, ...]
    faults: Callable[[Adapter], Iterator[str]] | None

    @property
    def is_seen_by_a_machine(self) -> bool:
        """Whether anything of it can be told without people."""
        return bool(self.checks) or self.faults is not None

    def broken_by(self, adapter: Adapter) -> Iterator[str]:
        """Yield a sentence for each thing that a machine sees is wrong with an adapter."""
        for check in self.checks:
            if check in adapter.manifest.waivers:
                yield f"the manifest waives the check {check}"
        if self.faults is not None:
            yield from self.faults(adapter)


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
            checks=getattr(loaded, "CHECKS", ()),
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
        if state == "done":
            for fault in rule.broken_by(adapter):
                yield rule.name, fault


def unexcused(check: str, quality: Quality) -> tuple[str, ...]:
    """Return the rules said to be done that a check which does not apply should have proved.

    None of them if the manifest says in ``[quality.not_applicable]`` why it does not.
    """
    if check in quality.not_applicable:
        return ()
    return tuple(
        rule.name
        for rule in rules().values()
        if check in rule.checks and quality.rules.get(rule.name) == "done"
    )
