"""What an operator asks on the command line, page by page where there is more than one."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.acceptance.harness.processes import CommandFailedError, ask, run

_PAGE: Final = 500


class Operator:
    """Somebody with a shell on the machine of one gateway."""

    def __init__(self, config: Path, env: Mapping[str, str] = {}) -> None:
        self._config = config
        self._env = env

    def ask(self, *arguments: str) -> Any:
        """Run a command and return its answer."""
        return ask(
            *arguments, "--config", str(self._config), cwd=self._config.parent, env=self._env
        )

    def run(self, *arguments: str) -> str:
        """Run a command and return what it printed."""
        return run(
            *arguments, "--config", str(self._config), cwd=self._config.parent, env=self._env
        )

    def add_client(self, name: str) -> str:
        """Return a new API key of a client."""
        return str(self.ask("client", "add", name)["key"])

    def applications(self) -> list[dict[str, Any]]:
        """Return every application in the journal."""
        found: list[dict[str, Any]] = []
        while True:
            before = ["--before", found[-1]["id"]] if found else []
            page = self.ask("messages", "list", "--limit", str(_PAGE), *before)
            found += page
            if len(page) < _PAGE:
                return found

    def deliveries(self) -> list[dict[str, Any]]:
        """Return every delivery in the journal, each with its application's id."""
        return [
            {**delivery, "application": application["id"]}
            for application in self.applications()
            for delivery in application["deliveries"]
        ]

    def states(self) -> Counter[str]:
        """Return how many deliveries are in each state."""
        overview = self.ask("status")
        counts: Counter[str] = Counter()
        for destination in overview["destinations"]:
            counts.update(destination["deliveries"])
        return counts

    def timelines(self, applications: Sequence[str], most: int = 5) -> str:
        """Return the hops of some applications, for messages."""
        told = []
        for application in applications[:most]:
            try:
                told.append(json.dumps(self.ask("status", application), indent=1))
            except CommandFailedError as error:
                told.append(f"{application}: {error}")
        return "\n".join(told)

    def verify_audit(self) -> dict[str, Any]:
        """Return what ``audit verify`` found."""
        answer: dict[str, Any] = self.ask("audit", "verify")
        return answer
