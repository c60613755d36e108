"""The page of everything that the audit log can say."""

from gateway.audit import chain
from gateway.domain.entry import Action, ActorKind
from gateway.domain.entry_schema import CARRIED, VERSIONS, Carries
from reference.source import GENERATED, member_docs, table

_INTRODUCTION = """# Audit events

Every entry is written in the same transaction as the step it describes: no entry, no step.
An entry names what happened, when (UTC, milliseconds), who did it, and which municipality,
application and delivery it concerns. It never holds a value that a resident entered. Words of
persons and of core systems stand in `detail`, encrypted under a key that is made for this
one detail; `kakehashi audit shred` destroys the keys of an application.

## An entry's bytes

"""


def page() -> str:
    """Return the whole page."""
    return "".join(
        [
            GENERATED.format(
                source="`gateway/domain/entry.py`, `gateway/domain/entry_schema.py` and "
                "`gateway/audit/chain.py`"
            ),
            _INTRODUCTION,
            _bytes(),
            "\n## Versions\n\n",
            table(["`v`", "what it is"], [[str(v), text] for v, text in VERSIONS.items()]),
            "\n## Actions\n\n",
            table(
                ["action", "what happened"],
                [[f"[`{action}`](#{_anchor(action)})", text] for action, text in _docs(Action)],
            ),
            "\n## Who acts\n\n",
            table(["kind", "who"], [[f"`{kind}`", text] for kind, text in _docs(ActorKind)]),
            "\n## Facts\n\n",
            "A fact is a string, an integer, a boolean or null. *Perhaps*: not in every entry.\n",
            *(_carried(action, carries) for action, carries in CARRIED.items()),
        ]
    )


def _docs(enum: type[Action] | type[ActorKind]) -> list[tuple[str, str]]:
    return list(member_docs(enum).items())


def _bytes() -> str:
    """Return what ``audit.chain`` says of an entry, its table as it stands there."""
    text = (chain.__doc__ or "").partition("\n\n")[2].rpartition("``audit.verify``")[0].strip()
    head, _, rest = text.partition("\n\n")
    ruled, _, behind = rest.partition("\n\n")
    return f"{_code(head)}\n\n```text\n{ruled}\n```\n\n{_code(behind)}\n"


def _code(text: str) -> str:
    return text.replace("``", "`")


def _anchor(action: str) -> str:
    return action.replace(".", "")


def _carried(action: Action, carries: Carries) -> str:
    rows = [
        *([f"`{name}`", text] for name, text in carries.facts.items()),
        *([f"`{name}`", f"*Perhaps:* {text}"] for name, text in carries.sometimes.items()),
        *([f"detail `{name}`", text] for name, text in carries.words.items()),
    ]
    return f"\n### {action}\n\n" + (table(["fact", "what it says"], rows) if rows else "None.\n")
