"""Is what the manifest claims of its quality so, as far as a machine can tell?"""

import inspect
from pathlib import Path

from gateway.testing.adapter_kit.bench import Bench, fail
from gateway.testing.adapter_rules import broken
from gateway.testing.adapter_rules.adapter import Adapter


class QualityChecks:
    """Of ``[quality]`` in ``manifest.toml``."""

    def test_quality_is_as_claimed(self, bench: Bench) -> None:
        """Call a rule ``done``, and claim a tier, only when it is so.

        A rule that is not done is ``todo``, and its tier waits; one that asks nothing of this
        adapter is ``{ status = "exempt", why = "…" }``. Nobody else proves what you claim.
        """
        quality = bench.manifest.quality
        unknown = sorted(set(quality.not_applicable) - bench.checks)
        if unknown:
            fail(f"[quality.not_applicable] names {', '.join(unknown)}: no check is called so.")
        adapter = Adapter(
            folder=bench.home,
            tests=Path(inspect.getfile(type(self))).parent,
            manifest=bench.manifest,
            spec=bench.spec,
            class_name=bench.adapter.__name__,
        )
        found = [f"{rule}: {fault}" for rule, fault in broken(adapter)]
        if found:
            fail("The manifest claims what is not so. " + "; ".join(found) + ".")
