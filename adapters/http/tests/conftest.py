import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.http import HTTPConfig, HTTPDestination
from gateway.sdk import Application, Context, Delivery
from gateway.testing.cores.http_core import HTTPCore
from gateway.testing.cores.ledger import Ledger

# Python 3.11 makes a loop when pytest-asyncio asks for the current one, and nobody closes it.
asyncio.set_event_loop(None)

SAMPLES = Path(__file__).parent.parent / "samples"
KEY = "0193453a-0000-7000-8000-000000000001"


def an_application(sample: str = "childcare-allowance-claim", **over: Any) -> Application:
    body = json.loads((SAMPLES / f"{sample}.message.json").read_text(encoding="utf-8"))
    application = Application(
        id="01934539-0000-7000-8000-000000000001",
        municipality=body["applicant"]["destination"]["municipality_code"],
        procedure=body["procedure"],
        version=body["version"],
        receipt_number=body["receipt_number"],
        supersedes=None,
        submitted_at=datetime.fromisoformat(body["submitted_at"]),
        accepted_at=datetime(2026, 11, 20, 0, 30, tzinfo=UTC),
        applicant=body["applicant"],
        content=body["content"],
    )
    return replace(application, **over)


def a_delivery(**over: Any) -> Delivery:
    delivery = Delivery(
        idempotency_key=KEY, attempt=1, deadline=datetime.now(UTC) + timedelta(seconds=30)
    )
    return replace(delivery, **over)


@dataclass
class Core:
    """A simulated core system and where it listens."""

    core: HTTPCore
    url: str

    @property
    def arrived(self) -> int:
        return len(self.core.ledger.arrivals)


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    ledger = Ledger(tmp_path / "ledger.jsonl", synced=False)
    core = HTTPCore(ledger)
    yield Core(core, f"http://127.0.0.1:{await core.start()}")
    await core.close()
    ledger.close()


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Return what opens an adapter with a configuration; all are closed afterwards."""
    destinations = []

    async def open_one(**config: Any) -> HTTPDestination:
        destination = HTTPDestination(HTTPConfig.model_validate(config))
        destinations.append(destination)
        await destination.open(Context(destination="bosai", municipality="131016", folder=tmp_path))
        return destination

    yield open_one
    for destination in destinations:
        await destination.close()


@pytest.fixture
def application() -> Callable[..., Application]:
    return an_application


@pytest.fixture
def delivery() -> Callable[..., Delivery]:
    return a_delivery
