"""How everything stands: destinations, workers, and what flows."""

from typing import Any, Final
from uuid import UUID

from pydantic import Field

from gateway.domain.lifecycle import State
from gateway.http.ops.answers import Answer, Count, Moment
from gateway.http.ops.route import Items, Route
from gateway.http.ops.routes.clients import Webhook
from gateway.services.operate.log_level import OperateLogLevel
from gateway.services.operate.recent_events import RecentEvents
from gateway.services.operate.show_flow import ShowFlow
from gateway.services.operate.show_overview import ShowOverview
from gateway.services.operate.show_workers import ShowWorkers


class Worker(Answer):
    """A worker's last sign of life."""

    worker: str
    instance: str | None
    started_at: Moment | None
    destination: str
    configured: bool
    alive: bool
    version: str
    same_version: bool
    adapter: str
    in_flight: Count
    healthy: bool
    down_since: Moment | None
    last_seen_s: float
    clock_off_s: float


class DestinationLine(Answer):
    """How a destination stands."""

    destination: str
    configured: bool
    paused: bool
    hold: str | None = Field(description="The code of what keeps it from being sent to.")
    opens_at: Moment | None
    deliveries: dict[State, Count]
    waiting: Count
    oldest_at: Moment | None


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


class Finding(Answer):
    """Something that somebody should look at."""

    code: str
    level: str = Field(description="`bad` or `warn`.")


class Overview(Answer):
    """How everything stands."""

    node: str
    version: str
    verdict: str = Field(description="`well`, `warn` or `bad`.")
    findings: list[Finding]
    destinations: list[DestinationLine]
    totals: dict[str, Any]
    log: dict[str, Any]
    storage: dict[str, Any]
    broker: bool | None
    webhooks: list[Webhook]


class Event(Answer):
    """Something that happened lately."""

    at: Moment
    action: str
    actor: str
    actor_kind: str
    node: str
    application: UUID | None
    facts: dict[str, Any]


class LogLevels(Answer):
    """What the asked process logs."""

    node: str
    configured: str
    changed: list[dict[str, Any]]


_CHANGE: Final = frozenset({"level", "destination", "events", "for_s"})

ROUTES: Final = (
    Route(
        method="GET",
        path="/overview",
        operation="overview",
        does=ShowOverview.__call__,
        summary="How everything stands.",
        answer=Overview,
    ),
    Route(
        method="GET",
        path="/events",
        operation="events.recent",
        does=RecentEvents.__call__,
        summary="What happened lately, latest first.",
        answer=Event,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/workers",
        operation="worker.list",
        does=ShowWorkers.__call__,
        summary="Every worker and what it says, those that live first.",
        answer=Worker,
        shape=Items("workers", more=("version",)),
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
    Route(
        method="GET",
        path="/log-level",
        operation="log.level",
        name="log.level.show",
        does=OperateLogLevel.__call__,
        summary="What the gateway process that answers logs.",
        answer=LogLevels,
        without=_CHANGE,
    ),
    Route(
        method="POST",
        path="/log-level",
        operation="log.level",
        does=OperateLogLevel.__call__,
        summary="Change what it logs, for all or of one destination, for a time.",
        answer=LogLevels,
    ),
)
