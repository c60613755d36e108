import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.sdk import Application, Context, Delivery

# Python 3.11 makes a loop when pytest-asyncio asks for the current one, and nobody closes it.
asyncio.set_event_loop(None)

SAMPLES = Path(__file__).parent.parent / "samples"
KEY = "0193453a-0000-7000-8000-000000000001"


def an_application(sample: str = "childcare-allowance-claim", **over: Any) -> Application:
    body = json.loads((SAMPLES / f"{sample}.message.json").read_text(encoding="utf-8"))
    application = Application(
        id="01934539-0000-7000-8000-000000000001",
        municipality="131016",
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


def a_delivery(key: str = KEY, **over: Any) -> Delivery:
    delivery = Delivery(
        idempotency_key=key, attempt=1, deadline=datetime.now(UTC) + timedelta(seconds=30)
    )
    return replace(delivery, **over)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    folder = tmp_path / "own"
    folder.mkdir()
    return Context(destination="jido-teate", municipality="131016", folder=folder)


@pytest.fixture
def application() -> Callable[..., Application]:
    return an_application


@pytest.fixture
def delivery() -> Callable[..., Delivery]:
    return a_delivery
