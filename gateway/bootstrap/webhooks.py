"""What the configuration says of clients' endpoints, with their keys."""

from datetime import timedelta

from gateway.bootstrap.key_names import webhook_key
from gateway.crypto.webhook import WebhookSigner
from gateway.domain.identifiers import ClientName
from gateway.ports.keys import KeyStore
from gateway.services.send_webhooks import ClientEndpoint
from gateway.settings.model import Settings


def endpoints(settings: Settings, store: KeyStore) -> dict[ClientName, ClientEndpoint]:
    """Return the endpoint of each client that has one.

    Raises:
        KeyNotFoundError: A key that signs for it is missing.
        KeyUnusableError: It is not a key that signs webhooks.
    """
    return {
        ClientName(name): ClientEndpoint(
            url=client.webhook.url,
            signer=WebhookSigner(
                [store.private(webhook_key(key)) for key in client.webhook.signing_keys or (name,)]
            ),
            disable_after=timedelta(days=client.webhook.disable_after_days),
            codes=client.feedback_codes,
        )
        for name, client in settings.clients.items()
        if client.webhook is not None
    }


def with_endpoint(settings: Settings) -> frozenset[ClientName]:
    """Return the clients that have one."""
    return frozenset(
        ClientName(name) for name, client in settings.clients.items() if client.webhook is not None
    )
