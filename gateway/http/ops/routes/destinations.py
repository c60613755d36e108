"""Destinations: how each stands, and what is in force for it."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from gateway.domain.claim import BreakerState
from gateway.http.ops.answers import Answer, Count, Facts, FlowSum, Moment
from gateway.http.ops.route import Items, Route, controlled_version
from gateway.services.operate.destinations import OperateDestinations
from gateway.services.operate.show_adapters import ShowAdapters
from gateway.services.operate.watch_destinations import WatchDestinations


class Setting(Answer):
    """One setting of a destination."""

    value: Any = Field(description="What holds.")
    configured: Any = Field(description="What the configuration says.")
    changed: bool


class Changed(Answer):
    """Who changed a destination's settings last."""

    by: str
    at: Moment
    reason: str | None
    version: Annotated[int, Field(ge=1)]


class Holding(Answer):
    """A living worker and what it holds."""

    worker: str
    breaker: BreakerState
    healthy: bool
    in_flight: Count
    unclaimed: Count
    adapter: str


class Destination(Answer):
    """A destination and what is in force for it."""

    destination: str
    municipality: str
    open: bool
    hold: str | None
    opens_at: Moment | None
    settings: dict[str, Setting]
    changed: Changed | None
    workers: list[Holding]


class ChangedDestination(Destination):
    """A destination whose settings were changed."""

    dropped: dict[str, list[str]] = Field(
        description="Days that lists of days no longer name, by the setting."
    )


class Paused(Answer):
    """Who paused it."""

    by: str
    at: Moment
    reason: str | None


class Day(Answer):
    """When a destination is open on one day."""

    day: str = Field(json_schema_extra={"format": "date"})
    weekday: Annotated[int, Field(ge=0, le=6)] = Field(description="0 is Monday.")
    openings: list[list[Annotated[int, Field(ge=0, le=1440)]]] = Field(
        description="From and until, in minutes of the day in Japan."
    )


class Checked(Answer):
    """What one worker said of its core system; without an answer nothing but that."""

    worker: str
    answered: bool
    healthy: bool | None = None
    checked_at: Moment | None = None
    said: str | None = None


class AliveWorker(Answer):
    """A worker that lives, as a destination's page has it."""

    worker: str
    version: str
    adapter: str
    breaker: BreakerState
    healthy: bool
    checked_at: Moment | None
    said: str
    in_flight: Count


class DestinationHealth(Answer):
    """How a destination fares."""

    destination: str
    municipality: str
    adapter: str
    adapters: list[str] = Field(description="Name and version, as workers tell them.")
    versions: list[str] = Field(description="Of living workers.")
    health: Literal["well", "partly", "not_well", "no_worker"]
    said: list[str] = Field(description="What those said that are not well.")
    breaker: BreakerState | None
    down_since: Moment | None
    down_s: float | None
    trial_at: Moment | None
    hold: str | None
    opens_at: Moment | None
    paused: Paused | None
    workers: Count
    waiting: Count
    oldest_at: Moment | None
    parked: Count
    in_doubt: Count


class Check(Answer):
    """What workers say of their core system, where somebody asked them."""

    asked_at: Moment
    asked_by: str
    waits: bool
    workers: list[Checked]


class DestinationInList(DestinationHealth):
    """How a destination fares, and what came of its last hour."""

    hour: FlowSum | None


class DestinationPage(DestinationInList):
    """How a destination fares, with its workers and its week."""

    workers_alive: list[AliveWorker]
    week: list[Day]
    check: Check | None


class Retrying(Answer):
    """Why deliveries are tried again."""

    code: str | None
    deliveries: Count
    last_at: Moment


class DestinationChange(Answer):
    """A change of settings, or a check."""

    at: Moment
    by: str
    action: str
    facts: Facts
    reason: str | None


class Adapter(Answer):
    """An adapter that is installed or used."""

    name: str
    manifest: dict[str, Any] | None
    destinations: list[str]
    running: list[str]


class AdapterWithReadme(Adapter):
    """An adapter and what its README says."""

    readme: str | None = Field(description="Markdown.")


ROUTES: Final = (
    Route(
        method="GET",
        path="/destinations",
        operation="destination.list",
        does=OperateDestinations.list,
        summary="Every configured destination and what is in force for it.",
        answer=Destination,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/destinations/{destination}",
        operation="destination.show",
        does=OperateDestinations.show,
        summary="One destination. The `ETag` is that of its settings.",
        answer=Destination,
        version=controlled_version,
    ),
    Route(
        method="PATCH",
        path="/destinations/{destination}",
        operation="destination.change",
        does=OperateDestinations.change,
        summary="Put settings in force instead of the configured ones, or back to those.",
        answer=ChangedDestination,
        version=controlled_version,
        needs_version=True,
    ),
    Route(
        method="POST",
        path="/destinations/{destination}/pause",
        operation="destination.pause",
        does=OperateDestinations.pause,
        summary="Keep everything for a destination until it is resumed.",
        answer=ChangedDestination,
        version=controlled_version,
    ),
    Route(
        method="POST",
        path="/destinations/{destination}/resume",
        operation="destination.resume",
        does=OperateDestinations.resume,
        summary="Let a destination go on.",
        answer=ChangedDestination,
        version=controlled_version,
    ),
    Route(
        method="GET",
        path="/standings",
        operation="destination.overview",
        does=WatchDestinations.all,
        summary="How every destination fares, and what came of its last hour.",
        answer=DestinationInList,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/destinations/{destination}/standing",
        operation="destination.standing",
        does=WatchDestinations.one,
        summary="How one destination fares, its workers and its week.",
        answer=DestinationPage,
    ),
    Route(
        method="POST",
        path="/destinations/{destination}/check",
        operation="destination.check",
        does=WatchDestinations.check,
        summary="Have its workers check their core system; answers come in a few seconds.",
        answer=Check,
    ),
    Route(
        method="GET",
        path="/destinations/{destination}/retrying",
        operation="destination.retrying",
        does=WatchDestinations.retrying,
        summary="For which codes its deliveries are tried again, of the last thousand that are.",
        answer=Retrying,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/destinations/{destination}/changes",
        operation="destination.history",
        does=WatchDestinations.history,
        summary="The last changes and checks, latest first. Who looked is an entry.",
        answer=DestinationChange,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/adapters",
        operation="adapter.list",
        does=ShowAdapters.all,
        summary="The adapters that are installed or used.",
        answer=Adapter,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/adapters/{name}",
        operation="adapter.show",
        does=ShowAdapters.one,
        summary="One adapter and its README.",
        answer=AdapterWithReadme,
    ),
)
