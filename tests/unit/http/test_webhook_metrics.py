"""Operators are alerted of endpoints by what Prometheus is told of them."""

from datetime import timedelta
from pathlib import Path

from gateway.domain.identifiers import ClientName
from gateway.domain.webhook import Endpoint
from gateway.drivers.system_clock import SystemClock
from gateway.http.metrics import Metrics
from gateway.ports.webhooks import EndpointDecision
from gateway.services.hops import Hops
from gateway.services.observe import Observe
from gateway.testing.contracts.journal import accepted, delivery_of
from gateway.testing.contracts.journal_webhooks import tell
from gateway.testing.world import World


async def test_what_waits_for_how_long_and_what_is_disabled_is_told_by_client(
    tmp_path: Path,
) -> None:
    async with World.make(tmp_path) as world:
        journal, now = world.gateway.journal, SystemClock().now()
        gone = Endpoint(client=ClientName("other"), disabled_at=now, code="webhook.gone")
        await journal.decide_endpoint(gone.client, lambda _: EndpointDecision(endpoint=gone))
        delivery = delivery_of(await accepted(journal))
        await tell(journal, delivery, received_at=now - timedelta(hours=1))
        observe = Observe(
            journal=journal, destinations=world.gateway.destinations, clock=SystemClock()
        )

        hops = Hops(webhooks={("portal", "webhook.busy"): 3})
        told, _ = Metrics(hops).exposition(await observe())

    lines = told.decode().splitlines()
    assert 'kakehashi_webhook_attempts_total{client="portal",code="webhook.busy"} 3.0' in lines
    assert 'kakehashi_webhooks_waiting{client="portal"} 1.0' in lines
    assert 'kakehashi_webhooks_waiting{client="other"} 0.0' in lines
    assert 'kakehashi_webhook_endpoint_disabled{client="portal"} 0.0' in lines
    assert 'kakehashi_webhook_endpoint_disabled{client="other"} 1.0' in lines
    [age] = [line for line in lines if line.startswith("kakehashi_oldest_webhook_seconds{")]
    assert 'client="portal"' in age
    assert 3600 <= float(age.split()[-1]) < 3700
