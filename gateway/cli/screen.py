"""How answers are shown: one JSON document, or text for people."""

import json
from collections.abc import Callable, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli import words
from gateway.cli.invocation import Invocation

Shown = Callable[[Console], None]


def show(invocation: Invocation, document: object, for_people: Shown) -> None:
    """Print ``document`` as JSON if that is asked for, and otherwise as people read it."""
    if invocation.json:
        print_json(document)
    else:
        # Names, codes and paths may look like markup or like a time; they are neither.
        for_people(Console(markup=False, emoji=False, highlight=False))


def print_json(document: object) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def table(*headers: str) -> Table:
    """Return a table without lines, whose cells are folded and never cut."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        made.add_column(header, overflow="fold")
    return made


def fields(rows: Sequence[tuple[str, object]]) -> Table:
    """Return names and values, one a line, without what has no value."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        if value not in (None, ""):
            made.add_row(name, value if isinstance(value, Text) else str(value))
    return made


def state(name: str) -> Text:
    """Return a state's word in its colour."""
    return Text(words.state(name), style=words.STYLES.get(name, ""))


def plain(console: Console, text: str) -> None:
    """Print a line as it is, however long: for what will be copied."""
    console.print(text, soft_wrap=True)
