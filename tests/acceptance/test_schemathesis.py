"""The running door holds to its own OpenAPI document, in whatever case schemathesis makes up.

The cases are the same every time, unless ``DOOR_EXAMPLES`` asks for more than the few of
every day: then they are random, and their seed stands in the output.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.harness.embedded import Embedded
from tests.acceptance.harness.landscape import DESTINATIONS
from tests.acceptance.harness.processes import environment

MORE: Final = int(os.environ.get("DOOR_EXAMPLES", "0"))
EXAMPLES: Final = MORE or 40
TIMEOUT_S: Final = 180 + 2 * MORE

SUBMIT: Final = "POST /v1/municipalities/{code}/applications"
ROOT: Final = Path(__file__).resolve().parents[2]
CONFIGURATION: Final = ROOT / "tests" / "acceptance" / "door" / "schemathesis.toml"
ST: Final = Path(sys.executable).with_name("st")

WITH_A_KEY: Final = """
[auth.openapi.api_key]
bearer = "${DOOR_KEY}"

[warnings]
# A case that never gets far, or is told to wait, tests nothing.
fail-on = true
low_valid_rate = { threshold = 0.1 }
"""


@dataclass(frozen=True)
class Findings:
    """What one run came to.

    Attributes:
        code: Its exit code; 0 only if every check held in every case.
        output: What it printed.
        report: Its own account, ``--report json``.
    """

    code: int
    output: str
    report: dict[str, Any]

    @property
    def failures(self) -> set[str]:
        """Of what kinds its failures are."""
        return {failure["type"] for failure in self.report["failures"]}


class Door:
    """A gateway with two clients, and schemathesis to ask it."""

    def __init__(self, folder: Path) -> None:
        """Start the gateway."""
        destinations = {
            name: {
                "municipality": "131016",
                "adapter": "file",
                "idempotency": "lookup",
                "config": {"folder": str(folder / "cores" / name)},
            }
            for names in DESTINATIONS.values()
            for name in names
        }
        self.up = Embedded(folder / "up", destinations, log_level="warning")
        config = folder / "up" / "kakehashi.yaml"
        document = json.loads(config.read_text())
        document["clients"]["neighbour"] = document["clients"]["portal"]
        # A 429 is documented everywhere and would hide what is behind it.
        document["http"] |= {"requests_per_s": 100_000, "request_burst": 100_000}
        config.write_text(json.dumps(document))
        self.up.start()
        self._neighbours_key = self.up.operator.add_client("neighbour")

    def document(self) -> dict[str, Any]:
        """Return what it serves as its OpenAPI document."""
        with urllib.request.urlopen(f"{self.up.front_url}/openapi.json") as answer:  # noqa: S310 - ours
            found: dict[str, Any] = json.load(answer)
        return found

    def ask(
        self,
        folder: Path,
        *,
        has_key: bool,
        document: dict[str, Any] | None = None,
        examples: int = EXAMPLES,
    ) -> Findings:
        """Run schemathesis over every operation of the document, by default the door's own."""
        folder.mkdir()
        location = f"{self.up.front_url}/openapi.json"
        arguments = ["--url", self.up.front_url]
        if document is not None:
            location = str(folder / "openapi.json")
            Path(location).write_text(json.dumps(document))
        config = folder / "schemathesis.toml"
        config.write_text(CONFIGURATION.read_text() + (WITH_A_KEY if has_key else ""))
        report = folder / "report.json"
        arguments += ["--report", "json", "--report-json-path", str(report)]
        arguments += [
            "--checks",
            "all",
            "--max-examples",
            str(examples),
            "--no-color",
            "--no-shrink",
        ]
        arguments += [] if MORE else ["--generation-deterministic"]
        env = {
            "DOOR_NEIGHBOURS_KEY": self._neighbours_key,
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(ROOT),
        }
        if has_key:
            env["DOOR_KEY"] = self.up.api_key
        done = subprocess.run(
            [str(ST), "--config-file", str(config), "run", location, *arguments],
            cwd=folder,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert report.exists(), done.stdout
        return Findings(done.returncode, done.stdout, json.loads(report.read_text()))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    running = Door(tmp_path_factory.mktemp("door"))
    yield running
    running.up.program.kill()


def assert_nothing_found(findings: Findings) -> None:
    assert findings.code == 0, findings.output
    operations, phases = findings.report["operations"], findings.report["phases"]
    assert operations["tested"] == operations["total"] > 0
    assert {phase["status"] for phase in phases.values()} == {"success"}, phases


@pytest.mark.timeout(TIMEOUT_S)
def test_nothing_is_found_with_a_key(door: Door, tmp_path: Path) -> None:
    findings = door.ask(tmp_path / "st", has_key=True)

    assert_nothing_found(findings)
    accepted = {
        name: phase["accepted"] for name, phase in findings.report["valid_rates"][SUBMIT].items()
    }
    assert all(accepted.values()), accepted


@pytest.mark.timeout(TIMEOUT_S)
def test_nothing_is_found_without_a_key(door: Door, tmp_path: Path) -> None:
    assert_nothing_found(door.ask(tmp_path / "st", has_key=False))


def _undocumented_status(document: dict[str, Any]) -> None:
    del document["paths"]["/v1/applications/{id}"]["get"]["responses"]["404"]


def _other_content_type(document: dict[str, Any]) -> None:
    content = document["components"]["responses"]["Problem404"]["content"]
    content["application/json"] = content.pop("application/problem+json")


def _more_in_an_answer(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Problem"]["required"].append("instance")


def _more_headers_of_an_answer(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/municipalities/{code}/applications"]["post"]["responses"]
    responses["202"]["headers"]["ETag"] = {"required": True, "schema": {"type": "string"}}


def _less_in_a_request(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["ApplicationRequest"]["required"].remove("submitted_at")


def _shorter_texts_in_a_request(document: dict[str, Any]) -> None:
    properties = document["components"]["schemas"]["ApplicationRequest"]["properties"]
    properties["receipt_number"]["maxLength"] = 3


def _a_key_for_everything(document: dict[str, Any]) -> None:
    document["paths"]["/v1/procedures"]["get"]["security"] = [{"api_key": []}]


SPOILT: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "UndefinedStatusCode": _undocumented_status,
    "UndefinedContentType": _other_content_type,
    "JsonSchemaError": _more_in_an_answer,
    "MissingHeaders": _more_headers_of_an_answer,
    "RejectedPositiveData": _less_in_a_request,
    "AcceptedNegativeData": _shorter_texts_in_a_request,
    "IgnoredAuth": _a_key_for_everything,
}
"""What schemathesis calls it, and how to make a document of which it is true."""


@pytest.mark.timeout(TIMEOUT_S)
def test_whatever_a_document_says_wrongly_is_found(door: Door, tmp_path: Path) -> None:
    document = door.document()
    for spoil in SPOILT.values():
        spoil(document)

    findings = door.ask(tmp_path / "st", has_key=True, document=document, examples=10)

    assert findings.code == 1
    assert findings.failures >= SPOILT.keys(), findings.output
