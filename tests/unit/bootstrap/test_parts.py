"""What cannot work is refused while it is put together, in words."""

import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap.embedded import embedded_document, make_missing_keys
from gateway.bootstrap.gateway import build_gateway
from gateway.bootstrap.key_names import (
    GATEWAY_KEY,
    PSEUDONYM_KEY,
    destination_key,
    log_key,
    worker_key,
)
from gateway.bootstrap.machine import certificate_files
from gateway.bootstrap.stores import open_broker, open_catalogue, open_journal, open_keys
from gateway.bootstrap.worker import build_adapter, build_worker
from gateway.domain.errors import ConfigError, KeyNotFoundError
from gateway.drivers.file_keys import FileKeys
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.memory_broker import MemoryBroker
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.rabbitmq import RabbitBroker
from gateway.settings.load import build
from gateway.settings.model import Settings
from gateway.testing.world import shipped_procedures

DESTINATION, WORKER = "delivered", "embedded"


def settings(folder: Path, **over: Any) -> Settings:
    document: dict[str, Any] = embedded_document(folder)
    document["destinations"][DESTINATION].update(over.pop("destination", {}))
    return build({**document, **over})


def all_keys_but(name: str, settings: Settings) -> MemoryKeys:
    store, complete = MemoryKeys(), MemoryKeys()
    make_missing_keys(settings, complete)
    for known in complete.names():
        if known != name:
            store.add(known, complete.private(known), private=True)
    return store


@pytest.mark.parametrize(
    ("section", "url", "kind"),
    [
        ("journal", "sqlite:////tmp/j.db", SQLiteJournal),
        ("journal", "postgresql://db/kakehashi", PostgresJournal),
        ("broker", "memory:", MemoryBroker),
        ("broker", "amqp://mq/", RabbitBroker),
        ("broker", "amqps://mq/", RabbitBroker),
    ],
)
def test_a_url_s_scheme_says_which_driver(
    tmp_path: Path, section: str, url: str, kind: type[object]
) -> None:
    opened = {"journal": open_journal, "broker": open_broker}[section]

    assert isinstance(opened(settings(tmp_path, **{section: {"url": url}})), kind)


@pytest.mark.parametrize(
    ("section", "url"), [("journal", "oracle://db"), ("broker", "kafka://mq"), ("broker", "")]
)
def test_a_scheme_that_nobody_knows_is_refused_with_those_there_are(
    tmp_path: Path, section: str, url: str
) -> None:
    opened = {"journal": open_journal, "broker": open_broker}[section]

    with pytest.raises(ConfigError, match=rf"{section}\.url: unknown scheme .* use "):
        opened(settings(tmp_path, **{section: {"url": url}}))


def test_postgresql_that_is_not_installed_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gateway.drivers.journal_postgres", None)

    with pytest.raises(ConfigError, match=r"install kakehashi\[postgres\]"):
        open_journal(settings(tmp_path, journal={"url": "postgresql://db/kakehashi"}))


def test_a_command_beside_the_gateway_has_a_name_of_its_own(tmp_path: Path) -> None:
    assert open_journal(settings(tmp_path), node="cli-1").node == "cli-1"


def test_the_stores_of_the_embedded_default_are_files(tmp_path: Path) -> None:
    configured = settings(tmp_path)

    assert isinstance(open_keys(configured), FileKeys)
    assert open_catalogue(configured).get("childcare/allowance-claim", 1) is not None


def test_missing_keys_are_made_once(tmp_path: Path) -> None:
    store, configured = MemoryKeys(), settings(tmp_path)

    made = make_missing_keys(configured, store)
    again = make_missing_keys(configured, store)

    assert set(made) == {
        GATEWAY_KEY,
        PSEUDONYM_KEY,
        log_key(1),
        destination_key(DESTINATION),
        worker_key(WORKER),
    }
    assert again == ()


@pytest.mark.parametrize(
    "missing",
    [GATEWAY_KEY, PSEUDONYM_KEY, destination_key(DESTINATION), worker_key(WORKER)],
)
def test_a_gateway_names_the_key_it_misses(tmp_path: Path, missing: str) -> None:
    configured = settings(tmp_path)
    store = all_keys_but(missing, configured)

    with pytest.raises(KeyNotFoundError, match=missing):
        build_gateway(configured, store, broker=MemoryBroker(), catalogue=shipped_procedures())


@pytest.mark.parametrize("missing", [GATEWAY_KEY, destination_key(DESTINATION), worker_key(WORKER)])
def test_a_worker_names_the_key_it_misses(tmp_path: Path, missing: str) -> None:
    configured = settings(tmp_path)
    store = all_keys_but(missing, configured)

    with pytest.raises(KeyNotFoundError, match=missing):
        build_worker(configured, store, DESTINATION, worker=WORKER, broker=MemoryBroker())


def test_a_worker_that_has_its_keys_is_put_together(tmp_path: Path) -> None:
    configured = settings(tmp_path)
    store = all_keys_but("", configured)

    build_worker(configured, store, DESTINATION, worker=WORKER, broker=MemoryBroker())

    assert (tmp_path / "adapters" / DESTINATION).is_dir()


def test_a_destination_that_is_not_configured_is_refused_with_those_that_are(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match=r"destinations\.x: not configured \(known: delivered\)"):
        build_worker(settings(tmp_path), MemoryKeys(), "x", worker="w", broker=MemoryBroker())


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"adapter": "fil"}, "adapter fil: not installed; did you mean file?"),
        ({"idempotency": "native"}, "destinations.delivered.idempotency: file supports at most"),
        ({"config": {}}, "destinations.delivered.config.folder: Field required"),
        ({"config": {"folder": "x", "y": 1}}, "destinations.delivered.config.y: Extra inputs"),
        ({"config": {"folder": ["hunter2"]}}, "destinations.delivered.config.folder: Input"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused_by_its_key(
    tmp_path: Path, over: dict[str, Any], told: str
) -> None:
    configured = settings(tmp_path, destination=over).destinations[DESTINATION]

    with pytest.raises(ConfigError) as caught:
        build_adapter(DESTINATION, configured)

    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_certificates_that_an_adapter_s_configuration_names_are_watched(tmp_path: Path) -> None:
    config = {
        "url": "https://core.example.lg.jp/",
        "client_certificate_file": "client.pem",
        "client_key_file": "client.key",
        "oauth": {"token_url": "https://core.example.lg.jp/token", "ca_file": "ca.pem"},
    }

    found = certificate_files(settings(tmp_path, destination={"adapter": "http", "config": config}))

    assert found == {
        f"destinations.{DESTINATION}.config.client_certificate_file": Path("client.pem"),
        f"destinations.{DESTINATION}.config.oauth.ca_file": Path("ca.pem"),
    }
