"""``kakehashi adapter test``: the contract kit over a folder."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.cli.failures import CommandError, ExitCode

_NO_WARNING: Final = ("-W", "ignore:The configuration option")
"""Of pytest-asyncio, to whoever has not configured it: it says nothing of the adapter."""

_RECORD: Final = ("-p", "gateway.testing.contract_record", "--kakehashi-contract-record")
_NEEDED: Final = ("pytest", "pytest_asyncio")

_NOTHING_COLLECTED: Final = 5
"""pytest's exit code for it (``pytest.ExitCode.NO_TESTS_COLLECTED``)."""


def run_kit(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", exists=True, help="An adapter's folder or tests.")
    ],
    pytest_arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- PYTEST]...", help="What pytest is told besides."),
    ] = None,
) -> None:
    """Run an adapter's tests with the contract kit, by pytest, in a process of its own.

    Needs the extra "testing". Exits with 0 only if a contract ran whole and no test failed: what
    was left out by `-k` is not proved.
    """
    require_kit()
    sources = path.rglob("*.py") if path.is_dir() else iter([path] * (path.suffix == ".py"))
    if next(sources, None) is None:
        raise CommandError(f"{path}: no tests in it", ExitCode.USAGE, "An adapter's folder has.")
    with tempfile.TemporaryDirectory(prefix="kakehashi-adapter-") as folder:
        record = Path(folder) / "contracts.json"
        command = [sys.executable, *_NO_WARNING, "-m", "pytest", *_RECORD, str(record)]
        # Its own process: pytest imports the adapter anew, and may end however it likes.
        done = subprocess.run([*command, *(pytest_arguments or ()), str(path)], check=False)  # noqa: S603 - the user's own arguments
        ran: dict[str, Any] = json.loads(record.read_bytes()) if record.exists() else {}
    if done.returncode == _NOTHING_COLLECTED:
        raise CommandError(f"{path}: no tests in it", ExitCode.USAGE)
    if done.returncode:
        raise typer.Exit(ExitCode.NOT_WELL)
    _require_whole(path, ran)


def require_kit() -> None:
    """Refuse to go on without what the contract kit needs.

    Raises:
        CommandError: Some of it is not installed.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CommandError(
            f"{', '.join(missing)}: not installed",
            ExitCode.USAGE,
            "The contract kit is the extra kakehashi[testing]: pip install '.[testing]' in the "
            "gateway's checkout, or pip install 'FILE.whl[testing]' with its wheel.",
        )


def _require_whole(path: Path, ran: dict[str, Any]) -> None:
    """Refuse to call an adapter tested of which the contract asked nothing, or not all.

    Raises:
        CommandError: No contract ran whole.
    """
    if not ran:
        raise CommandError(
            f"{path}: no AdapterContract in it: nothing that an adapter owes was asked",
            ExitCode.NOT_WELL,
            "pytest finds it as class TestNAME(AdapterContract) in a file test_NAME.py.",
        )
    if all(contract["missing"] for contract in ran.values()):
        raise CommandError(
            "\n".join(
                f"{name}: only {contract['ran']} of {contract['ran'] + len(contract['missing'])} "
                "checks of the contract ran"
                for name, contract in ran.items()
            ),
            ExitCode.NOT_WELL,
            "Run it whole, without -k and the like, before you call the adapter tested.",
        )
