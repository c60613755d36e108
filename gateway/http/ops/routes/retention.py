"""How long what is final is kept."""

from typing import Final

from pydantic import Field

from gateway.http.ops.answers import Answer, Count, Moment
from gateway.http.ops.route import Route
from gateway.services.operate.retention import OperateRetention


class Term(Answer):
    """How long one class is kept."""

    class_: str = Field(alias="class", description="`payloads`, `applications` or `words`.")
    days: Count
    municipalities: dict[str, int] = Field(description="Those with other days.")


class Terms(Answer):
    """How long everything is kept, and when that was last seen to."""

    terms: list[Term]
    last_ended_at: Moment | None
    node: str | None


class ExpiredCount(Answer):
    """How many of one class and municipality."""

    class_: str = Field(alias="class")
    municipality: str | None = Field(description="`null`: what concerns no single one.")
    count: Count


class Plan(Answer):
    """What would go."""

    expired: list[ExpiredCount]


class Done(Answer):
    """What went."""

    expired: list[ExpiredCount]
    rewritten: bool


ROUTES: Final = (
    Route(
        method="GET",
        path="/retention",
        operation="retention.show",
        does=OperateRetention.show,
        summary="How long what is final is kept.",
        answer=Terms,
    ),
    Route(
        method="GET",
        path="/retention/plan",
        operation="retention.plan",
        does=OperateRetention.plan,
        summary="What would be forgotten now; changes nothing.",
        answer=Plan,
    ),
    Route(
        method="POST",
        path="/retention/runs",
        operation="retention.run",
        does=OperateRetention.run,
        summary="Forget now what is over its term. It cannot be brought back.",
        answer=Done,
        without=frozenset({"told"}),
    ),
)
