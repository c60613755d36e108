"""How operators see where front ends are told, and tell them again."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap.embedded import embedded_document, make_missing_keys
from gateway.bootstrap.stores import open_journal, open_keys
from gateway.cli import loop
from gateway.domain.identifiers import ClientName, DeliveryId
from gateway.domain.webhook import Endpoint
from gateway.ports.journal import Acceptance
from gateway.ports.webhooks import EndpointDecision
from gateway.settings.load import build
from gateway.testing.contracts.journal import delivery_of
from gateway.testing.contracts.journal_webhooks import tell
from tests.unit.cli.conftest import Terminal

SINCE = datetime(2026, 11, 20, tzinfo=UTC)
GONE = Endpoint(
    client=ClientName("local"), failing_since=SINCE, disabled_at=SINCE, code="webhook.gone"
)

Stand = Callable[[Endpoint], None]


@pytest.fixture
def stand(terminal: Terminal) -> Stand:  # noqa: ARG001 - its folder
    """Configure a webhook; return a function that makes an endpoint stand as it is told."""
    document: Any = embedded_document(Path("var"))
    document["clients"]["local"]["webhook"] = {"url": "https://portal.example/hooks"}
    Path("kakehashi.yaml").write_text(json.dumps(document, default=str))
    settings = build(document)
    make_missing_keys(settings, open_keys(settings))

    def put(endpoint: Endpoint) -> None:
        async def write() -> None:
            journal = open_journal(settings)
            await journal.open()
            await journal.decide_endpoint(
                endpoint.client, lambda _: EndpointDecision(endpoint=endpoint)
            )
            await journal.close()

        loop.run(write())

    return put


CONFIG = ("--config", "kakehashi.yaml")


def test_an_endpoint_that_is_disabled_is_listed_shown_and_enabled(
    terminal: Terminal, stand: Stand
) -> None:
    stand(GONE)

    [listed] = terminal.ask("client", "webhook", "list", *CONFIG)
    assert listed == {
        "client": "local",
        "configured": True,
        "disabled_at": "2026-11-20T00:00:00+00:00",
        "failing_since": "2026-11-20T00:00:00+00:00",
        "code": "webhook.gone",
        "waiting": 0,
        "oldest_at": None,
    }
    for words in (["client", "webhook", "list"], ["status"]):
        assert "disabled since 2026-11-20 09:00" in terminal.run(*words, *CONFIG)

    assert "is sent webhooks" in terminal.run("client", "webhook", "enable", "local", *CONFIG)

    assert "well" in terminal.run("client", "webhook", "list", *CONFIG)
    assert "webhook" not in terminal.run("status", *CONFIG)
    found = terminal.ask("audit", "search", "--action", "webhook.enabled", *CONFIG)
    assert json.dumps(found).count('"webhook.enabled"') >= 1


def owe(delivery: DeliveryId) -> None:
    """Put something into the outbox for a client that has no endpoint any more."""

    async def write() -> None:
        journal = open_journal(build(embedded_document(Path("var"))))
        await journal.open()
        await tell(journal, delivery)
        await journal.close()

    loop.run(write())


def test_an_endpoint_that_fails_or_is_configured_no_more_is_told(
    terminal: Terminal, stand: Stand, keep: Callable[..., Acceptance]
) -> None:
    stand(Endpoint(client=ClientName("local"), failing_since=SINCE, code="webhook.timeout"))
    stand(Endpoint(client=ClientName("retired"), failing_since=SINCE, code="webhook.timeout"))
    stand(Endpoint(client=ClientName("portal"), failing_since=SINCE, code="webhook.timeout"))
    acceptance = keep()
    assert acceptance.application.client == "portal"
    owe(delivery_of(acceptance))

    shown = terminal.run("client", "webhook", "list", *CONFIG)

    assert "failing since" in shown
    assert "portal" in shown
    assert "not configured" in shown
    assert "retired" not in shown


def test_only_a_configured_endpoint_is_enabled(terminal: Terminal, stand: Stand) -> None:
    stand(GONE)

    refused = terminal.run("client", "webhook", "enable", "stranger", *CONFIG, code=1)

    assert "no webhook of a client 'stranger'" in refused


def test_without_any_the_list_says_how_to_configure_one(
    terminal: Terminal, keep: Callable[..., Acceptance]
) -> None:
    keep()

    assert "clients.NAME.webhook" in terminal.run("client", "webhook", "list")


@pytest.mark.parametrize(("kind", "prefix"), [("webhook", "whsec_"), ("webhook-ed25519", "whpk_")])
def test_a_webhooks_key_shows_once_what_the_receiver_needs(
    terminal: Terminal, kind: str, prefix: str
) -> None:
    made = terminal.ask("keys", "new", kind, "portal")
    shown = terminal.run("keys", "new", kind, "other").splitlines()

    assert made["name"] == "webhook/portal"
    assert made["receivers_key"].startswith(prefix)
    assert shown[0].startswith(prefix)
    assert made["receivers_key"] not in terminal.run("keys", "list", "--json")
    assert "never replaced" in terminal.run("keys", "new", kind, "portal", code=1)


def test_a_webhooks_key_is_taken_in_from_another_gateway(terminal: Terminal) -> None:
    terminal.run("keys", "new", "webhook", "portal")
    [file] = Path("var/keys").rglob("*portal*")

    taken = terminal.ask(
        "keys", "import", str(file), "--as", "webhook/portal", "--private", "--home", "elsewhere"
    )

    assert taken["name"] == "webhook/portal"
    terminal.run(
        "keys", "import", str(file), "--as", "worker/portal", "--private", "--home", "x", code=2
    )
