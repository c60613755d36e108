"""One row of the table of routes: which operation, where, and in which shape it answers."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel

from gateway.http.ops.parameters import model_of, selection_of
from gateway.services.operate.four_eyes_rule import COVERS
from gateway.services.operate.identities import IDENTITIES

PREFIX: Final = "/ops/v1"
IDS: Final = frozenset({"application", "approval", "delivery", "order"})
"""Names in paths that stand for a UUID."""
_IN_PATH: Final = re.compile(r"\{(\w+)\}")

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Whole:
    """The operation's answer as it is."""


@dataclass(frozen=True, slots=True)
class First:
    """The one element of the list that the operation answers."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list that comes whole.

    Attributes:
        at: The member of the operation's answer that is the list; ``None``: the answer is.
        more: What the answer tells beside the list.
    """

    at: str | None = None
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pages:
    """A list that comes in pages.

    Attributes:
        at: As of ``Items``.
        after: The operation's parameter that says where to go on.
        told: The member of the answer that says where the next page begins.
        by: Or else the member of the last item that does.
        more: What the answer tells beside the list.
    """

    at: str | None = None
    after: str = "before"
    told: str | None = None
    by: str = "id"
    more: tuple[str, ...] = ()


Shape = Whole | First | Items | Pages


def controlled_version(answer: Answer) -> int:
    """Return how often a destination's settings were changed, as ``destination.show`` tells."""
    changed = answer["changed"]
    return 0 if changed is None else int(changed["version"])


def account_version(answer: Answer) -> int:
    """Return which state of an account it is, as ``account.show`` tells."""
    return int(answer["version"])


@dataclass(frozen=True, kw_only=True)
class Route:
    """One row.

    Attributes:
        method: HTTP's.
        path: Behind ``/ops/v1``.
        operation: Its name in ``services.operate.by_name``.
        does: What it is there, unbound: its parameters are what a request may say.
        summary: One sentence for the document.
        answer: What is answered, or an item of what is; ``None`` says no more than JSON.
        beside: What an answer with a list tells beside it.
        shape: How the operation's answer becomes the API's.
        name: The document's ``operationId``, where the operation has several routes.
        renamed: Names in the path to the operation's parameters.
        joined: A parameter of the operation to the names in the path that it is made of.
        without: Parameters that cannot be said here.
        version: Finds in the answer what the ``ETag`` says; ``If-Match`` then names it.
        needs_version: Whether nothing is done without ``If-Match``.
        status: Of a success.
        created: Path of what was made, of which the answer's members are a part.
    """

    method: str
    path: str
    operation: str
    does: Callable[..., Awaitable[object]]
    summary: str
    answer: type[BaseModel] | None
    shape: Shape = Whole()
    beside: type[BaseModel] | None = None
    name: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    version: Callable[[Answer], int] | None = None
    needs_version: bool = False
    status: int = 200
    created: str = ""

    @cached_property
    def id(self) -> str:
        """The document's ``operationId``."""
        return (self.name or self.operation).replace(".", "_")

    @cached_property
    def in_path(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(_IN_PATH.findall(self.path))

    @cached_property
    def pattern(self) -> str:
        """The path as the router takes it: an id is no other resource's name."""
        forms = {"version": "[1-9][0-9]{0,3}"} | dict.fromkeys(IDS, "[0-9A-Fa-f-]{36}")
        return _IN_PATH.sub(
            lambda found: f"{{{found[1]}:{forms[found[1]]}}}" if found[1] in forms else found[0],
            self.path,
        )

    @cached_property
    def may_wait(self) -> bool:
        """Whether a second person may have to approve it first."""
        covered = (IDENTITIES, *COVERS.values())
        return any(self.operation in each for each in covered)

    @cached_property
    def has_body(self) -> bool:
        """Whether parameters stand in a body, not in the query."""
        return self.method in {"POST", "PUT", "PATCH"} and bool(self.said.model_fields)

    @cached_property
    def needs_body(self) -> bool:
        """Whether there is a parameter that must be said in the body."""
        return self.has_body and any(each.is_required() for each in self.said.model_fields.values())

    @cached_property
    def said(self) -> type[BaseModel]:
        """What a request says, but for the path and the cursor."""
        in_path = {self.renamed.get(name, name) for name in self.in_path} | self.joined.keys()
        after = {self.shape.after} if isinstance(self.shape, Pages) else set()
        name = "".join(part.title() for part in re.split(r"[._]", self.name or self.operation))
        return model_of(
            self.does,
            name,
            self.without | in_path | after,
            is_flat=self.method in {"GET", "DELETE"},
        )

    @cached_property
    def default_limit(self) -> object:
        """How many are on a page if nothing is said."""
        limit = inspect.signature(self.does).parameters.get("limit")
        return None if limit is None else limit.default

    def arguments(self, said: Mapping[str, object]) -> dict[str, object]:
        """Return the operation's arguments: the members of selections put together again."""
        member_of = (
            selection_of(self.does, self.without) if self.method in {"GET", "DELETE"} else {}
        )
        found: dict[str, Any] = {name: {} for name in member_of.values()}
        for name, value in said.items():
            if name in member_of:
                found[member_of[name]][name] = value
            else:
                found[name] = value
        return found
