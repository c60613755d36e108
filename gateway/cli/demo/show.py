"""How the demo looks on a terminal of 80 columns, or in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.demo.applications import Sample

_REFERENCE_CELLS: Final = 24
"""Enough for a 整理番号; a file's name is longer, and its end tells one from another."""


def shortened(text: str, cells: int) -> str:
    """Return the end of ``text`` that fits into so many cells of a terminal."""
    if cell_len(text) <= cells:
        return text
    end = text
    while cell_len(end) > cells - 1:
        end = end[1:]
    return f"…{end}"


@dataclass(slots=True)
class Tally:
    """What the demo counts.

    Attributes:
        accepted: Idempotency of the run: application id to sample, of every 202.
        refused: Sample and problem of every refusal.
        arrived: Destination to the keys that arrived there, doubles included.
        feedback: Feedback lines that came back, by application id.
        came_from: The destinations that they came from.
    """

    accepted: dict[str, Sample] = field(default_factory=dict)
    refused: list[tuple[Sample, Mapping[str, object]]] = field(default_factory=list)
    arrived: dict[str, list[str]] = field(default_factory=dict)
    feedback: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)
    came_from: set[str] = field(default_factory=set)


class Screen:
    """Prints the flow line by line, and the summary at the end."""

    def __init__(self, console: Console) -> None:
        """Print on ``console``."""
        self._console = console

    def heading(self, text: str) -> None:
        """Begin a new part."""
        self._console.print()
        self._console.rule(f"[bold]{text}", align="left", style="dim")

    def line(self, text: str) -> None:
        """Print one line, as it is."""
        self._console.print(text, highlight=False)

    def sent(self, sample: Sample, status: int, what: str) -> None:
        """Show what the front door answered."""
        style = "green" if status == 202 else "red"  # noqa: PLR2004 - HTTP status
        self._step("POST", style, f"{sample.receipt_number:<16} {status} {what}")

    def arrived(self, sample: Sample, destination: str, reference: str) -> None:
        """Show that a core system has an application."""
        shown = shortened(reference, _REFERENCE_CELLS)
        self._step("→", "cyan", f"{sample.receipt_number:<16} {destination:<11} {shown}")

    def came_back(self, sample: Sample, feedback: Mapping[str, object]) -> None:
        """Show a status that came back."""
        words = f"{feedback['status_ja']} {feedback['code'] or ''}".strip()
        self._step("←", "magenta", f"{sample.receipt_number:<16} {words}")

    def _step(self, mark: str, style: str, text: str) -> None:
        line = Text.assemble((f"{mark:>4}", style), " ", text)
        line.truncate(self._console.width, overflow="ellipsis")
        self._console.print(line, highlight=False, soft_wrap=True)

    def destinations(self, rows: Sequence[tuple[str, str, int, int, int]]) -> None:
        """Show what arrived where."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("destination")
        table.add_column("takes")
        for name in ("accepted", "arrived", "doubled"):
            table.add_column(name, justify="right")
        for destination, takes, *counts in rows:
            table.add_row(destination, takes, *(str(count) for count in counts))
        self._console.print(table)

    def record(self, record: Mapping[str, object]) -> None:
        """Show a CSV record as its reader sees it."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("column")
        table.add_column("value", overflow="fold")
        for name, value in record.items():
            table.add_row(name, str(value))
        self._console.print(table)

    def refusal(self, sample: Sample, problem: Mapping[str, object]) -> None:
        """Show a refusal in words."""
        self.line(
            f"[bold]{sample.receipt_number}[/] {sample.title}\n"
            f"  {problem['status']} {problem['code']}: {problem.get('detail') or problem['title']}"
        )
        errors = problem.get("errors")
        for error in errors if isinstance(errors, list) else []:
            self.line(f"  - {error['pointer']}\n    {error['detail']} ({error['code']})")

    def verdict(self, checks: Sequence[tuple[bool, str]]) -> None:
        """Show what must hold for the demo to have worked."""
        for holds, what in checks:
            mark = "[green]✓[/]" if holds else "[red]✗[/]"
            self.line(f" {mark} {what}")
