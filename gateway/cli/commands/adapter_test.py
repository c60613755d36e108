"""``kakehashi adapter test``: the contract kit over a folder."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.failures import CommandError, ExitCode

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

    Needs the extra "testing". Exits with 0 only if at least one test ran and none failed.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CommandError(
            f"{', '.join(missing)}: not installed",
            ExitCode.USAGE,
            "The contract kit is an extra: pip install 'kakehashi[testing]'",
        )
    command = [sys.executable, "-m", "pytest", *(pytest_arguments or ()), str(path)]
    # Its own process: pytest imports the adapter anew, and may end however it likes.
    done = subprocess.run(command, check=False)  # noqa: S603 - the user's own arguments
    if done.returncode == _NOTHING_COLLECTED:
        raise CommandError(f"{path}: no tests in it", ExitCode.USAGE)
    if done.returncode:
        raise typer.Exit(ExitCode.NOT_WELL)
