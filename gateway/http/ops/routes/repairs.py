"""What waits for a person: deliveries, their groups, and orders that they are sent again."""

from typing import Final
from uuid import UUID

from pydantic import Field

from gateway.domain.lifecycle import State
from gateway.domain.repair import ReplayState
from gateway.http.ops.answers import Answer, Count, Moment
from gateway.http.ops.route import Items, Pages, Route
from gateway.http.ops.routes.applications import Delivery
from gateway.services.operate.decide import Decide
from gateway.services.operate.look import Look
from gateway.services.operate.repair import Repair


class Group(Answer):
    """What waits for a person, for one cause."""

    id: str = Field(pattern="^[0-9a-f]{8}$")
    state: State
    destination: str
    code: str | None
    adapter: str | None
    deliveries: Count
    first_at: Moment
    last_at: Moment


class Resubmission(Answer):
    """Whom to ask for what once more."""

    client: str
    application: UUID
    municipality: str
    procedure: str
    version: Count
    accepted_at: Moment
    delivery: UUID
    destination: str
    state: State
    code: str | None
    pointer: str | None


class ReplayPlan(Answer):
    """What an order would do now."""

    total: Count
    selection: str
    canary: Count
    rate_per_s: float
    groups: list[Group]


class Replay(Answer):
    """An order that a selection is sent again."""

    id: UUID
    state: ReplayState
    ordered_by: str
    ordered_at: Moment
    updated_at: Moment
    reason: str | None
    selection: str
    canary: Count
    rate_per_s: float
    total: Count
    progress: dict[str, Count]


class NewReplay(Replay):
    """An order that was just given."""

    node: str = Field(description="Which gateway process stored it.")
    difference: int | None = Field(
        default=None, description="How many more it is than `expected`, if that was said."
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/deliveries",
        operation="parked.list",
        does=Look.parked,
        summary="Deliveries that wait for a person, newest application first.",
        answer=Delivery,
        shape=Pages(),
    ),
    Route(
        method="POST",
        path="/deliveries/{delivery}/replay",
        operation="parked.replay",
        does=Decide.replay,
        summary="Begin a new attempt of a delivery that is parked or in doubt.",
        answer=Delivery,
    ),
    Route(
        method="POST",
        path="/deliveries/{delivery}/confirm",
        operation="parked.confirm",
        does=Decide.confirm,
        summary="Say that it was found in the core system.",
        answer=Delivery,
    ),
    Route(
        method="POST",
        path="/deliveries/{delivery}/cancel",
        operation="parked.cancel",
        does=Decide.cancel,
        summary="Take a delivery back.",
        answer=Delivery,
    ),
    Route(
        method="GET",
        path="/deliveries/groups",
        operation="parked.groups",
        does=Repair.groups,
        summary="What waits for a person, grouped by its cause, largest first.",
        answer=Group,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/deliveries/resubmissions",
        operation="parked.resubmissions",
        does=Repair.resubmissions,
        summary="Whom to ask for what once more, newest application first.",
        answer=Resubmission,
        shape=Pages("applications", told="before"),
    ),
    Route(
        method="POST",
        path="/replays/plan",
        operation="parked.plan",
        does=Repair.plan,
        summary="What an order would do now; changes nothing.",
        answer=ReplayPlan,
    ),
    Route(
        method="POST",
        path="/replays",
        operation="replay.order",
        does=Repair.order,
        summary="Order that a selection is sent again, as it is now.",
        answer=NewReplay,
        status=201,
        created="/replays/{id}",
    ),
    Route(
        method="GET",
        path="/replays",
        operation="replay.list",
        does=Repair.orders,
        summary="The latest orders, newest first.",
        answer=Replay,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/replays/{order}",
        operation="replay.show",
        does=Repair.show,
        summary="One order and how far it is.",
        answer=Replay,
    ),
    Route(
        method="POST",
        path="/replays/{order}/resume",
        operation="replay.resume",
        does=Repair.resume,
        summary="Let an order that has halted go on.",
        answer=Replay,
    ),
    Route(
        method="POST",
        path="/replays/{order}/stop",
        operation="replay.stop",
        does=Repair.stop,
        summary="End an order; what it has not begun stays as it is.",
        answer=Replay,
    ),
    Route(
        method="GET",
        path="/deliveries/{delivery}",
        operation="parked.show",
        does=Look.parked_one,
        summary="One delivery. Who looked is an entry.",
        answer=Delivery,
    ),
)
