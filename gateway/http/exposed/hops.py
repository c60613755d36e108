"""What the process did at each hop since it began: how often, with what result, how long."""

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import Metric

from gateway.http.exposed.families import counter, gauge, histogram
from gateway.services.flow_ring import Counted, Lasting
from gateway.services.hops import Hops
from gateway.services.tally import Histogram

_OUTCOMES = (Counted.DELIVERED, Counted.REJECTED, Counted.DEFERRED, Counted.IN_DOUBT)


def families(hops: Hops) -> Iterator[Metric]:
    """Yield each hop's, in the order of an application's way."""
    flow = hops.flow
    yield counter(
        "deliveries_accepted",
        "Deliveries accepted here, by destination: one application may go to several.",
        ("destination",),
        {(name,): since.counts[Counted.ACCEPTED] for name, since in flow.items()},
    )
    yield from _relay(hops)
    yield from _claims(hops)
    yield counter(
        "outcomes",
        "Outcomes that changed a delivery and were written down here; a deferred one is tried "
        "again.",
        ("destination", "outcome"),
        {
            (name, kind.name.lower()): since.counts[kind]
            for name, since in flow.items()
            for kind in _OUTCOMES
        },
    )
    for what, name, text in (
        (Lasting.SEND, "send_seconds", "How long the core system took to answer a send."),
        (
            Lasting.WAITING,
            "waiting_seconds",
            "How long a delivery waited for a worker, since its acceptance or its copy's queueing.",
        ),
        (
            Lasting.CRITICAL,
            "delivery_seconds",
            "From its acceptance until it was written down that it is delivered.",
        ),
    ):
        times = {(destination,): since.times[what] for destination, since in flow.items()}
        yield histogram(name, text, ("destination",), times)
    yield counter(
        "feedback",
        "Statuses of core systems recorded here.",
        ("destination", "status"),
        hops.feedback,
    )
    yield counter(
        "webhook_attempts",
        "Webhooks posted, by client and what became of it: taken, or why not.",
        ("client", "code"),
        hops.webhooks,
    )
    yield histogram(
        "webhook_seconds",
        "How long an endpoint took to answer.",
        ("client",),
        {(client,): times for client, times in hops.webhook_s.items()},
    )
    yield from _repairs(hops)
    yield from _journal(hops)


def _relay(hops: Hops) -> Iterator[Metric]:
    yield from publish_families(hops.published_s, hops.unpublished)
    yield histogram(
        "relay_lag_seconds",
        "From when a copy was due (accepted, for a first attempt) until the broker had it.",
        ("destination",),
        {(name,): times for name, times in hops.lag_s.items()},
    )


def _claims(hops: Hops) -> Iterator[Metric]:
    refused: Counter[str] = Counter()
    for counted in hops.reports_refused:
        refused.update(counted)
    yield counter(
        "claims_answered",
        "Claims of workers that were answered, by verdict: go, resolve, wait or drop.",
        ("destination", "verdict"),
        hops.verdicts,
    )
    yield histogram(
        "claim_answer_seconds",
        "From a message with claims in hand to its committed answer.",
        (),
        {(): hops.claim_s},
    )
    yield counter(
        "reports_refused",
        "Claims, outcomes and feedback that were not believed or not readable, by code.",
        ("code",),
        {
            (code,): count
            for code, count in sum(map(Counter, hops.reports_refused), Counter()).items()
        },
    )


def _repairs(hops: Hops) -> Iterator[Metric]:
    for name, text, counted in (
        ("republished", "Copies found missing on the broker.", hops.republished),
        ("abandoned", "Claims found to have come to nothing.", hops.abandoned),
    ):
        values = {(destination,): count for destination, count in counted.items()}
        yield counter(f"deliveries_{name}", text, ("destination",), values)


def _journal(hops: Hops) -> Iterator[Metric]:
    commits = hops.commits
    yield histogram(
        "commit_steps",
        "How many steps shared a transaction of the journal, and so its fsync.",
        (),
        {(): commits.steps},
    )
    yield histogram(
        "commit_seconds",
        "How long such a transaction took until it was durable.",
        (),
        {(): commits.seconds},
    )
    yield counter(
        "commit_failures",
        "Transactions of the journal that came to nothing; those that met a deadlock are tried "
        "again.",
        (),
        {(): commits.failed},
    )
    yield late_family(hops.late_s)


def publish_families(
    published_s: Mapping[str, Histogram], unpublished: Mapping[tuple[str, str], int]
) -> Iterator[Metric]:
    """Yield what was published, by queue: for a gateway and for a worker."""
    yield histogram(
        "broker_publish_seconds",
        "How long the broker took to confirm a message.",
        ("queue",),
        {(queue,): times for queue, times in published_s.items()},
    )
    yield counter(
        "broker_publish_failures",
        "Messages that the broker did not confirm, by code; they are published again.",
        ("queue", "code"),
        unpublished,
    )


def late_family(late_s: Histogram) -> Metric:
    """Return how late the event loop is."""
    return histogram(
        "event_loop_late_seconds",
        "How late the event loop woke: what blocks it holds up everything in this process.",
        (),
        {(): late_s},
    )


def broker_family(*, is_connected: bool) -> Metric:
    """Return whether the broker can be spoken to."""
    return gauge(
        "broker_connected",
        "1 while the connections to the broker stand; a frozen one is noticed after half a minute.",
        (),
        {(): is_connected},
    )
