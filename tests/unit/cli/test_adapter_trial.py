"""An adapter at work without any gateway: its results, its mistakes, the same key again."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.schema.catalogue import shipped_schemas
from tests.unit.cli.conftest import Terminal

VALID = shipped_schemas() / "care" / "certification-claim" / "examples" / "valid"
KEY = "0193453a-0000-7000-8000-000000000001"

MANIFEST = """
name = "toy"
version = "1.0.0"
owner = "someone"
procedures = ["care/*"]
title = { ja = "試験", en = "Test" }
features = { idempotency = "native", max_in_flight = 1, feedback = true, dry_run = false }
quality = { tier = "none" }
"""

CODE = """
import asyncio, json
from datetime import datetime, UTC
from gateway.sdk import *

class Config(AdapterConfig):
    seen: str
    fail: str = ""

class Toy:
    spec = AdapterSpec(
        name="toy", version="1.0.0", config=Config, idempotency=Idempotency.NATIVE, feedback=True
    )

    def __init__(self, config):
        self.config = config

    def step(self, name):
        if self.config.fail == name:
            None.strip()

    async def open(self, context):
        self.step("open")

    async def check(self):
        self.step("check")
        return Health(ok=True)

    async def send(self, application, delivery):
        with open(self.config.seen, "a") as file:
            print(delivery.idempotency_key, application.id, application.accepted_at,
                  delivery.attempt, file=file)
        if self.config.fail == "silent":
            print("sending", flush=True)
            await asyncio.sleep(60)
        if self.config.fail == application.receipt_number:
            None.strip()
        return Receipt(reference="R-1")

    async def lookup(self, key):
        self.step("lookup")
        if self.config.fail == "busy":
            raise TransientError("toy.busy")
        with open(self.config.seen) as file:
            return Receipt(reference="R-1") if key in file.read() else None

    async def feedback(self):
        self.step("feedback")
        if self.config.fail == "silent":
            await asyncio.sleep(60)
        yield Feedback(id="f-1", idempotency_key="KEY", status=FeedbackStatus.ACCEPTED,
                       at=datetime(2026, 11, 20, tzinfo=UTC))
        with open(self.config.seen, "a") as file:
            print("taken away", file=file)

    async def close(self):
        self.step("close")
""".replace("KEY", KEY)


@pytest.fixture
def toy(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed adapter that fails where its configuration says; its folder."""
    del terminal
    site = Path("site").absolute()
    package = site / "toyadapter"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(CODE)
    (package / "manifest.toml").write_text(MANIFEST, encoding="utf-8")
    metadata = site / "toy-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[kakehashi.adapters]\ntoy = toyadapter:Toy\n")
    monkeypatch.syspath_prepend(str(site))
    configure("")
    bodies = Path("samples")
    bodies.mkdir()
    for name in ("a", "b"):
        body = json.loads((VALID / "01-new-for-the-father.json").read_bytes())
        body["receipt_number"] = name
        (bodies / f"{name}.message.json").write_text(json.dumps(body), encoding="utf-8")
    yield site
    sys.modules.pop("toyadapter", None)


def configure(fail: str) -> None:
    Path("seen").touch()
    Path("c.json").write_text(json.dumps({"seen": "seen", "fail": fail}))


RUN = ("adapter", "run", "toy", "--adapter-config", "c.json")
ONE = (*RUN, "--sample", "samples/a.message.json")


@pytest.mark.usefixtures("toy")
def test_a_mistake_in_send_is_the_adapters_with_its_line_and_hides_no_other_result(
    terminal: Terminal,
) -> None:
    configure("b")

    first, second = terminal.ask(*RUN, "--samples", "samples", code=1)

    line = CODE[: CODE.index("== application.receipt_number")].count("\n") + 2
    assert (first["result"], first["reference"]) == ("delivered", "R-1")
    assert (second["result"], second["code"]) == ("in_doubt", "adapter.defect")
    assert second["defect"] == f"AttributeError: strip (__init__.py:{line})"
    assert second["defect"] in terminal.run(*RUN, "--samples", "samples", code=1)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("call", "command"),
    [
        ("open", ONE),
        ("close", ONE),
        ("check", ("adapter", "check", "toy", "--adapter-config", "c.json")),
        ("lookup", ("adapter", "lookup", "toy", KEY, "--adapter-config", "c.json")),
        ("feedback", ("adapter", "feedback", "toy", "--adapter-config", "c.json")),
    ],
)
def test_a_mistake_elsewhere_is_the_adapters_not_the_gateways(
    terminal: Terminal, call: str, command: tuple[str, ...]
) -> None:
    configure(call)

    told = terminal.run(*command, code=1)

    assert f"adapter toy: {call} raised AttributeError: strip (__init__.py:" in told
    assert "mistake in the adapter" in told


