"""How everything stands: destinations, workers, and what flows."""

from typing import Final, Literal
from uuid import UUID

from pydantic import Field

from gateway.domain.claim import BreakerState
from gateway.domain.lifecycle import State
from gateway.http.ops.answers import Answer, Count, Facts, FlowSum, Moment
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
    host: str | None = Field(description="The machine or pod, as it names itself.")
    started_at: Moment | None
    destination: str
    configured: bool
    alive: bool
    version: str
    same_version: bool
    adapter: str
    in_flight: Count
    unclaimed: Count = Field(description="Copies that it holds and has not begun.")
    breaker: BreakerState
    healthy: bool
    checked_at: Moment | None
    said: str = Field(description="What it said at its last check, in its own words.")
    down_since: Moment | None
    last_seen_s: float
    clock_off_s: float
    replaced: bool = Field(description="Whether a later process has its name.")


class WorkersBeside(Answer):
    """What the list of workers tells beside."""

    version: str = Field(description="Of the gateway.")


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
    oldest_s: float | None
    workers: Count = Field(description="Those that live.")
    breaker: BreakerState | None = Field(description="The best of theirs: whether one sends.")
    healthy: bool | None = Field(description="Whether the last check of one of them succeeded.")
    down_since: Moment | None
    down_s: float | None
    trial_at: Moment | None
    in_per_min: float
    out_per_min: float


class Minutes(Answer):
    """How long something took, as columns."""

    count: list[Count]
    mean_s: list[float | None]
    p50_s: list[float | None]
    p95_s: list[float | None]


class Flow(Answer):
    """What went to a destination lately, as columns, one place a minute."""

    destination: str
    began_at: Count = Field(description="Unix seconds; before it nothing is known here.")
    at: list[Count] = Field(description="When each minute began, Unix seconds.")
    accepted: list[Count]
    delivered: list[Count]
    rejected: list[Count]
    deferred: list[Count]
    in_doubt: list[Count]
    send: Minutes
    waiting: Minutes
    critical: Minutes


class FlowTotals(Answer):
    """What went to every destination lately."""

    minutes: Count
    began_at: Count
    destinations: dict[str, FlowSum | None]


class Largest(Answer):
    """The largest group of what waits for a person."""

    group: str | None
    destination: str
    code: str | None
    deliveries: Count


class Finding(Answer):
    """Something that somebody should look at."""

    code: str
    level: Literal["bad", "warn"]
    subject: str | None = Field(description="Which destination, client or worker.")
    number: float | None = Field(description="How many, or how long in seconds or days.")
    since: Moment | None
    trial_at: Moment | None
    most: Largest | None


class LivingWorker(Answer):
    """A worker in short."""

    worker: str
    destination: str
    version: str
    adapter: str
    in_flight: Count
    healthy: bool
    last_seen_s: float
    alive: bool


class Totals(Answer):
    """Of all destinations."""

    parked: Count
    in_doubt: Count
    waiting: Count
    oldest_s: float | None
    outcomes: Count
    failed: Count
    error_rate: float | None


class LogAge(Answer):
    """How the audit log stands."""

    size: Count
    unsealed: Count
    seal_age_s: float | None
    anchor_age_s: float | None


class Storage(Answer):
    """How much room the journal takes and has; `null` where it is not known."""

    bytes: Count
    disk_bytes: Count | None
    free_bytes: Count | None
    bytes_a_day: float | None
    days_left: float | None


class Overview(Answer):
    """How everything stands."""

    node: str
    version: str
    verdict: Literal["well", "warn", "bad"]
    findings: list[Finding]
    destinations: list[DestinationLine]
    workers: list[LivingWorker]
    totals: Totals
    log: LogAge
    storage: Storage
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
    facts: Facts


class LogLevel(Answer):
    """What is logged otherwise than configured."""

    level: str
    destination: str | None
    events: str | None
    left_s: float | None


class LogLevels(Answer):
    """What the asked process logs."""

    node: str
    configured: str
    changed: list[LogLevel]


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
        beside=WorkersBeside,
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
