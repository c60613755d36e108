"""Destinations: how each stands, and what is in force for it."""

from typing import Annotated, Any, Final

from pydantic import Field

from gateway.http.ops.answers import Answer, Count, Moment
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


class Destination(Answer):
    """A destination and what is in force for it."""

    destination: str
    municipality: str
    open: bool
    hold: str | None
    opens_at: Moment | None
    settings: dict[str, Setting]
    changed: Changed | None
    workers: list[dict[str, Any]]


class DestinationHealth(Answer):
    """How a destination fares."""

    destination: str
    municipality: str
    adapter: str
    health: str = Field(description="`well`, `partly`, `not_well` or `no_worker`.")
    breaker: str | None
    down_since: Moment | None
    trial_at: Moment | None
    hold: str | None
    workers: Count
    waiting: Count
    parked: Count
    in_doubt: Count


class Check(Answer):
    """What workers say of their core system, where somebody asked them."""

    asked_at: Moment
    asked_by: str
    waits: bool
    workers: list[dict[str, Any]]


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
    facts: dict[str, Any]
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
        answer=Destination,
        version=controlled_version,
        needs_version=True,
    ),
    Route(
        method="POST",
        path="/destinations/{destination}/pause",
        operation="destination.pause",
        does=OperateDestinations.pause,
        summary="Keep everything for a destination until it is resumed.",
        answer=Destination,
        version=controlled_version,
    ),
    Route(
        method="POST",
        path="/destinations/{destination}/resume",
        operation="destination.resume",
        does=OperateDestinations.resume,
        summary="Let a destination go on.",
        answer=Destination,
        version=controlled_version,
    ),
    Route(
        method="GET",
        path="/standings",
        operation="destination.overview",
        does=WatchDestinations.all,
        summary="How every destination fares, and what came of its last hour.",
        answer=DestinationHealth,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/destinations/{destination}/standing",
        operation="destination.standing",
        does=WatchDestinations.one,
        summary="How one destination fares, its workers and its week.",
        answer=DestinationHealth,
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
