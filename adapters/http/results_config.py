"""Where a core system says what became of applications, and what its words mean."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, HttpUrl, field_validator, model_validator

from gateway.formats.result_config import refuse_time_pattern
from gateway.sdk import AdapterConfig, FeedbackStatus

POINTER: Final = r"^(/([^~/]|~[01])*)+$"
"""RFC 6901, but for the pointer to the whole document."""

Pointer = Annotated[str, Field(pattern=POINTER)]


class ResultsConfig(AdapterConfig):
    """An address that lists results as JSON, on one page or several."""

    url: HttpUrl = Field(description="GET here answers the first page of results.")
    items_pointer: Pointer | None = Field(
        default=None,
        description="JSON pointer to the list of results on a page; the page itself without it.",
    )
    pagination: Literal["none", "link", "next_url", "cursor"] = Field(
        default="none",
        description="How a page names the one after it: `link` with a Link header whose relation "
        "is `next` (RFC 8288), `next_url` with an address at `next_pointer`, `cursor` with a text "
        "or number there, which goes into `cursor_parameter` of `url`.",
    )
    next_pointer: Pointer | None = Field(
        default=None,
        description="JSON pointer to the next page's address or cursor; null, empty or missing on "
        "the last page.",
    )
    cursor_parameter: str | None = Field(
        default=None,
        pattern=r"^[0-9A-Za-z._~-]+$",
        description="Query parameter that takes the cursor.",
    )
    resume: Literal["first_page", "last_page"] = Field(
        default="first_page",
        description="Where each poll begins. `last_page` is for a list that only grows at its end: "
        "it goes on with the last page that was read, also after a restart.",
    )
    poll_interval_s: float = Field(
        default=60.0, ge=0.05, le=86_400, description="Pause between two polls."
    )
    max_page_bytes: int = Field(
        default=4 * 1024 * 1024, ge=1, le=64 * 1024 * 1024, description="Longest page that is read."
    )
    max_page_items: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="Most results of one page; one with more is not read.",
    )
    max_pages: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Most pages of one poll; the rest is left to a later one with `last_page`.",
    )
    max_results: int = Field(
        default=500_000,
        ge=1,
        le=5_000_000,
        description="Most results of one poll with `first_page`, which remembers them all (some "
        "300 bytes each): behind the page on which it reaches them, a poll reads no further.",
    )

    key_pointer: Pointer = Field(
        description="In a result: JSON pointer to the idempotency key of the delivery."
    )
    status_pointer: Pointer = Field(description="In a result: JSON pointer to the status.")
    statuses: dict[str, FeedbackStatus] = Field(
        default={status.japanese: status for status in FeedbackStatus},
        min_length=1,
        description="The core system's word or code to `accepted`, `returned`, `rejected`, "
        "`withdrawn` or `completed`. One that is not here is logged and left out; once it is "
        "added, the list is read anew.",
    )
    decided_at_pointer: Pointer = Field(
        description="In a result: JSON pointer to the time of the decision."
    )
    decided_at_format: str = Field(
        default="iso",
        pattern="^iso$|%",
        description="`iso`, or a strptime pattern such as `%Y/%m/%d %H:%M:%S`; JST if it says no "
        "zone.",
    )
    reason_pointer: Pointer | None = Field(
        default=None,
        description="In a result: JSON pointer to a reason code; never free text.",
    )
    reference_pointer: Pointer | None = Field(
        default=None, description="In a result: JSON pointer to the core system's own number."
    )

    @field_validator("decided_at_format")
    @classmethod
    def _has_a_day(cls, pattern: str) -> str:
        return refuse_time_pattern(pattern)

    @model_validator(mode="after")
    def _pages_fit_together(self) -> Self:
        has_pointer = self.next_pointer is not None
        if has_pointer != (self.pagination in {"next_url", "cursor"}):
            raise ValueError("next_pointer goes with pagination: next_url or cursor, and only then")
        if (self.cursor_parameter is not None) != (self.pagination == "cursor"):
            raise ValueError("cursor_parameter goes with pagination: cursor, and only then")
        return self