@pytest.mark.usefixtures("toy")
def test_the_same_key_again_is_the_same_application(terminal: Terminal) -> None:
    (first,) = terminal.ask(*ONE)
    (second,) = terminal.ask(*ONE, "--key", first["idempotency_key"])

    one, two = (line.split() for line in Path("seen").read_text().splitlines())
    assert first["idempotency_key"] == second["idempotency_key"] == one[0]
    assert one[:-1] == two[:-1]
    assert (one[-1], two[-1]) == ("1", "2")
    assert f"key: {one[0]}" in terminal.run(*ONE, "--key", one[0])


@pytest.mark.usefixtures("toy")
def test_a_key_goes_with_one_sample_and_is_one_that_a_run_has_made(terminal: Terminal) -> None:
    assert "--key" in terminal.run(*RUN, "--samples", "samples", "--key", KEY, code=2)
    for wrong in ("x", KEY.upper(), "0193453a-0000-4000-8000-000000000001"):
        assert "no key of an earlier run" in terminal.run(*ONE, "--key", wrong, code=2)


@pytest.mark.usefixtures("toy")
def test_a_lookup_tells_whether_a_delivery_has_arrived(terminal: Terminal) -> None:
    command = ("adapter", "lookup", "toy", "--adapter-config", "c.json")
    (sent,) = terminal.ask(*ONE)

    found = terminal.ask(*command, sent["idempotency_key"])

    assert (found["result"], found["reference"]) == ("delivered", "R-1")
    assert terminal.ask(*command, KEY, code=1)["result"] == "not_found"
    assert "no idempotency key" in terminal.run(*command, "../x", code=2)
    configure("busy")
    assert "toy.busy" in terminal.run(*command, KEY, code=3)


@pytest.mark.usefixtures("toy")
def test_the_next_status_is_shown_and_stays_where_it_is(terminal: Terminal) -> None:
    command = ("adapter", "feedback", "toy", "--adapter-config", "c.json")

    assert terminal.ask(*command)["status"] == "accepted"
    assert KEY in terminal.run(*command)
    assert Path("seen").read_text() == ""
    configure("silent")
    assert "no status within 0.1 s" in terminal.run(*command, "--wait", "0.1", code=1)


def test_an_adapter_that_cannot_be_asked_says_so(terminal: Terminal, toy: Path) -> None:
    package = toy / "toyadapter"
    code = CODE.replace("async def lookup", "async def find").replace("feedback=True", "")
    (package / "__init__.py").write_text(code)
    (package / "manifest.toml").write_text(MANIFEST.replace("feedback = true", "feedback = false"))
    config = ("--adapter-config", "c.json")

    assert "looks nothing up" in terminal.run("adapter", "lookup", "toy", KEY, *config, code=2)
    assert "gives no feedback" in terminal.run("adapter", "feedback", "toy", *config, code=2)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_run_that_is_interrupted_says_what_is_in_doubt(toy: Path, form: list[str]) -> None:
    configure("silent")
    started = subprocess.Popen(
        [sys.executable, "-c", "from gateway.cli.main import main; main()", *ONE, *form],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": f"{toy}:{Path(__file__).parents[3]}"},
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "sending\n"

    started.send_signal(signal.SIGINT)
    told, _ = started.communicate(timeout=30)

    key = Path("seen").read_text().split()[0]
    if form:
        (result,) = json.loads(told)
        assert (result["result"], result["idempotency_key"]) == ("in_doubt", key)
    else:
        assert "in_doubt" in told
        assert f"key: {key}" in told
    assert started.returncode != 0


def test_a_release_keeps_what_its_version_accepts(terminal: Terminal, toy: Path) -> None:
    package = toy / "toyadapter"
    (package / "samples").mkdir()
    (package / "samples" / "a.config.json").write_text('{"seen": "here"}')
    (package / "samples" / "b.config.json").write_text('{"fail": "only what the peer lacks"}')

    files = terminal.ask("adapter", "release", str(toy))["files"]

    schema, samples = (json.loads(Path(file).read_text()) for file in files)
    assert Path(files[0]) == package / "released" / "config-1.0.0.schema.json"
    assert schema["required"] == ["seen"]
    assert samples == [{"seen": "here"}]
    assert files[1] in terminal.run("adapter", "release", str(package))


def test_a_release_that_would_not_be_true_is_refused(terminal: Terminal, toy: Path) -> None:
    package = toy / "toyadapter"
    other = Path("other")
    other.mkdir()

    assert "no manifest.toml in it" in terminal.run("adapter", "release", "other", code=2)
    (other / "manifest.toml").write_text(MANIFEST.replace("1.0.0", "2.0.0"), encoding="utf-8")
    assert "another is installed" in terminal.run("adapter", "release", "other", code=2)
    (package / "released").mkdir()
    (package / "released" / "config-1.0.0.schema.json").write_text("{}")
    assert "was released with something else" in terminal.run(
        "adapter", "release", str(package), code=2
    )
