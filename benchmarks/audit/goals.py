"""Which of the goals for the audit log are reached."""

from typing import Any, Final

from benchmarks.figures import Found, table_of

GOAL_APPEND_PER_S: Final = 15_000
GOAL_APPEND_P99_MS: Final = 10.0
GOAL_CALLERS: Final = "32"
GOAL_VERIFY_PER_S: Final = 200_000
GOAL_SEARCH_MS: Final = 100.0
GOAL_DELAY_MS: Final = 200.0
GOAL_PROOF_BYTES: Final = 1_200
GOAL_PROOF_BUILT_MS: Final = 5.0
GOAL_PROOF_VERIFIED_US: Final = 1_000
LABELS: Final = {"embedded": "SQLite", "production": "PostgreSQL"}


def goals(figures: Found) -> str:
    """Return the section that says so."""
    rows = [
        *(_append_goal(footing, each) for footing, each in figures["append"].items()),
        *(
            row
            for footing, each in figures["append"].items()
            for row in _delay_goals(footing, each)
        ),
        *(_proof_goal(footing, each["proof"]) for footing, each in readings_of(figures)),
        *(
            _row_of_goal(
                f"entries verified/s of one core, {name}",
                f"≥ {GOAL_VERIFY_PER_S:,}",
                f"{rate:,.0f}",
                reached=rate >= GOAL_VERIFY_PER_S,
            )
            for name, rate in _verified_rates(figures)
        ),
        *(_search_goal(footing, each) for footing, each in readings_of(figures)),
    ]
    return f"""
## Goals

{table_of(["what", "goal", "measured", ""], rows)}

{_words(rows)}
"""


def _words(rows: list[list[str]]) -> str:
    missed = sum("not" in row[-1] for row in rows)
    if not missed:
        return "All of them are reached."
    return (
        f"{missed} of {len(rows)} are not reached. They stay goals: no promise of the log is "
        "weakened\nfor a figure. The tables below say where the time goes."
    )


def _row_of_goal(what: str, goal: str, measured: str, *, reached: bool) -> list[str]:
    return [what, goal, measured, "reached" if reached else "**not reached**"]


def _append_goal(footing: str, figures: Found) -> list[str]:
    each = figures[GOAL_CALLERS]
    rate, p99 = each["recorded_per_s"], each["p99_ms"]
    return _row_of_goal(
        f"append, {GOAL_CALLERS} writers, {LABELS[footing]}",
        f"≥ {GOAL_APPEND_PER_S:,} entries/s, p99 ≤ {GOAL_APPEND_P99_MS:.0f} ms",
        f"{rate:,.0f} entries/s, p99 {p99:.1f} ms",
        reached=rate >= GOAL_APPEND_PER_S and p99 <= GOAL_APPEND_P99_MS,
    )


def _delay_goals(footing: str, figures: Found) -> list[list[str]]:
    delays = {
        "idle": figures["idle"],
        f"{GOAL_CALLERS} writers": figures[GOAL_CALLERS]["delay"],
    }
    return [
        _row_of_goal(
            f"entry → checkpoint, the worst, {load}, {LABELS[footing]}",
            f"≤ {GOAL_DELAY_MS:.0f} ms",
            f"{delay['max_ms']:.0f} ms",
            reached=delay["max_ms"] <= GOAL_DELAY_MS,
        )
        for load, delay in delays.items()
    ]


def _proof_goal(footing: str, proof: Found) -> list[str]:
    return _row_of_goal(
        f"proof: size, building (p95), verifying, {LABELS[footing]}",
        f"≤ {GOAL_PROOF_BYTES:,} bytes, {GOAL_PROOF_BUILT_MS:.0f} ms, "
        f"{GOAL_PROOF_VERIFIED_US / 1000:.0f} ms",
        f"{proof['most_bytes']:,} bytes, {proof['p95_ms']:.1f} ms, "
        f"{proof['verify_us'] / 1000:.2f} ms",
        reached=proof["most_bytes"] <= GOAL_PROOF_BYTES
        and proof["p95_ms"] <= GOAL_PROOF_BUILT_MS
        and proof["verify_us"] <= GOAL_PROOF_VERIFIED_US,
    )


def _search_goal(footing: str, reading: Found) -> list[str]:
    worst, name = max((each["p95_ms"], name) for name, each in reading["search"].items())
    return _row_of_goal(
        f"search, the slowest p95, {LABELS[footing]}",
        f"≤ {GOAL_SEARCH_MS:.0f} ms",
        f"{worst:.1f} ms ({name})",
        reached=worst <= GOAL_SEARCH_MS,
    )


def readings_of(figures: Found) -> list[tuple[str, Any]]:
    """Return what was found in each whole journal."""
    return [(name, figures["reading"][name]) for name in LABELS if name in figures["reading"]]


def _verified_rates(figures: Found) -> list[tuple[str, float]]:
    memory = figures["verification"]
    return [
        ("chains alone", memory["chains_per_s"]),
        ("chains, tree and completeness", memory["whole_per_s"]),
        ("export, `verify.py`", memory["standalone_per_s"]),
        *(
            (f"whole journal, {LABELS[footing]}", reading["verified"]["per_cpu_s"])
            for footing, reading in readings_of(figures)
        ),
    ]
