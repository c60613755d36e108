"""Read figures out of what a run found, and set them in tables."""

from statistics import median
from typing import Any

Found = dict[str, Any]


def kinds_of(found: Found, kind: str) -> list[str]:
    return [name for name in found["rounds"][0] if name.startswith(f"{kind}/")]


def values_of(found: Found, kind: str, name: str, figure: str) -> list[float]:
    return [each[kind][name][figure] for each in found["rounds"]]


def median_of(found: Found, kind: str, name: str, figure: str) -> float:
    return median(values_of(found, kind, name, figure))


def one_of(found: Found, kind: str, name: str, figure: str, places: int = 0) -> str:
    return f"{median_of(found, kind, name, figure):,.{places}f}"


def range_of(found: Found, kind: str, name: str, figure: str) -> str:
    values = values_of(found, kind, name, figure)
    return f"{median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def ratios_of(found: Found, kind: str, peer: str, figure: str) -> tuple[float, float, float]:
    values = [
        each[kind]["production"][figure] / each[kind][peer][figure] for each in found["rounds"]
    ]
    return median(values), min(values), max(values)


def ratio_of(found: Found, kind: str, peer: str, figure: str) -> str:
    middle, least, greatest = ratios_of(found, kind, peer, figure)
    return f"{middle:.2f} ({least:.2f}–{greatest:.2f})"


def table_of(columns: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
