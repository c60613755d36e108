"""Several gateways on one journal send each webhook once, in the order of its application."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from gateway.crypto import keys
from gateway.crypto.webhook import WebhookSigner
from gateway.domain.identifiers import ClientName, NodeName
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.system_clock import SystemClock
from gateway.ports.webhooks import PostAnswer
from gateway.services.send_webhooks import ClientEndpoint, SendWebhooks
from gateway.testing.contracts.journal import accepted
from gateway.testing.contracts.journal_webhooks import tell
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import eventually

pytestmark = pytest.mark.postgres

PORTAL = ClientName("portal")
APPLICATIONS, EACH = 12, 4


@dataclass
class FrontEnd:
    """Takes everything, and a while to do so."""

    ids: Counter[str] = field(default_factory=Counter)
    sequences: dict[str, list[int]] = field(default_factory=dict)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostAnswer:
        del url
        self.ids[headers["webhook-id"]] += 1
        told = json.loads(body)["data"]
        self.sequences.setdefault(told["application"], []).append(told["sequence"])
        await asyncio.sleep(0.01)
        return PostAnswer(status=204, code=None)

    async def close(self) -> None:
        """Hold nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresNode]:
    server = PostgresNode.start()
    yield server
    server.remove()


@pytest.fixture
async def nodes(server: PostgresNode) -> AsyncIterator[list[PostgresJournal]]:
    url = server.database()
    journals = [PostgresJournal(url, node=NodeName(f"gw-{number}")) for number in (1, 2, 3)]
    for journal in journals:
        await journal.open()
    yield journals
    for journal in journals:
        await journal.close()


async def test_each_is_sent_once_and_in_order_by_whichever_gateway(
    nodes: list[PostgresJournal],
) -> None:
    front = FrontEnd()
    endpoint = ClientEndpoint(
        url="https://front.example/hooks",
        signer=WebhookSigner([keys.new_secret()]),
        disable_after=timedelta(days=5),
    )
    sending = [
        SendWebhooks(journal=journal, http=front, clock=SystemClock(), endpoints={PORTAL: endpoint})
        for journal in nodes
    ]
    running = [asyncio.create_task(one.run()) for one in sending]

    acceptances = [await accepted(nodes[0], destinations=("a", "b")) for _ in range(APPLICATIONS)]
    for number in range(EACH):
        await asyncio.gather(
            *(
                tell(nodes[(at + number) % 3], one.deliveries[number % 2].record.id, number)
                for at, one in enumerate(acceptances)
            )
        )
        for one in sending:
            one.nudge()
    await eventually(lambda: len(front.ids) == APPLICATIONS * EACH)

    for task in running:
        task.cancel()
    await asyncio.wait(running)
    assert set(front.ids.values()) == {1}
    assert list(front.sequences.values()) == [list(range(1, EACH + 1))] * APPLICATIONS
    assert sum(1 for one in sending if one.attempts[PORTAL, "taken"]) > 1
