"""What Prometheus is told: all of it documented, and no label that anybody outside can fill."""

from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientSession

from gateway.bootstrap.worker_metrics import measured
from gateway.domain.lifecycle import State
from gateway.http.metrics import Metrics
from gateway.http.protocol import Answered
from gateway.services.attempts import MOST_CODES, OTHER
from gateway.services.hops import Hops
from gateway.services.measured_broker import MeasuredBroker
from gateway.services.observe import Observed
from gateway.services.tally import Capped
from gateway.testing.metric_families import metric_families
from gateway.testing.world import World, eventually

PAGE: Final = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0"

BOUNDED: Final = {
    "destination": "configured, or in the journal",
    "client": "configured",
    "queue": "the broker's, one or two a destination",
    "state": "State",
    "breaker": "BreakerState",
    "verdict": "Verdict",
    "outcome": "OutcomeKind",
    "status": "FeedbackStatus, or HTTP's",
    "code": "ours; a core system's own are capped",
    "method": "HTTP's, or other",
    "route": "a template, or -",
    "folder": "home, keys, journal",
    "file": "a key of the configuration",
    "version": "one",
    "python": "one",
    "role": "Role",
}
"""Why a label cannot grow without bound. Whoever adds one says why here."""


def answered(**over: object) -> Answered:
    facts: dict[str, object] = {
        "method": "POST",
        "route": "/v1/municipalities/{code}/applications",
        "status": 202,
        "code": None,
        "client": "portal",
        "application_id": None,
        "body_bytes": 10,
        "duration_s": 0.02,
        **over,
    }
    return Answered(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(name for name, _, _ in metric_families()))
def test_every_metric_is_documented(name: str) -> None:
    assert f"| `{name}` |" in PAGE.read_text(encoding="utf-8")


def test_every_label_is_known_to_be_bounded() -> None:
    used = {label for _, _, labels in metric_families() for label in labels}

    assert used - BOUNDED.keys() == set()


def test_words_that_a_client_makes_up_make_no_series() -> None:
    metrics = Metrics()
    for number in range(100):
        metrics.observe(answered(method=f"WORD{number}", status=405, route="-"))

    told, _ = metrics.exposition(Observed())

    assert told.decode().count("\nkakehashi_http_requests_total{") == 1
    assert 'method="other",route="-",status="405"} 100.0' in told.decode()


def test_codes_that_a_core_system_makes_up_are_counted_together_past_the_fiftieth() -> None:
    errors: Capped[str] = Capped(MOST_CODES, OTHER)
    for number in range(1000):
        errors.add(f"E{number}")

    assert len(errors) == MOST_CODES + 1
    assert errors[OTHER] == 1000 - MOST_CODES


def test_openmetrics_has_the_trace_of_an_application_and_plain_text_has_not() -> None:
    metrics = Metrics()
    metrics.observe(answered(traceparent=f"00-{TRACE}-b7ad6b7169203331-01"))

    plain, plain_type = metrics.exposition(Observed())
    open_, open_type = metrics.exposition(Observed(), OPENMETRICS)

    assert plain_type.startswith("text/plain; version=0.0.4")
    assert TRACE not in plain.decode()
    assert open_type.startswith("application/openmetrics-text")
    assert f'kakehashi_accept_seconds_bucket{{le="0.025"}} 1.0 # {{trace_id="{TRACE}"}} 0.02' in (
        open_.decode()
    )
    assert open_.decode().endswith("# EOF\n")


async def test_a_whole_way_is_told_hop_by_hop(tmp_path: Path) -> None:
    async with World.make(tmp_path) as world:
        world.start_worker()
        await world.until(await world.accepted(), State.DELIVERED)
        metrics = Metrics(world.gateway.hops)
        # Counted right after the commit that everybody else sees.
        await eventually(lambda: b'outcome="delivered"} 1.0' in metrics.exposition(Observed())[0])
        told, _ = metrics.exposition(Observed())

    lines = told.decode().splitlines()
    for line in (
        'kakehashi_deliveries_accepted_total{destination="core"} 1.0',
        'kakehashi_broker_publish_seconds_count{queue="dest.core"} 1.0',
        'kakehashi_relay_lag_seconds_count{destination="core"} 1.0',
        'kakehashi_claims_answered_total{destination="core",verdict="go"} 1.0',
        "kakehashi_claim_answer_seconds_count 1.0",
        'kakehashi_outcomes_total{destination="core",outcome="delivered"} 1.0',
        'kakehashi_send_seconds_count{destination="core"} 1.0',
        'kakehashi_waiting_seconds_count{destination="core"} 1.0',
        'kakehashi_delivery_seconds_count{destination="core"} 1.0',
        "kakehashi_commit_failures_total 0.0",
    ):
        assert line in lines, line
    [commits] = [line for line in lines if line.startswith("kakehashi_commit_seconds_count ")]
    assert float(commits.split()[1]) > 3


async def test_a_worker_tells_what_its_attempts_come_to_if_it_has_a_port(tmp_path: Path) -> None:
    async with World.make(tmp_path) as world:
        world.start_worker()
        await world.until(await world.accepted(), State.DELIVERED)
        section = world.gateway.settings.metrics.model_copy(update={"port": 0})
        settings = world.gateway.settings.model_copy(update={"metrics": section})
        broker = MeasuredBroker(world.broker)
        async with (
            measured(settings, [world.worker], broker) as address,
            ClientSession(address) as session,
        ):
            async with session.get("/metrics") as answer:
                text = await answer.text()
            async with session.get("/livez") as answer:
                alive = await answer.json()
        async with measured(world.gateway.settings, [world.worker], broker) as nowhere:
            pass

    assert alive == {"live": True}
    assert nowhere is None
    for line in (
        'kakehashi_worker_in_flight{destination="core"} 0.0',
        'kakehashi_worker_breaker{breaker="closed",destination="core"} 1.0',
        'kakehashi_worker_send_seconds_count{destination="core"} 1.0',
        'kakehashi_worker_outcomes_total{destination="core",outcome="delivered"} 1.0',
        "kakehashi_broker_connected 1.0",
    ):
        assert line in text.splitlines(), line


def test_a_process_that_did_nothing_yet_tells_so() -> None:
    told, _ = Metrics(Hops()).exposition(Observed(is_readable=False))

    assert b"kakehashi_applications_accepted_total 0.0" in told
    assert b"kakehashi_journal_readable 0.0" in told
    assert b"kakehashi_broker_connected" not in told.replace(b"# ", b"").split(b"\n")
