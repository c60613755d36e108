"""``kakehashi adapter release``: keep what a version accepts as its configuration."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import logging, screen
from gateway.cli.commands.adapter_test import require_kit
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.drivers.discovery import MANIFEST_NAME


def release(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", exists=True, file_okay=False, help="Its folder.")
    ],
) -> None:
    """Write what an adapter's present version accepts into its folder, for the kit to compare.

    The adapter must be installed from there (pip install -e). Commit what is written: the next
    version must still accept it.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    require_kit()
    from gateway.testing.adapter_kit.released import release as keep  # noqa: PLC0415 - an extra

    written = [str(file) for file in keep(_package(path))]
    document = {"files": written}
    screen.show(invocation, document, lambda console: screen.plain(console, "\n".join(written)))


def _package(path: Path) -> Path:
    """Return the folder of the package in an adapter's folder: it has the manifest.

    Raises:
        CommandError: None has, or several.
    """
    found = [path] if (path / MANIFEST_NAME).exists() else []
    found = found or [one.parent for one in sorted(path.glob(f"*/{MANIFEST_NAME}"))]
    if len(found) != 1:
        wrong = "no" if not found else "more than one"
        raise CommandError(f"{path}: {wrong} {MANIFEST_NAME} in it", ExitCode.USAGE)
    return found[0]
