"""Applications: lists, one with its timeline, and what may be done to its words."""

from typing import Final
from uuid import UUID

from pydantic import Field

from gateway.domain.lifecycle import ApplicationState, State
from gateway.http.ops.answers import (
    Answer,
    Both,
    Count,
    Facts,
    Feedback,
    Hexadecimal,
    Hop,
    Moment,
)
from gateway.http.ops.route import First, Items, Pages, Route
from gateway.services.operate.look import Look
from gateway.services.operate.search_applications import SearchApplications
from gateway.services.operate.shred_details import ShredDetails


class Verdict(Both):
    """What is to be done about an application, in a sentence."""

    code: str


class DeliveryLine(Answer):
    """One delivery of an application in a list."""

    id: UUID
    destination: str
    state: State
    code: str | None
    reference: str | None


class Delivery(DeliveryLine):
    """One delivery, with what is to be done about it."""

    application: UUID
    attempt: Count
    counted: Count = Field(description="Attempts that count against the budget.")
    pointer: str | None = Field(description="Which field the core system named.")
    adapter: str | None
    worker: str | None
    due_at: Moment | None
    updated_at: Moment
    flagged: bool
    next_step: Both


class ApplicationLine(Answer):
    """One application in a list; nothing of what it says."""

    id: UUID
    status: ApplicationState
    municipality: str
    procedure: str
    accepted_at: Moment
    deliveries: list[DeliveryLine]
    feedback: list[Feedback]


class FoundApplication(ApplicationLine):
    """One application that was found."""

    client: str
    version: Count
    changed_at: Moment


class Choices(Answer):
    """What there is to choose from."""

    municipalities: dict[str, str]
    procedures: dict[str, dict[str, str]]
    clients: list[str]
    destinations: list[str]
    trace_url: str | None


class Export(Answer):
    """How many applications a list has that somebody takes away."""

    applications: Count
    is_all: bool


class TimelineEntry(Hop):
    """One entry of the audit log about an application."""

    at: Moment
    action: str
    actor: str = Field(description="Kind and name.")
    delivery: UUID | None
    facts: Facts


class Total(Answer):
    """How many fit a search."""

    applications: Count
    is_all: bool = Field(description="Whether there may be more.")


class LastError(Answer):
    """The latest reason for which a delivery has not arrived."""

    destination: str
    code: str
    pointer: str | None
    at: Moment


class Found(Answer):
    """What a search tells beside."""

    searched_to: Moment | None = Field(description="How far back, if it did not end.")
    total: Total | None = Field(description="How many fit, if that was asked for.")


class Application(Answer):
    """Everything that operations may see of an application: never what it says."""

    id: UUID
    status: ApplicationState
    municipality: str
    client: str
    procedure: str
    version: Count
    accepted_at: Moment
    supersedes: UUID | None
    superseded_by: UUID | None
    verdict: Verdict
    last_error: LastError | None
    next_attempt_at: Moment | None
    deliveries: list[Delivery]
    feedback: list[Feedback]
    timeline: list[TimelineEntry]
    commitment: Hexadecimal = Field(description="HMAC-SHA-256 of the body as it came.")
    traceparent: str | None = Field(description="W3C Trace Context.")


class Shredded(Answer):
    """How many free words can be read no more."""

    application: UUID
    details: Count


_PAGES: Final = Pages("applications", after="after", told="next", more=("searched_to", "total"))

ROUTES: Final = (
    Route(
        method="GET",
        path="/applications",
        operation="messages.search",
        does=SearchApplications.search,
        summary="Applications in the order in which they were accepted, or last changed.",
        answer=FoundApplication,
        shape=_PAGES,
        beside=Found,
        without=frozenset({"before", "receipt_number"}),
    ),
    Route(
        method="POST",
        path="/applications/searches",
        operation="messages.search",
        does=SearchApplications.search,
        summary="As above, also by 受付番号, which stands in no URL and no access log.",
        answer=FoundApplication,
        shape=_PAGES,
        beside=Found,
        name="messages.search.post",
        without=frozenset({"before"}),
    ),
    Route(
        method="GET",
        path="/applications/choices",
        operation="messages.choices",
        does=SearchApplications.choices,
        summary="What there is to choose from: municipalities, procedures, clients, destinations.",
        answer=Choices,
    ),
    Route(
        method="POST",
        path="/applications/exports",
        operation="messages.export",
        does=SearchApplications.export,
        summary="Write down that a list is taken away, and count it; then search for its pages.",
        answer=Export,
    ),
    Route(
        method="POST",
        path="/applications/lookups",
        operation="status",
        name="status.lookup",
        does=Look.status,
        summary="The applications that have a 受付番号, which stands in no URL and no access log.",
        answer=Application,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/applications/{application}",
        operation="status",
        does=Look.status,
        summary="One application: deliveries, feedback and timeline. Who looked is an entry.",
        answer=Application,
        shape=First(),
        renamed={"application": "subject"},
    ),
    Route(
        method="POST",
        path="/applications/{application}/shred",
        operation="audit.shred",
        does=ShredDetails.__call__,
        summary="Make the free words about an application unreadable for ever.",
        answer=Shredded,
    ),
)
