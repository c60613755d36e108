"""The page of everything that the audit log can say."""

from gateway.domain.entry import Action, ActorKind
from reference.source import GENERATED, member_docs, table

_INTRODUCTION = """# Audit events

Every entry is written in the same transaction as the step it describes: no entry, no step.
An entry names what happened, when (UTC, milliseconds), who did it, and which municipality,
application and delivery it concerns. It never holds a value that a resident entered.

"""


def page() -> str:
    """Return the whole page."""
    return (
        GENERATED.format(source="`gateway/domain/entry.py`")
        + _INTRODUCTION
        + table(
            ["action", "what happened"],
            [[f"`{action}`", text] for action, text in member_docs(Action).items()],
        )
        + "\n## Who acts\n\n"
        + table(
            ["kind", "who"],
            [[f"`{kind}`", text] for kind, text in member_docs(ActorKind).items()],
        )
    )
