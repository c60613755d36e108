"""Does ``check`` tell the truth, and change nothing?"""

from gateway.sdk import ConfigError, Health, TransientError
from gateway.testing.adapter_kit.bench import Bench, fail
from gateway.testing.adapter_kit.peer import Fault

_CHECKS = 3


class HealthChecks:
    """Of ``check``."""

    async def test_check_changes_nothing(self, bench: Bench) -> None:
        """Look, and leave nothing: no application, no test file, no row.

        It runs every 30 s for years. Say ``ok`` when the core system is well.
        """
        async with bench.opened() as destination:
            before = bench.peer.touched()
            for _ in range(_CHECKS):
                health = await bench.ended(destination.check(), "check")
                if not health.ok:
                    fail(f"check says that a peer that is well is not: {health.detail!r}.")
            if bench.peer.touched() != before:
                fail("check had an effect on the core system.")

    async def test_check_tells_bad_credentials(self, bench: Bench) -> None:
        """Use the credentials in ``check``, as ``send`` does, and say that they are refused.

        Otherwise the first delivery finds out, and every other one after it.
        """
        bench.needs(Fault.BAD_CREDENTIALS)
        if (await _checked(bench, Fault.BAD_CREDENTIALS)).ok:
            fail("check says ok while the core system accepts no credentials.")

    async def test_check_tells_unreachable(self, bench: Bench) -> None:
        """Connect in ``check``: a breaker that is open closes when it says ``ok``."""
        bench.needs(Fault.REFUSING)
        if (await _checked(bench, Fault.REFUSING)).ok:
            fail("check says ok while the core system cannot be reached.")


async def _checked(bench: Bench, fault: Fault) -> Health:
    """Return what ``check`` says of a peer that has ``fault``; an sdk error says not well."""
    await bench.behave(fault)
    try:
        async with bench.opened() as destination:
            return await bench.ended(destination.check(), "check")
    except (TransientError, ConfigError) as error:
        return Health(ok=False, detail=type(error).__name__)
