"""Waivers, the summary, and what a failed check says, as an author sees them."""

import shutil
from pathlib import Path

import pytest

from gateway.testing.adapter_kit.contract import checks
from tests.integration.adapter_kit.broken import Sleeps
from tests.integration.adapter_kit.line.peer import LazyPeer
from tests.integration.adapter_kit.run import LINE

pytest_plugins = ["pytester"]

CONTRACT = """
from pathlib import Path
import pytest
from tests.integration.adapter_kit.broken import {adapter}
from tests.integration.adapter_kit.line.peer import LazyPeer, LinePeer
from gateway.testing.adapter_kit import AdapterContract, Fault

class TestContract(AdapterContract):
    adapter = {adapter}
    samples = Path({home!r}) / "samples"
    deadline_s = 0.1

    @classmethod
    def home(cls):
        return Path({home!r})

    @pytest.fixture
    async def peer(self):
        async with LinePeer.running() as peer:
            yield peer
"""


def run(
    pytester: pytest.Pytester,
    adapter: str,
    *options: str,
    waivers: str = "",
    features: str = "",
    more: str = "",
    stuck_s: float | None = None,
    absent: str = "{}",
    peer: str = "LinePeer",
) -> pytest.RunResult:
    home = pytester.path / "line"
    shutil.copytree(LINE, home)
    manifest = (LINE / "manifest.toml").read_text("utf-8")
    if features:
        manifest = manifest.replace("max_batch = 3", features)
    (home / "manifest.toml").write_text(f"{more}{manifest}\n[waivers]\n{waivers}", "utf-8")
    contract = CONTRACT.format(adapter=adapter, home=str(home))
    contract = contract.replace("LinePeer.running", "OwnPeer.running")
    contract += f"\nclass OwnPeer({peer}):\n    absent = {absent}\n"
    if stuck_s is not None:
        contract += f"TestContract.stuck_s = {stuck_s}\n"
    pytester.makepyfile(test_contract=contract)
    options_here = {
        "asyncio_mode": "auto",
        "asyncio_default_fixture_loop_scope": "function",
        "pythonpath": str(Path(__file__).parents[3]),
    }
    lines = "\n".join(f"{key} = {value}" for key, value in options_here.items())
    pytester.makeini(f"[pytest]\n{lines}\n")
    options = ("-p", "no:cacheprovider", "-p", "no:xdist", *options)
    if stuck_s is None:
        return pytester.runpytest_inprocess(*options)
    return pytester.runpytest_subprocess(*options)


def test_a_failed_check_is_one_sentence_and_what_to_do(pytester: pytest.Pytester) -> None:
    result = run(pytester, "LosesTheTrace", "-k", "trace or dry_run")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "What arrives has no header with the trace of delivery.traceparent.",
            "*what to do*",
            "Send the idempotency key and*",
            "*contract of adapters*",
            "line 1.0.0 (TestContract): *1 passed*",
            "  trace_is_forwarded *FAILED",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_waived_check_that_fails_is_excused_with_its_reason(pytester: pytest.Pytester) -> None:
    waivers = 'trace_is_forwarded = "a line has no headers"'

    result = run(pytester, "LosesTheTrace", "-k", "trace", waivers=waivers)

    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines(["  trace_is_forwarded *waived: a line has no headers"])


def test_a_waived_check_that_passes_fails(pytester: pytest.Pytester) -> None:
    waivers = 'dry_run_sends_nothing = "not yet"'

    result = run(pytester, "LosesTheTrace", "-k", "dry_run", waivers=waivers)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["The check passes, and the manifest waives it: *"])


def test_a_waived_check_that_does_not_apply_fails(pytester: pytest.Pytester) -> None:
    waivers = 'batch_answers_for_each_item = "not yet"'

    result = run(
        pytester, "LosesTheTrace", "-k", "batch", waivers=waivers, features="max_batch = 1"
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["The check does not apply, and the manifest waives it: *"])


def test_a_waiver_that_names_no_check_fails(pytester: pytest.Pytester) -> None:
    result = run(pytester, "LosesTheTrace", "-k", "waivers", waivers='no_such_check = "not yet"')

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["The manifest waives no_such_check: no check has this name."])


def test_what_does_not_apply_is_told_with_the_reason(pytester: pytest.Pytester) -> None:
    result = run(pytester, "LosesTheTrace", "-q", "-k", "batch", features="max_batch = 1")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["  batch_answers_for_each_item *not applicable: it takes no batches"]
    )


def test_an_adapter_of_which_nothing_arrives_is_asked_one_thing(pytester: pytest.Pytester) -> None:
    result = run(pytester, "TripsOverATrace")

    result.assert_outcomes(failed=1, skipped=len(checks()) - 1)
    result.stdout.fnmatch_lines(
        [
            "The sample * came to AttributeError (broken.py:* in send).",
            "  order_is_kept *not asked: first mend valid_sample_gets_a_reference",
        ]
    )


def test_a_broken_manifest_is_told_once_with_a_line_for_each_key(
    pytester: pytest.Pytester,
) -> None:
    result = run(pytester, "LosesTheTrace", more='colour = "red"\n', features="max_batch = 0")

    result.assert_outcomes(errors=1, skipped=len(checks()) - 1)
    result.stdout.fnmatch_lines(
        [
            "*manifest.toml: features.max_batch: *greater than or equal to 1",
            "*manifest.toml: colour: *not permitted",
        ]
    )
    result.stdout.no_fnmatch_line("*https://*")


def test_a_blocked_loop_ends_the_run_and_names_the_line(pytester: pytest.Pytester) -> None:
    result = run(pytester, Sleeps.__name__, "-k", "changes_nothing", stuck_s=1.0)

    assert result.ret == 1
    result.stderr.fnmatch_lines(
        ["check blocks the event loop at broken.py:*; *", "*broken.py*in check"]
    )


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        ("None", "The peer does not say what it cannot do: absent = *"),
        ("{Fault.CUT: ' '}", "The peer's absent gives no reason for cut."),
        ("{Fault.NONE: 'bad'}", "The peer's absent names none, which is no fault."),
    ],
)
def test_a_peer_says_why_it_lacks_a_fault(
    pytester: pytest.Pytester, absent: str, said: str
) -> None:
    result = run(pytester, "LosesTheTrace", "-k", "valid_sample", absent=absent)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


def test_the_reason_for_a_fault_that_is_absent_is_told(pytester: pytest.Pytester) -> None:
    absent = "{Fault.SILENT: 'it is a chatterbox'}"

    result = run(pytester, "LosesTheTrace", "-k", "silence", absent=absent)

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["  silence_is_unknown *not applicable: no silent: it is a chatterbox"]
    )


def test_a_peer_that_only_says_it_does_a_fault_is_found_out(pytester: pytest.Pytester) -> None:
    result = run(pytester, "LosesTheTrace", "-k", "cut_makes or deadline", peer=LazyPeer.__name__)

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "Whatever was sent was cut off (cut), and it came to a receipt.",
            "A receipt came after * s from a peer that is slow: *",
        ],
        consecutive=False,
    )


def test_what_leaks_in_a_fixture_s_context_is_seen(pytester: pytest.Pytester) -> None:
    result = run(pytester, "LeavesATask", "-k", "leaves_nothing")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["After close it left open: 1 task(s): sleep."])
