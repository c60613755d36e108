"""The embedded footing: one process, ``kakehashi up``, on a configuration of its own."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.harness.front import Front
from tests.acceptance.harness.landscape import tenant
from tests.acceptance.harness.operations import Operator
from tests.acceptance.harness.processes import KAKEHASHI, Program, free_ports


class Embedded:
    """One ``up`` that can be ended and started again on the same data.

    Attributes:
        home: Everything it keeps.
        program: The process.
        operator: Somebody on its machine.
    """

    def __init__(
        self,
        folder: Path,
        destinations: Mapping[str, Any],
        *,
        command: Sequence[str] = KAKEHASHI,
        log_level: str = "info",
    ) -> None:
        """Write the configuration; nothing is started."""
        self.home = folder / "home"
        front_port, operations_port = free_ports(2)
        self.front_url = f"http://127.0.0.1:{front_port}"
        self.operations_url = f"http://127.0.0.1:{operations_port}"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "kakehashi.yaml"
        document = {
            "node": "gw-1",
            "home": str(self.home),
            "journal": {"url": f"sqlite:///{self.home / 'journal.db'}"},
            "keys": {"folder": str(self.home / "keys")},
            "http": {"port": front_port, "operations_port": operations_port},
            "log": {"level": log_level},
            **tenant(destinations),
        }
        # JSON is YAML.
        config.write_text(json.dumps(document, ensure_ascii=False, indent=1))
        self.program = Program(
            "up", [*command, "up", "--json", "--config", str(config)], folder=folder
        )
        self.operator = Operator(config)
        self._api_key: str | None = None

    def start(self) -> None:
        """Start it and return when it answers."""
        self.program.start()
        self.program.first_line()

    @property
    def api_key(self) -> str:
        """The front-end system's key, made on the first call."""
        self._api_key = self._api_key or self.operator.add_client("portal")
        return self._api_key

    def front(self) -> Front:
        """Return the front-end system."""
        return Front([self.front_url], self.api_key)
