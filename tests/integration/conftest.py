"""A RabbitMQ node that these tests may kill, freeze and fill; and a verifier written in Go."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.drivers.rabbitmq import RabbitBroker
from gateway.testing.contracts.broker import PATIENCE_S
from gateway.testing.rabbitmq import RabbitNode

GOCHECK = Path(__file__).parent / "gocheck" / "main.go"
GOPATH = Path("/usr/share/gocode")
"""Where Debian puts the sources of Go's packages."""


@pytest.fixture(scope="session")
def gocheck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verifier, built once a session from Debian's packages, without a network."""
    go = shutil.which("go")
    if go is None or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Go is not installed")
    folder = tmp_path_factory.mktemp("go")
    settings = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOCACHE": str(folder / "cache"),
        "GOPATH": str(GOPATH),
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    command = [go, "build", "-o", str(folder / "gocheck"), str(GOCHECK)]
    subprocess.run(command, env=settings, check=True, timeout=300)
    return folder / "gocheck"


@pytest.fixture(scope="session")
def one_rabbit_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    node = RabbitNode.start(tmp_path_factory.mktemp("rabbitmq"))
    yield node
    node.kill()
    node.stop()


@pytest.fixture
def node(one_rabbit_node: RabbitNode) -> Iterator[RabbitNode]:
    """The node, running again whatever the test did to it."""
    yield one_rabbit_node
    one_rabbit_node.resume()
    if not one_rabbit_node.is_running:
        one_rabbit_node.restart()


@pytest.fixture
async def broker(node: RabbitNode) -> AsyncIterator[RabbitBroker]:
    broker = RabbitBroker(node.url, confirm_timeout_s=5, connect_timeout_s=5, canary_every_s=0.2)
    await broker.open()
    yield broker
    await broker.close()


@pytest.fixture
def name() -> str:
    """A destination that no other test uses."""
    return f"t-{uuid4().hex[:12]}"


@pytest.fixture
async def queue(node: RabbitNode, broker: RabbitBroker, name: str) -> str:
    await broker.declare([name])
    async with asyncio.timeout(PATIENCE_S):
        while not node.is_on_disk(f"dest.{name}"):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.02)
    return f"dest.{name}"
