"""What waits for a person, as people look after it: notes, four eyes, many at once."""

from typing import Final
from uuid import UUID

from pydantic import Field

from gateway.domain.approval import ApprovalState
from gateway.domain.attention import AttentionState
from gateway.domain.lifecycle import State
from gateway.http.ops.answers import Answer, Both, Count, Moment
from gateway.http.ops.route import Items, Pages, Route
from gateway.services.operate.attention import Attend
from gateway.services.operate.decide_each import DecideEach
from gateway.services.operate.four_eyes import FourEyes


class AttentionGroup(Answer):
    """What waits, or waited, for one cause, and what people made of it."""

    id: str = Field(pattern="^[0-9a-f]{8}$")
    state: State
    destination: str
    code: str | None
    adapter: str | None
    deliveries: Count
    first_at: Moment | None
    last_at: Moment | None
    trend: list[Count] = Field(description="Began to wait in each of the last 24 hours.")
    meaning: Both
    action: Both
    attention: AttentionState
    attention_since: Moment
    acknowledged_by: str | None
    acknowledged_until: Moment | None
    reopened_at: Moment | None
    notes: Count


class WaitingDelivery(Answer):
    """One delivery that waits in a group."""

    id: UUID
    application: UUID
    municipality: str
    attempt: Count
    pointer: str | None
    reference: str | None
    updated_at: Moment


class Note(Answer):
    """What somebody noted."""

    at: Moment
    by: str
    text: str | None


class GroupBeside(Answer):
    """What a group's page tells beside its deliveries."""

    group: AttentionGroup
    notes: list[Note]
    selected: Count = Field(description="How many fit what was asked for.")


class GroupsBeside(Answer):
    """What the list of groups tells beside."""

    resolved: list[AttentionGroup] = Field(description="Those of the last days.")


class Result(Answer):
    """What came of one of several deliveries."""

    delivery: str
    done: bool
    code: str | None
    detail: str | None


class Decided(Answer):
    """What came of a decision about several deliveries."""

    done: Count
    results: list[Result]


class Approval(Answer):
    """Something that a second person must approve."""

    id: UUID
    operation: str
    subject: str
    deliveries: Count | None
    concerns: list[UUID] = Field(
        description="If an application was asked for: which of its deliveries; else empty."
    )
    chosen: list[UUID] = Field(description="The deliveries that were named; empty for others.")
    reason: str | None
    state: ApprovalState
    requested_by: str
    requested_at: Moment
    expires_at: Moment
    decided_by: str | None
    decided_at: Moment | None
    decided_reason: str | None
    result: str | None


class DoneOnceApproved(Answer):
    """What the approved operation answered: its own answer, as its path describes it."""

    second_half: str | None = Field(
        default=None, description="Of a password that was made: the other half, shown this once."
    )


class Approved(Approval):
    """A request that was approved, and what came of it."""

    answer: DoneOnceApproved | None = Field(
        default=None, description="What it was answered with when it was done."
    )
    refused: str | None = Field(default=None, description="Or why it could not be done any more.")


ROUTES: Final = (
    Route(
        method="GET",
        path="/attention/groups",
        operation="attention.groups",
        does=Attend.groups,
        summary="What waits for a person, by its cause, with what people made of it.",
        answer=AttentionGroup,
        shape=Items("groups", more=("resolved",)),
        beside=GroupsBeside,
    ),
    Route(
        method="GET",
        path="/attention/groups/{group}",
        operation="attention.show",
        does=Attend.show,
        summary="One group, its notes, and what waits in it, latest first.",
        answer=WaitingDelivery,
        shape=Pages("deliveries", after="after", told="next", more=("group", "notes", "selected")),
        beside=GroupBeside,
    ),
    Route(
        method="POST",
        path="/attention/groups/{group}/notes",
        operation="attention.note",
        does=Attend.note,
        summary="Write a note on a group.",
        answer=AttentionGroup,
    ),
    Route(
        method="POST",
        path="/attention/groups/{group}/acknowledge",
        operation="attention.acknowledge",
        does=Attend.acknowledge,
        summary="Say that somebody looks after a group.",
        answer=AttentionGroup,
    ),
    Route(
        method="POST",
        path="/deliveries/replay",
        operation="parked.replay_each",
        does=DecideEach.replay,
        summary="Begin a new attempt of several deliveries.",
        answer=Decided,
    ),
    Route(
        method="POST",
        path="/deliveries/confirm",
        operation="parked.confirm_each",
        does=DecideEach.confirm,
        summary="Say of several that they were found in the core system.",
        answer=Decided,
    ),
    Route(
        method="POST",
        path="/deliveries/cancel",
        operation="parked.cancel_each",
        does=DecideEach.cancel,
        summary="Take several deliveries back.",
        answer=Decided,
    ),
    Route(
        method="GET",
        path="/approvals",
        operation="approval.list",
        does=FourEyes.list,
        summary="What a second person was asked to approve, newest first.",
        answer=Approval,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/approvals/{approval}",
        operation="approval.show",
        does=FourEyes.show,
        summary="One request.",
        answer=Approval,
    ),
    Route(
        method="POST",
        path="/approvals/{approval}/approve",
        operation="approval.approve",
        does=FourEyes.approve,
        summary="Approve somebody else's request: it is done now, in that person's name.",
        answer=Approved,
        without=frozenset({"do"}),
    ),
    Route(
        method="POST",
        path="/approvals/{approval}/refuse",
        operation="approval.refuse",
        does=FourEyes.refuse,
        summary="Refuse somebody else's request.",
        answer=Approval,
    ),
    Route(
        method="POST",
        path="/approvals/{approval}/withdraw",
        operation="approval.withdraw",
        does=FourEyes.withdraw,
        summary="Take one's own request back.",
        answer=Approval,
    ),
)
