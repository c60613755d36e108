import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters.sftp import SFTPConfig, SFTPDestination
from gateway.sdk import Application, Context, Delivery
from gateway.testing.cores.sftp_server import USERNAME, SFTPServer
from gateway.testing.proxy import ProxiedLine

# Python 3.11 makes a loop when pytest-asyncio asks for the current one, and nobody closes it.
asyncio.set_event_loop(None)

SAMPLES = Path(__file__).parent.parent / "samples"
KEY = "0193453a-0000-7000-8000-000000000001"
PASSWORD = "kogai-kinshi-2026"


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


@dataclass
class Core:
    """A simulated core system, its port, and the line before it that can be cut."""

    core: SFTPServer
    port: int
    line: ProxiedLine

    @property
    def config(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.line.port,
            "host_keys": [self.core.host_key],
            "username": USERNAME,
            "password": PASSWORD,
            "folder": "/drop",
            "min_free_mib": 0,
        }

    @property
    def delivered(self) -> list[str]:
        return sorted(path.name for path in self.core.drop.iterdir() if path.is_file())

    @property
    def kept(self) -> list[str]:
        state = self.core.drop / ".kakehashi"
        return sorted(path.name for path in state.rglob("*") if path.is_file())

    @property
    def in_clear(self) -> list[str]:
        """What in the state folder holds somebody's data."""
        state = self.core.drop / ".kakehashi"
        paths = [path for path in state.rglob("*") if path.is_file() and path.stat().st_size]
        return sorted(path.name for path in paths if path.suffix != ".intent")


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    core = SFTPServer(tmp_path / "root", password=PASSWORD)
    port = await core.start()
    line = await ProxiedLine.start(port)
    yield Core(core, port, line)
    await line.close()
    await core.close()


@pytest.fixture
async def opened(
    core: Core, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[SFTPDestination]]]:
    """Return what opens an adapter for the core, configured otherwise; all are closed."""
    destinations = []

    async def open_one(own: str = "own", **over: Any) -> SFTPDestination:
        folder = tmp_path / own
        folder.mkdir(exist_ok=True)
        destination = SFTPDestination(SFTPConfig.model_validate({**core.config, **over}))
        destinations.append(destination)
        await destination.open(
            Context(destination="jido-teate", municipality="131016", folder=folder)
        )
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


@pytest.fixture(scope="session")
def a_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")
