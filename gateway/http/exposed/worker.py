"""What a worker process tells Prometheus of the destinations that it works for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import Metric

from gateway.domain.claim import BreakerState
from gateway.domain.identifiers import DestinationName
from gateway.domain.outcome import OutcomeKind
from gateway.http.exposed import lost as of_lost
from gateway.http.exposed.families import counter, gauge, histogram
from gateway.http.exposed.hops import broker_family, late_family, publish_families
from gateway.http.exposed.lost import Lost
from gateway.services.attempts import Attempts
from gateway.services.tally import Histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """One destination's worker as it is now.

    Attributes:
        destination: Its configured name.
        in_flight: Copies in its hands.
        breaker: What it lets through.
        attempts: What its attempts came to.
    """

    destination: DestinationName
    in_flight: int
    breaker: BreakerState
    attempts: Attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Talking:
    """How the process gets on with the broker, and with its event loop.

    Attributes:
        is_connected: Whether the broker can be spoken to.
        published_s: How long the broker took to confirm, by queue.
        unpublished: What it did not confirm, by queue and code.
        answered_s: How long questions to the gateway waited for their answers, by queue.
        unanswered: Those that got none, by queue and code.
        late_s: How late the event loop woke.
        lost: What of the process's own telling got lost.
    """

    is_connected: bool
    published_s: Mapping[str, Histogram] = field(default_factory=dict)
    unpublished: Mapping[tuple[str, str], int] = field(default_factory=dict)
    answered_s: Mapping[str, Histogram] = field(default_factory=dict)
    unanswered: Mapping[tuple[str, str], int] = field(default_factory=dict)
    late_s: Histogram = field(default_factory=Histogram)
    lost: Lost = field(default_factory=Lost)


def families(working: Iterable[Working], talking: Talking) -> Iterator[Metric]:
    """Yield the process's, in the order of a copy's way."""
    each = {one.destination: one for one in working}
    yield broker_family(is_connected=talking.is_connected)
    yield gauge(
        "worker_in_flight",
        "Copies in the worker's hands: waiting for their turn, claimed, or being sent.",
        ("destination",),
        {(name,): one.in_flight for name, one in each.items()},
    )
    yield gauge(
        "worker_breaker",
        "1 for what the worker's circuit breaker does: closed sends, open does not, half_open "
        "tries one.",
        ("destination", "breaker"),
        {
            (name, breaker): one.breaker == breaker
            for name, one in each.items()
            for breaker in BreakerState
        },
    )
    yield histogram(
        "worker_send_seconds",
        "From calling the core system to its answer.",
        ("destination",),
        {(name,): one.attempts.send_s for name, one in each.items()},
    )
    yield counter(
        "worker_outcomes",
        "What attempts came to, before they are reported.",
        ("destination", "outcome"),
        {
            (name, kind.value): one.attempts.outcomes[kind.value]
            for name, one in each.items()
            for kind in OutcomeKind
        },
    )
    yield counter(
        "worker_errors",
        "Attempts that did not deliver, by code; a core system's own codes past the fiftieth "
        "count as other.",
        ("destination", "code"),
        {
            (name, code): count
            for name, one in each.items()
            for code, count in one.attempts.errors.items()
        },
    )
    yield from publish_families(talking.published_s, talking.unpublished)
    yield histogram(
        "broker_request_seconds",
        "How long a question to the gateway (a claim, a heartbeat) waited for its answer.",
        ("queue",),
        {(queue,): times for queue, times in talking.answered_s.items()},
    )
    yield counter(
        "broker_request_failures",
        "Questions to the gateway that got no answer, by code; they are asked again.",
        ("queue", "code"),
        talking.unanswered,
    )
    yield late_family(talking.late_s)
    yield from of_lost.families(talking.lost)
