"""A private RabbitMQ cluster for tests: nodes of one machine that keep each queue together."""

import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from gateway.testing.rabbitmq import Ports, RabbitNode, free_ports

_NODES: Final = 3
_STARTS: Final = 3
_CONF: Final = "cluster_partition_handling = pause_minority\n"
_JOINS: Final = (
    _CONF
    + """\
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.randomized_startup_delay_range.min = 0
cluster_formation.randomized_startup_delay_range.max = 0
cluster_formation.discovery_retry_limit = 180
cluster_formation.discovery_retry_interval = 500
cluster_formation.classic_config.nodes.1 = {first}
"""
)
"""Of every node but the first: each waits for that one, and never begins alone."""


class RabbitCluster:
    """Three nodes that know each other; a node in a minority stops serving. ``start`` it.

    Attributes:
        nodes: All of them; each may be killed and restarted alone.
    """

    def __init__(self, nodes: Sequence[RabbitNode]) -> None:
        """Keep nodes that are cluster mates by their configuration."""
        self.nodes = tuple(nodes)

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Start all nodes with their data below ``folder``; return when they are one cluster.

        Raises:
            TimeoutError: One was not ready in time; nothing is left running.
        """
        first = free_ports()
        ports = [first, *(Ports(*free_ports()[:2], first.epmd) for _ in range(_NODES - 1))]
        begins = RabbitNode(folder / "1", first, more_conf=_CONF)
        conf = _JOINS.format(first=begins.name)
        joining = [
            RabbitNode(folder / str(number), each, more_conf=conf)
            for number, each in enumerate(ports[1:], 2)
        ]
        cluster = cls([begins, *joining])
        cookie = secrets.token_hex(20)
        try:
            for node in cluster.nodes:
                node.prepare(cookie=cookie, shares_epmd=node is not begins)
            cluster.restart(cluster.nodes)
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @property
    def url(self) -> str:
        """For the default user and virtual host, with every node's address."""
        addresses = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"amqp://guest:guest@{addresses}/"

    @staticmethod
    def restart(nodes: Iterable[RabbitNode]) -> None:
        """Start nodes again, all at once: some wait for the others.

        A node gives up that meets another just when that one pauses in its minority
        ("Mnesia protocol negotiation failed"). It is started again, as systemd would.

        Raises:
            TimeoutError: One was not ready, however often it was started.
        """
        with ThreadPoolExecutor() as threads:
            for _ in threads.map(_restart, nodes):
                pass

    def is_on_disk(self, queue: str) -> bool:
        """Tell whether every node remembers that it keeps ``queue`` (``RabbitNode.is_on_disk``)."""
        return all(node.is_on_disk(queue) for node in self.nodes)

    def stop(self) -> None:
        """End all nodes; their folders stay. Idempotent."""
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.stop()


def _restart(node: RabbitNode) -> None:
    for _ in range(_STARTS - 1):
        with suppress(TimeoutError):
            node.restart()
            return
    node.restart()
