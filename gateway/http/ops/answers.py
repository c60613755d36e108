"""What the operations answer, as models that document it; tests hold real answers to them.

An answer may have members that do not stand here: programs must ignore what they do not know.
"""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from gateway.domain.account import Role
from gateway.domain.outcome import FeedbackStatus

Moment = Annotated[
    str, Field(description="RFC 3339, with its zone.", json_schema_extra={"format": "date-time"})
]
Count = Annotated[int, Field(ge=0)]
Hexadecimal = Annotated[str, Field(pattern="^([0-9a-f]{2})*$")]


class Answer(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="allow")


class Both(Answer):
    """A sentence in two languages."""

    ja: str
    en: str


Facts = Annotated[
    dict[str, str | int | float | bool | None],
    Field(description="What the entry carries, by docs/reference/audit-events.md."),
]


class Times(Answer):
    """How long something took."""

    count: Count
    mean_s: float | None
    p50_s: float | None
    p95_s: float | None


class FlowSum(Answer):
    """What went to a destination."""

    accepted: Count
    delivered: Count
    rejected: Count
    deferred: Count
    in_doubt: Count
    send: Times = Field(description="The adapter's sending.")
    waiting: Times = Field(description="From accepted, or due, to a worker.")
    critical: Times = Field(description="From accepted to delivered.")


class Erasure(Answer):
    """Who made words unreadable."""

    at: Moment
    by: str


class Hop(Answer):
    """What the log tells with an entry's words."""

    words: dict[str, str] | None = Field(description="Free words, such as reasons.")
    erased: bool = Field(description="Whether somebody made its words unreadable.")
    erasure: Erasure | None
    words_lost: bool = Field(description="Whether they cannot be read though nobody did.")


class Feedback(Answer):
    """A status that came back from a core system."""

    delivery: UUID
    status: FeedbackStatus
    status_ja: str
    code: str | None
    reference: str | None
    at: Moment


class Me(Answer):
    """Who asks."""

    name: str
    roles: list[Role]
    operations: list[str] = Field(description="What they may do, by `operationId`.")
    csrf: str | None = Field(
        description="What `X-CSRF-Token` must be with the console's session; `null` with a token."
    )


class WaitsForApproval(Answer):
    """What was asked for is done once a second person has approved it."""

    code: str
    approval: UUID
    half: str | None = Field(
        default=None,
        description="Of a password that will then be made: its first half, shown this once. "
        "Who approves is shown the other.",
    )


class Line(Answer):
    """What is wrong with one part of a request."""

    pointer: str | None = Field(
        default=None, description="In the body: JSON pointer as a URI fragment (RFC 6901, 6)."
    )
    parameter: str | None = Field(default=None, description="Or a parameter's name.")
    code: str
    detail: str


class Problem(Answer):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(description="`urn:kakehashi:problem:` and the code.")
    title: str
    status: int
    code: str = Field(description="Stable dotted code: docs/reference/errors.md.")
    detail: str | None = None
    roles: list[Role] | None = Field(default=None, description="Of which one is needed.")
    errors: list[Line] | None = None
