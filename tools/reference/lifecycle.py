"""The page of the delivery's states, from the one table that the services apply."""

from collections import defaultdict

from gateway.domain.lifecycle import FINAL, NEEDS_A_PERSON, TRANSITIONS, Event, State
from reference.source import GENERATED, member_docs, table

_FROM_ANYWHERE = (Event.DELIVERED, Event.CANCELLED)

# The table is partly made from sets, whose order changes from run to run.
_ORDERED = sorted(
    ((at, event, to) for (at, event), to in TRANSITIONS.items()),
    key=lambda row: (list(State).index(row[0]), list(Event).index(row[1])),
)

_INTRODUCTION = """# The life of a delivery

One application goes to one or more destinations; each of these ways is a delivery, and a
delivery is in exactly one of these states. A pair of state and event that is not in the table
cannot happen: the step that asks for it is rolled back with its audit entry.

"""


def page() -> str:
    """Return the whole page."""
    return "\n".join(
        [
            GENERATED.format(source="`gateway/domain/lifecycle.py`") + _INTRODUCTION + _diagram(),
            "Two events are left out of the drawing, but for the usual end: `delivered` leads from",
            "every other state to `delivered`, even from `cancelled` (flagged), because it is what",
            "happened; `cancelled` leads from every state that is not final to `cancelled`.\n",
            "## States\n",
            _states(),
            "## Events\n",
            _events(),
            "## Every transition\n",
            _transitions(),
        ]
    )


def _diagram() -> str:
    arrows: dict[tuple[State, State], list[str]] = defaultdict(list)
    for state, event, target in _ORDERED:
        if event not in _FROM_ANYWHERE or (state is State.SENDING and event is Event.DELIVERED):
            arrows[state, target].append(event.value)
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> pending"]
    lines += [f"    {a} --> {b}: {', '.join(events)}" for (a, b), events in arrows.items()]
    lines += [f"    {state} --> [*]" for state in State if state in FINAL]
    return "\n".join([*lines, "```\n"])


def _states() -> str:
    return table(
        ["state", "final", "waits for a person", "can go on to"],
        [
            [
                f"`{state}`",
                "yes" if state in FINAL else "",
                "yes" if state in NEEDS_A_PERSON else "",
                ", ".join(
                    f"`{target}`"
                    for target in State
                    if any(
                        to is target and at is state and to is not state for at, _, to in _ORDERED
                    )
                ),
            ]
            for state in State
        ],
    )


def _events() -> str:
    return table(
        ["event", "what happened"],
        [[f"`{event}`", text] for event, text in member_docs(Event).items()],
    )


def _transitions() -> str:
    return table(
        ["state", "event", "next state"],
        [[f"`{at}`", f"`{event}`", f"`{to}`"] for at, event, to in _ORDERED],
    )
