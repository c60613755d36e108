"""Destinations: how each stands, and what is in force for it."""

from typing import Annotated, Any, Final

from pydantic import Field

from gateway.http.ops.answers import Answer, Moment
from gateway.http.ops.route import Items, Route, controlled_version
from gateway.services.operate.destinations import OperateDestinations


class InForce(Answer):
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
    settings: dict[str, InForce]
    changed: Changed | None
    workers: list[dict[str, Any]]


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
)
