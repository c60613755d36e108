"""The report as one page of HTML that loads nothing: no script, no font, no image."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from gateway.audit.report.words import ACTIONS, TEXT
from gateway.domain.entry import Action

MOST_ROWS: Final = 100
"""How many a table of who did what names; whoever comes behind them is counted together."""

Figures = Mapping[str, Any]
Language = Literal["ja", "en"]

_JAPAN: Final = ZoneInfo("Asia/Tokyo")

_STYLE: Final = """
@page{size:A4;margin:18mm 16mm}
:root{color-scheme:light}
*{box-sizing:border-box}
body{font:10.5pt/1.55 "Noto Sans CJK JP","Noto Sans JP","Hiragino Sans","Yu Gothic",Meiryo,
system-ui,sans-serif;color:#16202c;background:#fff;max-width:178mm;margin:12mm auto;padding:0 5mm}
h1{font-size:20pt;line-height:1.3;margin:0 0 4mm;border-bottom:2.5pt solid #16202c;
padding-bottom:3mm}
h2{font-size:12.5pt;margin:9mm 0 2.5mm;break-after:avoid}
p{margin:0 0 2.5mm}
table{border-collapse:collapse;width:100%;font-size:9pt;line-height:1.45}
thead{display:table-header-group}
tr{break-inside:avoid}
th{text-align:start;font-weight:600;color:#44515f;border-bottom:1pt solid #8a97a5}
th,td{padding:1.3mm 4mm 1.3mm 0;vertical-align:top;overflow-wrap:break-word}
td code{overflow-wrap:anywhere}
td{border-bottom:.5pt solid #d5dce3}
.n{text-align:end;font-variant-numeric:tabular-nums;white-space:nowrap;padding-right:0;width:1%;
padding-left:3mm}
.n:not(:last-child){padding-right:6mm}
.t{white-space:nowrap;font-variant-numeric:tabular-nums;width:1%}
tfoot td{font-weight:600;border-bottom:0;border-top:1pt solid #8a97a5}
dl{display:grid;grid-template-columns:max-content 1fr;gap:1.2mm 6mm;margin:0}
dt{color:#44515f}dd{margin:0;overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,"DejaVu Sans Mono","Noto Sans Mono CJK JP",monospace;
font-size:8.5pt}
pre{margin:2.5mm 0;padding:3mm;background:#f2f5f8;white-space:pre-wrap;overflow-wrap:anywhere}
.verdict{border-left:4pt solid;padding:2.5mm 4mm;margin:0 0 3mm;font-weight:600}
.well{border-color:#1c7c43;background:#eaf6ee}.ill{border-color:#b3261e;background:#fcebea}
.note{color:#44515f;font-size:9pt}
@media print{body{margin:0;padding:0;max-width:none}.verdict,pre{print-color-adjust:exact}}
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What a page is made of.

    Attributes:
        figures: What ``audit.report`` returned.
        verified: What ``audit.verify`` returned.
        made_at: Aware.
    """

    figures: Figures
    verified: Figures
    made_at: datetime


def page(report: Report, language: Language) -> str:
    """Return the page."""
    return _Page(report, language).text()


class _Page:
    def __init__(self, report: Report, language: Language) -> None:
        self._report = report
        self._figures = report.figures
        self._verified = report.verified
        self._language = language

    def text(self) -> str:
        title = self._say("title")
        return "".join(
            [
                f'<!doctype html><html lang="{self._language}"><meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width">',
                f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>",
                *self._about(),
                *self._verification(),
                *self._volumes(),
                *self._rows("denials", "action", "code", "actor"),
                *self._rows("openings", "destination", "worker", note="openings_note"),
                *self._rows("decisions", "actor", "action"),
                *self._rows("reads", "actor", "purpose"),
                *self._events("keys"),
                *self._events("changes"),
                *self._clocks(),
                *self._actions(),
                "</html>\n",
            ]
        )

    def _about(self) -> Iterator[str]:
        log, period = self._figures["log"], self._figures["period"]
        to = f"{_moment(period['since'])} – {_moment(period['until'])} JST"
        rows = [
            ("period", f"{to} {self._say('until')}"),
            ("municipality", escape(period["municipality"] or self._say("all"))),
            ("counted", _number(self._figures["entries"])),
            ("log", f"<code>{escape(log['origin'])}</code>"),
            ("size", _number(log["size"])),
            ("root", f"<code>{escape(log['root'])}</code>"),
            ("made_at", f"{_moment(self._report.made_at.isoformat())} JST"),
        ]
        yield "<dl>"
        for name, value in rows:
            yield f"<dt>{self._say(name)}<dd>{value}"
        yield "</dl>"
        if unreadable := self._figures["unreadable"]:
            yield f'<p class="verdict ill">{self._say("unreadable").format(unreadable)}'

    def _verification(self) -> Iterator[str]:
        found, is_well = self._verified, self._verified["ok"]
        yield self._heading("verification")
        verdict, style = ("whole", "well") if is_well else ("broken", "ill")
        yield f'<p class="verdict {style}">{self._say(verdict)}'
        yield f"<dl><dt>{self._say('verified')}<dd>{_number(found['entries'])}"
        yield f"<dt>{self._say('matched')}<dd>{_number(found['matched'])}"
        if found["first_bad_index"] is not None:
            yield f"<dt>{self._say('first_bad')}<dd>{_number(found['first_bad_index'])}"
        yield "</dl>"
        if found["failures"]:
            rows = [(_place(each), escape(each["problem"])) for each in found["failures"]]
            yield from self._table(("place", "problem"), rows)
        yield f"<pre>{escape(self._figures['log']['checkpoint'])}</pre>"
        yield f'<p class="note">{self._say("own_keys")}'

    def _volumes(self) -> Iterator[str]:
        rows = self._figures["volumes"]
        yield self._heading("volumes")
        cells = [
            (row["day"], f"<code>{escape(row['procedure'])}</code>", _number(row["count"]))
            for row in rows
        ]
        yield from self._table(("day", "procedure", "count"), cells, total=_total(rows))
        yield self._heading("outcomes")
        columns = (
            Action.DELIVERY_DELIVERED,
            Action.DELIVERY_PARKED,
            Action.DELIVERY_IN_DOUBT,
            Action.APPLICATION_REFUSED,
        )
        counted = {(row["day"], row["action"]): row["count"] for row in self._figures["outcomes"]}
        days = sorted({day for day, _ in counted})
        yield from self._table(
            ("day", *columns),
            [(day, *(_number(counted.get((day, each), 0)) for each in columns)) for day in days],
        )

    def _rows(self, section: str, *names: str, note: str | None = None) -> Iterator[str]:
        rows = self._figures[section]
        yield self._heading(section)
        if note is not None:
            yield f'<p class="note">{self._say(note)}'
        # The most frequent first: that is what a reader looks for.
        ordered = sorted(rows, key=lambda row: -row["count"])
        cells = [
            (*(self._cell(name, row[name]) for name in names), _number(row["count"]))
            for row in ordered[:MOST_ROWS]
        ]
        if others := ordered[MOST_ROWS:]:
            told = self._say("others").format(_number(len(others)))
            cells.append((told, *("" for _ in names[1:]), _number(_total(others))))
        yield from self._table((*names, "count"), cells, total=_total(rows))

    def _events(self, section: str) -> Iterator[str]:
        yield self._heading(section)
        rows = [
            (
                _moment(event["at"]),
                _number(event["index"]),
                self._cell("action", event["action"]),
                escape(event["actor"]),
                _facts(event["facts"]),
            )
            for event in self._figures[section]
        ]
        yield from self._table(("at", "index", "action", "actor", "facts"), rows)
        if more := self._figures["untold"].get(section):
            yield f'<p class="note">{self._say("untold").format(_number(more))}'

    def _clocks(self) -> Iterator[str]:
        yield self._heading("clocks")
        names = ("observed", "most_moved_ms", "unsynchronised")
        rows = [
            (f"<code>{escape(row['node'])}</code>", *(_number(row[name]) for name in names))
            for row in self._figures["clocks"]
        ]
        yield from self._table(("node", *names), rows)
        yield from self._events("jumps")

    def _actions(self) -> Iterator[str]:
        yield self._heading("actions")
        actions = self._figures["actions"].items()
        rows = [(self._cell("action", name), _number(count)) for name, count in actions]
        yield from self._table(("action", "count"), rows)

    def _table(
        self,
        headers: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        total: int | None = None,
    ) -> Iterator[str]:
        styles = [
            _CELLS.get(name, _CELLS["count"] if name in set(Action) else "") for name in headers
        ]
        body = [
            "<tr>" + "".join(f"<td{style}>{cell}" for style, cell in zip(styles, row, strict=True))
            for row in rows
        ]
        if not body:
            yield f"<p>{self._say('none')}"
            return
        yield "<table><thead><tr>"
        for style, name in zip(styles, headers, strict=True):
            yield f"<th{style}>{self._say(name)}"
        yield "<tbody>"
        yield from body
        if total is not None and len(body) > 1:
            span = len(headers) - 1
            yield f'<tfoot><tr><td colspan="{span}">{self._say("total")}'
            yield f'<td class="n">{_number(total)}'
        yield "</table>"

    def _cell(self, name: str, value: str) -> str:
        if name == "action":
            return f"{escape(self._pair(ACTIONS.get(value, (value, value))))}"
        return f"<code>{escape(value)}</code>" if name != "actor" else escape(value)

    def _heading(self, section: str) -> str:
        return f"<h2>{self._say(section)}</h2>"

    def _say(self, name: str) -> str:
        return escape(self._pair(TEXT[name] if name in TEXT else ACTIONS[name]))

    def _pair(self, pair: tuple[str, str]) -> str:
        return pair[self._language == "en"]


_CELLS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("count", "index", "observed", "most_moved_ms", "unsynchronised"), ' class="n"'
    ),
    **dict.fromkeys(("day", "at"), ' class="t"'),
}
"""How a column is set: numbers at the end, times on one line."""


def _total(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(row["count"] for row in rows)


def _number(value: int) -> str:
    return f"{value:,}"


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(_JAPAN).strftime("%Y-%m-%d %H:%M:%S")


def _place(fault: Mapping[str, Any]) -> str:
    if fault["index"] is not None:
        return _number(fault["index"])
    return escape(f"{fault['node']} {fault['nseq']}") if fault["node"] else "–"


def _facts(facts: Mapping[str, object]) -> str:
    return "<br>".join(
        f"<code>{escape(name)}={escape(str(value))}</code>" for name, value in facts.items()
    )
