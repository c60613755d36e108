"""Is the manifest true?"""

from gateway.drivers.discovery import differences
from gateway.sdk import GivesFeedback, Idempotency, LooksUp, Receipt, SendsBatch
from gateway.testing.adapter_kit.bench import Bench, fail


class FeatureChecks:
    """Of what ``manifest.toml`` declares; the other checks tell what it promises in vain."""

    async def test_features_are_as_declared(self, bench: Bench) -> None:
        """Let the manifest, ``spec`` and the methods of the class say the same.

        What it can do and does not declare is used by nobody, and tested by nobody.
        """
        for difference in differences(bench.manifest, bench.spec):
            fail(f"{difference.key} {difference.words}.")
        features = bench.features
        destination: object = bench.construct()
        methods: tuple[tuple[str, type, bool], ...] = (
            ("lookup", LooksUp, features.idempotency != Idempotency.NONE),
            ("feedback", GivesFeedback, features.feedback),
            ("send_batch", SendsBatch, features.max_batch > 1),
        )
        for name, capability, is_declared in methods:
            if isinstance(destination, capability) and not is_declared:
                fail(f"It has a method {name}, and its manifest does not declare it.")
        if not features.dry_run:
            async with bench.opened() as opened:
                before = bench.peer.touched()
                result = await bench.send(opened, bench.delivery(dry_run=True))
            if isinstance(result, Receipt) and bench.peer.touched() == before:
                fail("It has a dry run, and its manifest does not declare it.")

    def test_waivers_name_checks(self, bench: Bench) -> None:
        """Waive in ``[waivers]`` only what there is, by the check's name."""
        unknown = sorted(set(bench.manifest.waivers) - bench.checks)
        if unknown:
            fail(f"The manifest waives {', '.join(unknown)}: no check has this name.")
