"""What the kit makes of a manifest's ``[quality]``, as an author sees it."""

import shutil
from pathlib import Path

import pytest

from tests.integration.adapter_kit.run import LINE

pytest_plugins = ["pytester"]

CONTRACT = """
from pathlib import Path
import pytest
from tests.integration.adapter_kit.broken import WritesOtherwise
from tests.integration.adapter_kit.line.peer import LinePeer
from tests.integration.adapter_kit.run import LineContract

class TestContract(LineContract):
    adapter = WritesOtherwise

    @classmethod
    def home(cls):
        return Path({home!r})

    @pytest.fixture
    async def peer(self):
        async with LinePeer.running() as peer:
            yield peer
"""

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
pythonpath = {root}
"""


def run(
    pytester: pytest.Pytester,
    only: str,
    rules: str,
    *,
    tier: str = "none",
    idempotency: str = "native",
    not_applicable: str = "",
) -> pytest.RunResult:
    home = pytester.path / "line"
    shutil.copytree(LINE, home)
    manifest = (LINE / "manifest.toml").read_text("utf-8")
    manifest = manifest.replace('tier = "none"', f'tier = "{tier}"')
    manifest = manifest.replace('idempotency = "native"', f'idempotency = "{idempotency}"')
    tables = f"[quality.rules]\n{rules}\n[quality.not_applicable]\n{not_applicable}\n"
    (home / "manifest.toml").write_text(f"{manifest}\n{tables}", "utf-8")
    pytester.makepyfile(test_contract=CONTRACT.format(home=str(home)))
    pytester.makeini(INI.format(root=Path(__file__).parents[3]))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-k", only)


def test_what_a_machine_sees_to_be_untrue_is_told(pytester: pytest.Pytester) -> None:
    result = run(pytester, "quality", 'failures = "done"\nowner = "done"')

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "The manifest claims what is not so. failures: there is no tests/test_failures.py.",
            "*what to do*",
        ]
    )


def test_a_tier_whose_rules_are_not_done_is_no_tier(pytester: pytest.Pytester) -> None:
    result = run(pytester, "quality", 'owner = "done"', tier="gold")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*reconciliation: is to do, and the manifest claims gold*"])


def test_what_is_not_claimed_is_not_asked(pytester: pytest.Pytester) -> None:
    result = run(pytester, "quality", 'failures = "todo"\nowner = "done"')

    result.assert_outcomes(passed=1)


def test_a_check_that_does_not_apply_proves_no_rule(pytester: pytest.Pytester) -> None:
    result = run(pytester, "lookup_finds", 'reconciliation = "done"', idempotency="none")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "The check does not apply, as its idempotency is none, and *reconciliation is done: *",
        ]
    )


def test_a_check_that_does_not_apply_for_a_reason_is_no_fault(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        "lookup_finds",
        'reconciliation = "done"',
        idempotency="none",
        not_applicable='lookup_finds_what_arrived = "it cannot be asked"',
    )

    result.assert_outcomes(skipped=1)


def test_a_reason_for_no_check_is_a_fault(pytester: pytest.Pytester) -> None:
    result = run(pytester, "quality", "", not_applicable='no_such_check = "it cannot be asked"')

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["[[]quality.not_applicable] names no_such_check: no check is called so."]
    )


def test_the_tests_that_run_are_the_adapter_s_wherever_its_package_lies(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_failures="")

    result = run(pytester, "quality", 'failures = "done"')

    result.assert_outcomes(passed=1)
