"""What a gateway process did at each hop since it began: read at every scrape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.domain.identifiers import ClientName, DestinationName
from gateway.services.flow_ring import SinceStart
from gateway.services.tally import Commits, Histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class Hops:
    """References into what the services tally themselves; each is written by its service only.

    Attributes:
        flow: Accepted and what came of it, by destination.
        lag_s: From when a copy was due (accepted, for a first attempt) until the broker had it.
        published_s: How long the broker took to confirm, by queue.
        unpublished: What it did not confirm, by queue and code.
        verdicts: Claims answered, by destination and verdict.
        claim_s: From a question in hand to its committed answer.
        reports_refused: What came over the broker and was not believed, by code, as each who
            listens counts it.
        feedback: Statuses recorded, by destination and status.
        webhooks: Attempts, by client and code; ``taken`` for those taken.
        webhook_s: How long an endpoint took to answer, by client.
        republished: Copies found missing and published again.
        abandoned: Claims that came to nothing and were put in doubt.
        commits: The journal's.
        late_s: How late the event loop woke.
    """

    flow: Mapping[DestinationName, SinceStart] = field(default_factory=dict)
    lag_s: Mapping[DestinationName, Histogram] = field(default_factory=dict)
    published_s: Mapping[str, Histogram] = field(default_factory=dict)
    unpublished: Mapping[tuple[str, str], int] = field(default_factory=dict)
    verdicts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    claim_s: Histogram = field(default_factory=Histogram)
    reports_refused: Sequence[Mapping[str, int]] = ()
    feedback: Mapping[tuple[str, str], int] = field(default_factory=dict)
    webhooks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    webhook_s: Mapping[ClientName, Histogram] = field(default_factory=dict)
    republished: Mapping[DestinationName, int] = field(default_factory=dict)
    abandoned: Mapping[DestinationName, int] = field(default_factory=dict)
    commits: Commits = field(default_factory=Commits)
    late_s: Histogram = field(default_factory=Histogram)
