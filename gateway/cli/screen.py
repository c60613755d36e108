"""How answers are shown: one JSON document, or text for people."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from gateway.cli import words
from gateway.cli.invocation import Invocation

_COMMANDS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
"""What terminals obey (C0, DEL, C1: ECMA-48) or turn round (UAX #9): all but tab and new line."""


class Terminal(Console):
    """Where text for people goes: nothing that came from elsewhere commands it.

    An adapter's word about its core system, or a core system's reference, could rename the
    window, hide a line or answer a prompt.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        """Write to standard output, or error; names and codes are no markup and no emoji."""
        super().__init__(markup=False, emoji=False, highlight=False, stderr=stderr)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Yield what is written, with commands spelt out."""
        for segment in super().render(renderable, options):
            if segment.control or not _COMMANDS.search(segment.text):
                yield segment
            else:
                yield Segment(harmless(segment.text), segment.style)


def harmless(text: str) -> str:
    r"""Return ``text`` with what terminals obey spelt out: ``\u001b`` for an escape."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


Shown = Callable[[Console], None]


def show(invocation: Invocation, document: object, for_people: Shown) -> None:
    """Print ``document`` as JSON if that is asked for, and otherwise as people read it."""
    if invocation.json:
        print_json(document)
    else:
        # Names, codes and paths may look like markup or like a time; they are neither.
        for_people(Terminal())


def print_json(document: object) -> None:
    """Print one JSON document."""
    # As JSON itself spells them: the document stays the same.
    typer.echo(harmless(json.dumps(document, ensure_ascii=False, indent=2)))


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
