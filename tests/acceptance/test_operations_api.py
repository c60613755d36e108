"""The running operations API: its accounts and tokens, and nothing that schemathesis makes up
breaks it.

The cases are the same every time, unless ``DOOR_EXAMPLES`` asks for more than the few of every
day.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.harness.embedded import Embedded
from tests.acceptance.harness.landscape import DESTINATIONS
from tests.acceptance.harness.processes import environment

MORE: Final = int(os.environ.get("DOOR_EXAMPLES", "0"))
TIMEOUT_S: Final = 240 + 5 * MORE
ST: Final = Path(sys.executable).with_name("st")
ROLES: Final = ("viewer", "operator", "auditor", "admin")
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
CONFIGURATION: Final = """
workers = 1
continue-on-failure = true
request-timeout = 30.0

[auth.openapi.token]
bearer = "${OPERATIONS_TOKEN}"

[cache]
enabled = false
"""


class Site:
    """A gateway, and an account that may do everything."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        destinations = {
            name: {
                "municipality": "131016",
                "adapter": "file",
                "config": {"folder": str(folder / "cores" / name)},
            }
            for names in DESTINATIONS.values()
            for name in names
        }
        self.up = Embedded(folder / "up", destinations, log_level="warning")
        config = folder / "up" / "kakehashi.yaml"
        document = json.loads(config.read_text())
        document["console"] = {"operator_may_audit": True}
        config.write_text(json.dumps(document))
        self.up.start()
        roles = [part for role in ROLES for part in ("--role", role)]
        self.up.operator.ask("account", "add", "everybody", *roles)
        self.token = self.new_token()

    def new_token(self) -> str:
        """Return another token of the account."""
        made = self.up.operator.ask("account", "token", "add", "everybody", "--label", "a test")
        return str(made["token"])

    def ask(self, path: str, token: str) -> tuple[int, Any]:
        """Return status and body."""
        asked = urllib.request.Request(  # noqa: S310 - ours
            f"{self.up.operations_url}/ops/v1{path}", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(asked) as answer:  # noqa: S310 - ours
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = Site(tmp_path_factory.mktemp("operations"))
    yield running
    running.up.program.kill()


def test_a_token_acts_in_its_accounts_name_until_it_is_revoked(site: Site) -> None:
    token = site.new_token()

    status, me = site.ask("/me", token)
    assert (status, me["name"], sorted(me["roles"])) == (HTTPStatus.OK, "everybody", sorted(ROLES))
    site.up.operator.ask("account", "token", "revoke", token.split("_")[1])

    status, problem = site.ask("/me", token)
    assert (status, problem["code"]) == (HTTPStatus.UNAUTHORIZED, "operator.token_revoked")


def test_a_token_that_nobody_made_is_nobodys(site: Site) -> None:
    for token in ("kko_0123456789ab_x", "kkh_x", "x"):
        status, problem = site.ask("/overview", token)
        assert (status, problem["code"]) == (HTTPStatus.UNAUTHORIZED, "operator.token_unknown")


@pytest.mark.timeout(TIMEOUT_S)
def test_nothing_that_is_made_up_breaks_it(site: Site, tmp_path: Path) -> None:
    config, report = tmp_path / "schemathesis.toml", tmp_path / "report.json"
    config.write_text(CONFIGURATION)
    arguments = ["--checks", ",".join(CHECKS), "--max-examples", str(MORE or 4), "--no-shrink"]
    arguments += ["--phases", "fuzzing" if not MORE else "examples,coverage,fuzzing"]
    arguments += [] if MORE else ["--generation-deterministic"]
    arguments += ["--url", site.up.operations_url, "--no-color"]
    arguments += ["--report", "json", "--report-json-path", str(report)]
    # It finds its own token in a list, takes it back, and is nobody from then on.
    arguments += ["--exclude-path-regex", r"/tokens/\{token\}$"]
    done = subprocess.run(
        [
            str(ST),
            *("--config-file", str(config), "run"),
            f"{site.up.operations_url}/ops/v1/openapi.json",
            *arguments,
        ],
        cwd=tmp_path,
        env=environment({"OPERATIONS_TOKEN": site.token, "PYTHONHASHSEED": "0"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    operations = json.loads(report.read_text())["operations"]
    assert operations["tested"] == operations["selected"] > 0
    status, me = site.ask("/me", site.token)
    assert status == HTTPStatus.OK, me
