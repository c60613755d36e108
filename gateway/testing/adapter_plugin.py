"""The contract kit's pytest plugin: waivers, what to do about a failed check, and a summary.

pytest loads it by its entry point wherever the gateway is installed, so it imports
nothing of the gateway until a contract test has run.
"""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import cache, partial
from inspect import getdoc
from typing import Any, Final

import pytest

_PROPERTY: Final = "kakehashi_check"
_MARK: Final = "is_kakehashi_contract"

PASSED: Final = "passed"
FAILED: Final = "FAILED"
WAIVED: Final = "waived"
NOT_APPLICABLE: Final = "not applicable"
NOT_ASKED: Final = "not asked"

SAY: Final = pytest.StashKey[Callable[[str], None]]()
"""Writes to the terminal at once, past what captures it, for a run that is about to end."""

_FIRST_MEND: Final = "first mend "
_HOPELESS: Final = pytest.StashKey[set[Any]]()
"""Contracts whose first check failed."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep the terminal within reach: nothing is captured yet."""
    terminal = os.dup(2)
    config.add_cleanup(partial(os.close, terminal))

    def say(text: str) -> None:
        os.write(terminal, text.encode())

    config.stash[SAY] = say


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each contract begin with the check without which no other says anything."""
    places: dict[Any, int] = {}
    for at, item in enumerate(items):
        contract: Any = getattr(item, "cls", None)
        if getattr(contract, _MARK, False):
            first = places.setdefault(contract, at)
            if _check(item) == contract.first_check:
                items.insert(first, items.pop(at))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Ask nothing more of an adapter of which nothing arrives."""
    contract: Any = getattr(item, "cls", None)
    if contract in item.session.stash.get(_HOPELESS, ()):
        pytest.skip(_FIRST_MEND + contract.first_check)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what became of a check into what its manifest's waivers make of it."""
    report = yield
    contract: Any = getattr(item, "cls", None)
    if not getattr(contract, _MARK, False) or call.when == "teardown":
        return report
    check = _check(item)
    if call.when == "call":
        waiver = _waivers(contract).get(check)
        if waiver is not None:
            _waive(report, waiver)
        elif report.skipped:
            _ask_why(report, contract, check)
    elif report.passed:
        return report
    if report.failed and check == contract.first_check:
        item.session.stash.setdefault(_HOPELESS, set()).add(contract)
    if report.failed:
        report.sections.append(("what to do", getdoc(getattr(item, "obj", None)) or ""))
    spec = contract.adapter.spec
    adapter = f"{spec.name} {spec.version} ({contract.__name__})"
    report.user_properties.append((_PROPERTY, [adapter, check, *_state(report)]))
    return report


def _check(item: pytest.Item) -> str:
    """Return the name of the check that a test is."""
    return str(getattr(item, "originalname", item.name)).removeprefix("test_")


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


def _ask_why(report: pytest.TestReport, contract: Any, check: str) -> None:
    """Fail a check that does not apply if a rule said to be done rests on it, and none says why."""
    from gateway.drivers.discovery import manifest_in  # noqa: PLC0415 - see the file's docstring
    from gateway.testing.adapter_rules import unexcused  # noqa: PLC0415 - as above

    rules = unexcused(check, manifest_in(contract.home()).quality)
    if rules:
        _, why = _state(report)
        report.outcome = "failed"
        report.longrepr = (
            f"The check does not apply, as {why}, and the manifest says that {', '.join(rules)} "
            f"is done: give the peer what it lacks, or say under [quality.not_applicable] why "
            "it cannot be asked."
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
    why = why.removeprefix("Skipped: ")
    return (NOT_ASKED if why.startswith(_FIRST_MEND) else NOT_APPLICABLE), why


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
