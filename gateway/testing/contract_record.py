"""A pytest plugin that writes down which contracts ran, and which of their checks did not.

A run that asked nothing of the adapter passes as well as one that asked everything, so
``kakehashi adapter test`` loads it and reads what it wrote.
"""

import json
from pathlib import Path
from typing import Final

import pytest

OPTION: Final = "--kakehashi-contract-record"

_CHECKED: Final = "kakehashi_check"
"""What ``adapter_plugin`` calls its note of a check on a report: contract, check, state, why."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask for the file to write."""
    parser.addoption(OPTION, dest="kakehashi_contract_record", help="JSON: contract to checks.")


def pytest_configure(config: pytest.Config) -> None:
    """Take notes where a file is named."""
    path = config.getoption("kakehashi_contract_record")
    if path:
        config.pluginmanager.register(_Record(Path(path)))


class _Record:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._ran: dict[str, set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a check that ran, here or in a worker."""
        for name, value in report.user_properties:
            if name == _CHECKED:
                contract, check = list(value)[:2]  # type: ignore[call-overload]
                self._ran.setdefault(contract, set()).add(check)

    def pytest_sessionfinish(self) -> None:
        """Write for each contract how many checks ran, and which did not."""
        if not self._ran:
            return
        from gateway.testing.adapter_kit.contract import checks  # noqa: PLC0415 - only if used

        all_checks = checks()
        document = {
            contract: {
                "ran": len(ran),
                "missing": [check for check in all_checks if check not in ran],
            }
            for contract, ran in self._ran.items()
        }
        self._path.write_text(json.dumps(document), encoding="utf-8")
