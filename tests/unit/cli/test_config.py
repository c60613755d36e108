import json
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap.embedded import embedded_document
from tests.unit.cli.conftest import Terminal


def write(**over: Any) -> None:
    """Write ``c.yaml``: the embedded default, but for ``over``. JSON is YAML."""
    document = {**embedded_document(Path("var")), **over}
    Path("c.yaml").write_text(json.dumps(document))


def test_the_embedded_default_would_work_and_makes_its_keys(terminal: Terminal) -> None:
    checked = terminal.ask("config", "check")

    assert checked["ok"]
    assert any("gateway/signing" in note for note in checked["notes"])


def test_a_configuration_without_its_keys_would_not_work(terminal: Terminal) -> None:
    write()

    checked = terminal.ask("config", "check", "--config", "c.yaml", code=1)

    assert {problem.split(": ")[1] for problem in checked["problems"]} == {
        "destination/delivered",
        "gateway/pseudonym",
        "gateway/signing",
        "log/1",
        "worker/embedded",
    }


def test_everything_that_is_wrong_is_told_at_once(terminal: Terminal) -> None:
    destination = {"municipality": "131016", "adapter": "file"}
    write(
        broker={"url": "kafka:"},
        journal={"url": "oracle:"},
        destinations={
            "delivered": {**destination, "config": {"foldr": "x"}},
            "spare": {**destination, "adapter": "fil", "config": {}},
            "native": {**destination, "config": {"folder": "x"}, "idempotency": "native"},
            "batch": {**destination, "config": {"folder": "x", "format": "jsonl", "batch": {}}},
        },
        clients={"local": {"municipalities": ["131016"], "procedures": ["cats/*"]}},
    )

    text = terminal.run("config", "check", "--config", "c.yaml", "--role", "worker", code=1)

    for expected in (
        "journal.url: unknown scheme 'oracle'",
        "broker.url: unknown scheme 'kafka'",
        "destinations.delivered.config.foldr",
        "adapter fil: not installed; did you mean file?",
        "destinations.native.idempotency: file supports at most lookup",
        "destinations.batch.max_in_flight: no batch file will have more than 8 records",
        "clients.local.procedures: cats/* matches no procedure",
        "destinations.spare: no route leads to it",
        "destinations.spare: no worker may work for it",
        "no worker's private key",
    ):
        assert expected in text


def test_a_configuration_that_cannot_be_read_is_not_well(terminal: Terminal) -> None:
    checked = terminal.ask("config", "check", "--config", "missing.yaml", code=1)

    assert checked["problems"] == ["missing.yaml: No such file or directory"]


def test_a_gateways_machine_needs_no_private_keys_of_workers(terminal: Terminal) -> None:
    write(broker={"url": "amqp://gw:secret@127.0.0.1/"})
    at = ("--config", "c.yaml")
    terminal.run("keys", "new", "gateway", *at)
    terminal.run("keys", "new", "pseudonym", *at)
    terminal.run("keys", "new", "log", *at)
    for kind, name in (("destination", "delivered"), ("worker", "embedded")):
        terminal.run("keys", "new", kind, name, "--home", "worker-machine")
        exported = ("--home", "worker-machine", "--out", f"{kind}.jwk")
        terminal.run("keys", "export", f"{kind}/{name}", *exported)
        terminal.run("keys", "import", f"{kind}.jwk", "--as", f"{kind}/{name}", *at)

    assert terminal.ask("config", "check", *at)["role"] == "gateway"
    checked = terminal.ask("config", "check", *at, "--role", "worker", code=1)

    assert "no worker's private key" in checked["problems"][0]


def test_what_is_in_force_is_shown_without_secrets(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(broker={"url": "amqp://gw:secret-1@127.0.0.1/"})
    monkeypatch.setenv("KAKEHASHI_JOURNAL__URL", "postgresql://gw:secret-2@db/k")

    text = terminal.run("config", "show", "--config", "c.yaml")
    document = terminal.ask("config", "show", "--config", "c.yaml")

    assert "secret-" not in text + json.dumps(document)
    assert document["journal"]["url"].endswith("@db/k")
    assert text.startswith("# c.yaml\n# sha256 ")


def test_the_schema_of_the_configuration_is_one_json_document(terminal: Terminal) -> None:
    schema = json.loads(terminal.run("config", "schema"))

    assert "destinations" in schema["properties"]
    assert terminal.ask("config", "schema") == schema
