"""What a request may say: a model of an operation's own parameters, strict and described.

A parameter's type comes from the operation; what is narrower at the door, and what it means
in words, from ``MEANINGS`` here, by its name, which means the same in every operation.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from dataclasses import Field as DataclassField
from functools import cache
from typing import Annotated, Any, Final, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

MAX_INTEGER: Final = 2**53 - 1
"""The largest that every JSON reader keeps exact (RFC 7493, 2.2)."""
LARGEST_PAGE: Final = 500
_MOST_WORDS: Final = 100

Text = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""One line; a database may refuse control characters."""
Whole = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
_PLAIN: Final[Mapping[object, object]] = {
    str: Text,
    str | None: Text | None,
    int: Whole,
    int | None: Whole | None,
    tuple[str, ...]: Annotated[tuple[Text, ...], Field(max_length=_MOST_WORDS)],
}
"""A type of an operation's parameter to what the door takes for it."""

_Password = Annotated[str, Field(max_length=1024)]
"""What may be one, its operation says."""

NARROWER: Final[Mapping[str, object]] = {
    "current": _Password,
    "password": _Password,
    "deliveries": Annotated[tuple[Text, ...], Field(min_length=1, max_length=LARGEST_PAGE)],
    "limit": Annotated[int, Field(ge=1, le=LARGEST_PAGE)],
}
"""Name of a parameter to its type, where the operation itself corrects what the door refuses."""

MEANINGS: Final[dict[str, str]] = {
    "account": "An account's name.",
    "actions": "Names of actions, or beginnings that end in a dot: `delivery.`.",
    "actor": "Whoever did it, by name.",
    "actor_kind": "`client`, `worker`, `operator`, `gateway` or `nobody`.",
    "adapter": "Name and version of the adapter that tried last.",
    "application": "An application's id.",
    "applications": "Ids of applications.",
    "approval": "Id of what a second person is to approve.",
    "area": "A procedure's area.",
    "canary": "So many first, the rest once these have arrived; 0 for none.",
    "checkpoints": "Signed notes that were kept elsewhere, by what they are called.",
    "client": "A client of the configuration.",
    "code": "A stable code.",
    "count": "How many; in a search, whether to count all that fit.",
    "current": "The password until now.",
    "days": "How long it lasts.",
    "deliveries": "Ids of deliveries, 1 to 500.",
    "delivery": "A delivery's id.",
    "destination": "A destination of the configuration.",
    "events": "Only events that begin with this, as `journal.`.",
    "expected": "How many a plan said it would be.",
    "feedback": "A status that came back, as `completed`; see docs/reference/lifecycle.md.",
    "first": "From which place on, counted from 0.",
    "for_s": "For so many seconds; else until the process ends.",
    "group": "A group's id, as `/attention/groups` tells it; instead of its cause.",
    "in_doubt": "Those in doubt instead of those that are parked.",
    "index": "Place of an entry in the log, from 0.",
    "keep": "The session that stays.",
    "key": "A key's id.",
    "keys": "Verifier keys to believe instead of the gateway's own.",
    "kind": "`verify` or `report`.",
    "known": "Places in the log whose fault was examined before.",
    "label": "What it is for.",
    "level": "`debug` to `error`, `configured` to go back; of a tree, 0 for the leaves.",
    "limit": "Most on one page.",
    "minutes": "How far back.",
    "municipality": "全国地方公共団体コード, six digits.",
    "name": "Its name.",
    "note": "What is being done; 1 to 200 printable characters.",
    "order": "A replay order's id; in a search, which come first.",
    "outcomes": "`ok`, `refused` or `failed`, as docs/reference/audit-events.md has them.",
    "password": "A new password; one is made if none is said.",
    "procedure": "A procedure: `area/name`, or a pattern with `*`; in a path its name alone.",
    "rate_per_s": "At most so many a second.",
    "reason": "Why; 1 to 200 printable characters. Stands in the audit log, encrypted.",
    "receipt_number": "受付番号, as the front end sent it.",
    "receipts": "Applications to the leaf hashes that their receipts name, in hexadecimal.",
    "reference": "The core system's own number (整理番号).",
    "reset": "Names of settings that shall be as configured again; `*` for all but `paused`.",
    "revoke_tokens": "Whether its tokens are refused from now on, too.",
    "rewrite": "Whether the journal is written anew afterwards; nothing is accepted meanwhile.",
    "roles": "What it may do.",
    "session": "A session's id.",
    "settings": "Names of settings to new values.",
    "since": "Not before this time; ISO 8601, Japan's time if it names no other.",
    "sort": "By which time: of acceptance (`accepted`), or of the last change (`changed`).",
    "states": "States of a delivery; several are alternatives.",
    "status": "How it stands as a whole.",
    "subject": "An application's id, or a 受付番号.",
    "token": "A token's id.",
    "until": "Before this time; as `since`.",
    "version": "A procedure's version.",
    "waiting": "Only what still waits.",
    "where": "Which ones; what is not said may be anything.",
}
"""Name of a parameter to what it means, in every operation."""


def offered(
    does: Callable[..., Awaitable[object]], without: frozenset[str]
) -> dict[str, inspect.Parameter]:
    """Return an operation's parameters that a caller may say, by name."""
    return {
        name: parameter
        for name, parameter in inspect.signature(does).parameters.items()
        if name not in {"self", "actor", "version"} | without
    }


@cache
def model_of(
    does: Callable[..., Awaitable[object]], name: str, without: frozenset[str], *, is_flat: bool
) -> type[BaseModel]:
    """Return what may be said to an operation.

    Args:
        does: The operation, unbound.
        name: Of the model.
        without: Parameters that are not said here.
        is_flat: Whether the members of a selection (a dataclass) are parameters themselves, as
            in a query, instead of one object, as in a body.
    """
    hints = get_type_hints(does, include_extras=True)
    members: dict[str, Any] = {}
    for parameter in offered(does, without).values():
        kind = hints[parameter.name]
        if is_dataclass(kind) and is_flat:
            members |= _members(kind, without)
        elif is_dataclass(kind):
            nested = _strict(name + hints[parameter.name].__name__, _members(kind, without))
            members[parameter.name] = _described(parameter.name, nested, parameter.default)
        else:
            members[parameter.name] = _described(parameter.name, kind, parameter.default)
    return _strict(name, members)


def selection_of(does: Callable[..., Awaitable[object]], without: frozenset[str]) -> dict[str, str]:
    """Return the members of selections, each with the parameter that it is a member of."""
    hints = get_type_hints(does)
    return {
        member.name: name
        for name in offered(does, without)
        if is_dataclass(hints[name])
        for member in fields(hints[name])
    }


def _members(kind: Any, without: Iterable[str]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        member.name: _described(member.name, hints[member.name], _default(member))
        for member in fields(kind)
        if member.name not in without
    }


def _default(member: DataclassField[Any]) -> object:
    return inspect.Parameter.empty if member.default is MISSING else member.default


def _described(name: str, kind: Any, default: object) -> tuple[Any, Any]:
    taken: Any = NARROWER.get(name, _PLAIN.get(kind, kind))
    if kind == Sequence[str]:
        taken = tuple[str, ...]
    is_required = default is inspect.Parameter.empty
    if not isinstance(default, str | int | float | bool | tuple):
        # A selection that is left out is one of everything, which the operation says.
        default = None
        taken = taken if is_required else taken | None
    meaning = MEANINGS.get(name)
    return taken, Field(... if is_required else default, description=meaning)


def _strict(name: str, members: Mapping[str, Any]) -> type[BaseModel]:
    config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)
    return create_model(name, __config__=config, **members)
