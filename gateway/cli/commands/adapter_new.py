"""``kakehashi adapter new``: a package of its own that passes ``adapter test`` at once."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway.cli import logging, screen
from gateway.cli.adapter_folder import (
    NewAdapter,
    refuse_name,
    refuse_texts,
    sample_body,
    write_folder,
)
from gateway.cli.invocation import Invocation
from gateway.drivers import discovery
from gateway.schema.catalogue import shipped_schemas


def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in `adapter:` of a destination.")],
    *,
    title: Annotated[str | None, typer.Option(help="Title in English.")] = None,
    title_ja: Annotated[str | None, typer.Option(help="Title in Japanese.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    procedure: Annotated[
        str, typer.Option(help="Procedure of its first sample.")
    ] = "childcare/allowance-claim",
    into: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to write; default: ./NAME.")
    ] = None,
) -> None:
    """Write a new adapter: a package with an entry point, samples, a simulated core system, tests.

    Asks for titles and owner on a terminal; elsewhere, and with an empty answer, they are
    made of the name, and you.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    refuse_name(name, frozenset(manifest.name for manifest in discovery.available()))
    english = title or _asked(invocation, "Title in English", name)
    asked = NewAdapter(
        name=name,
        title=english,
        title_ja=title_ja or _asked(invocation, "Title in Japanese (日本語名)", f"{english} 連携"),
        owner=owner or _asked(invocation, "Who answers for it", _user()),
        procedure=procedure,
    )
    refuse_texts(asked)
    folder = into or Path(name)
    schemas = [shipped_schemas(), *invocation.settings().schemas.folders]
    files = write_folder(asked, sample_body(schemas, procedure), folder)
    document = {"folder": str(folder), "files": [str(file) for file in files]}
    screen.show(invocation, document, lambda console: _show(console, asked, folder, len(files)))


def _asked(invocation: Invocation, question: str, otherwise: str) -> str:
    if invocation.json or not sys.stdin.isatty():
        return otherwise
    return str(typer.prompt(question, default=otherwise))


def _user() -> str:
    """Return who runs this; containers have users without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _show(console: Console, new: NewAdapter, folder: Path, count: int) -> None:
    samples = folder / new.module / "samples"
    for line in (
        f"{folder}: {count} files, which pass the contract kit. Next:",
        f"  kakehashi adapter test {folder}    needs the extra kakehashi[testing]",
        f"  pip install -e {folder}    now kakehashi adapter list shows it",
        f"  kakehashi adapter run {new.name} --samples {samples} --dry-run",
        f"Then make it yours: {folder / new.module / 'mapping.py'} first, client.py second,",
        "tests/core.py beside them. docs/howto/write-an-adapter.md says how.",
    ):
        screen.plain(console, line)
