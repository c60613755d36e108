"""How everything stands: destinations, workers, and what flows."""

from typing import Any, Final

from pydantic import Field

from gateway.domain.lifecycle import State
from gateway.http.ops.answers import Answer, Count, Moment
from gateway.http.ops.route import Items, Route
from gateway.http.ops.routes.clients import Webhook
from gateway.services.operate.look import Look
from gateway.services.operate.show_flow import ShowFlow


class DestinationLine(Answer):
    """How a destination stands."""

    destination: str
    configured: bool
    paused: bool
    hold: str | None = Field(description="The code of what keeps it from being sent to.")
    opens_at: Moment | None
    deliveries: dict[State, Count]


class Worker(Answer):
    """A worker's last sign of life."""

    worker: str
    destination: str
    version: str
    adapter: str
    in_flight: Count
    healthy: bool
    last_seen_s: float
    alive: bool


class Flow(Answer):
    """What went to a destination lately, as columns, one place a minute."""

    destination: str
    began_at: Count = Field(description="Unix seconds; before it nothing is known here.")
    at: list[Count] = Field(description="When each minute began, Unix seconds.")


class FlowTotals(Answer):
    """What went to every destination lately."""

    minutes: Count
    began_at: Count
    destinations: dict[str, dict[str, Any] | None]


class Overview(Answer):
    """How everything stands."""

    node: str
    destinations: list[DestinationLine]
    workers: list[Worker]
    webhooks: list[Webhook]


ROUTES: Final = (
    Route(
        method="GET",
        path="/overview",
        operation="overview",
        does=Look.overview,
        summary="How everything stands.",
        answer=Overview,
    ),
    Route(
        method="GET",
        path="/workers",
        operation="overview",
        name="workers",
        does=Look.overview,
        summary="Every worker's last sign of life.",
        answer=Worker,
        shape=Items("workers"),
    ),
    Route(
        method="GET",
        path="/flow",
        operation="flow.totals",
        does=ShowFlow.totals,
        summary="What went to every destination in the last minutes.",
        answer=FlowTotals,
    ),
    Route(
        method="GET",
        path="/destinations/{destination}/flow",
        operation="destination.flow",
        does=ShowFlow.one,
        summary="What went to a destination, minute by minute.",
        answer=Flow,
    ),
)
