"""The contract kit's pytest plugin: waivers, what to do about a failed check, and a summary.

pytest loads it by its entry point wherever the gateway is installed, so it imports
nothing of the gateway until a contract test has run.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from functools import cache
from inspect import getdoc
from typing import Any, Final

import pytest

_PROPERTY: Final = "kakehashi_check"
_MARK: Final = "is_kakehashi_contract"

PASSED: Final = "passed"
FAILED: Final = "FAILED"
WAIVED: Final = "waived"
NOT_APPLICABLE: Final = "not applicable"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what became of a check into what its manifest's waivers make of it."""
    report = yield
    contract: Any = getattr(item, "cls", None)
    if not getattr(contract, _MARK, False) or call.when == "teardown":
        return report
    check = getattr(item, "originalname", item.name).removeprefix("test_")
    if call.when == "call":
        waiver = _waivers(contract).get(check)
        if waiver is not None:
            _waive(report, waiver)
    elif report.passed:
        return report
    if report.failed:
        report.sections.append(("what to do", getdoc(getattr(item, "obj", None)) or ""))
    spec = contract.adapter.spec
    adapter = f"{spec.name} {spec.version} ({contract.__name__})"
    report.user_properties.append((_PROPERTY, [adapter, check, *_state(report)]))
    return report


def _waive(report: pytest.TestReport, reason: str) -> None:
    """Excuse a failed check; a waiver that is not needed any more is a fault itself."""
    if report.failed:
        report.outcome = "skipped"
        report.wasxfail = reason
    else:
        does = "does not apply" if report.skipped else "passes"
        report.outcome = "failed"
        report.longrepr = (
            f"The check {does}, and the manifest waives it: take its line out of [waivers]."
        )


def _state(report: pytest.TestReport) -> tuple[str, str]:
    """Return what became of a check, and why."""
    if report.passed:
        return PASSED, ""
    if report.failed:
        return FAILED, ""
    if hasattr(report, "wasxfail"):
        return WAIVED, str(report.wasxfail)
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return NOT_APPLICABLE, why.removeprefix("Skipped: ")


@cache
def _waivers(contract: Any) -> Mapping[str, str]:
    """Return the waivers of a contract class's adapter."""
    from gateway.drivers.discovery import manifest_in  # noqa: PLC0415 - see the file's docstring

    return manifest_in(contract.home()).waivers


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write for each adapter what became of each check; in a quiet run, only what is special."""
    by_adapter: dict[str, list[tuple[str, str, str]]] = {}
    for adapter, check, state, why in _checked(terminalreporter):
        by_adapter.setdefault(adapter, []).append((check, state, why))
    if not by_adapter:
        return
    terminalreporter.section("contract of adapters")
    for adapter, checks in sorted(by_adapter.items()):
        counts = Counter(state for _, state, _ in checks)
        terminalreporter.write_line(
            f"{adapter}: " + ", ".join(f"{count} {state}" for state, count in counts.items())
        )
        for check, state, why in checks:
            if state != PASSED or terminalreporter.verbosity >= 0:
                terminalreporter.write_line(f"  {check:<40} {state}{': ' if why else ''}{why}")


def _checked(terminalreporter: pytest.TerminalReporter) -> Iterator[list[str]]:
    """Yield adapter, check, state and reason of every check that ran, here or in a worker."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == _PROPERTY:
                    yield value
