"""Clients: their keys and their webhooks."""

from typing import Final

from pydantic import Field

from gateway.http.ops.answers import Answer, Count, Moment
from gateway.http.ops.route import Items, Route
from gateway.services.operate.client_keys import ClientKeys
from gateway.services.operate.show_keys import ShowKeys
from gateway.services.operate.webhooks import OperateWebhooks


class Client(Answer):
    """What a configured client may do."""

    client: str
    municipalities: list[str]
    procedures: list[str]
    webhook: bool
    last_accepted_at: Moment | None


class Key(Answer):
    """The public part of a key of the gateway."""

    name: str
    kind: str
    thumbprint: str | None
    private: bool
    state: str = Field(description="`in_use`, `kept` or `unreadable`.")
    first_seen_at: Moment | None
    expires_at: Moment | None


class ClientKey(Answer):
    """The public part of a client's API key."""

    client: str
    id: str
    created_at: Moment
    revoked_at: Moment | None


class NewClientKey(Answer):
    """A new API key, shown this once."""

    client: str
    id: str
    key: str


class RevokedKey(Answer):
    """A key that is refused from now on."""

    id: str
    revoked: bool


class Webhook(Answer):
    """Where a client is told what became of its applications."""

    client: str
    configured: bool
    disabled_at: Moment | None
    failing_since: Moment | None
    code: str | None
    waiting: Count
    oldest_at: Moment | None


class WebhookState(Answer):
    """Whether a webhook is sent to."""

    client: str
    disabled: bool


ROUTES: Final = (
    Route(
        method="GET",
        path="/clients",
        operation="client.grants",
        does=ShowKeys.grants,
        summary="Every configured client and what it may do.",
        answer=Client,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/keys",
        operation="key.list",
        does=ShowKeys.keys,
        summary="The gateway's own keys: their public parts.",
        answer=Key,
        shape=Items(),
    ),
    Route(
        method="GET",
        path="/client-keys",
        operation="client.list",
        does=ClientKeys.list,
        summary="Every client's keys: their public parts.",
        answer=ClientKey,
        shape=Items(),
    ),
    Route(
        method="POST",
        path="/clients/{client}/keys",
        operation="client.add",
        does=ClientKeys.add,
        summary="Make an API key for a client. It is shown this once.",
        answer=NewClientKey,
        status=201,
    ),
    Route(
        method="DELETE",
        path="/client-keys/{key}",
        operation="client.revoke",
        does=ClientKeys.revoke,
        summary="Refuse a key from now on.",
        answer=RevokedKey,
    ),
    Route(
        method="GET",
        path="/webhooks",
        operation="webhook.list",
        does=OperateWebhooks.list,
        summary="Every client's webhook and what waits for it.",
        answer=Webhook,
        shape=Items(),
    ),
    Route(
        method="POST",
        path="/webhooks/{client}/enable",
        operation="webhook.enable",
        does=OperateWebhooks.enable,
        summary="Send to a webhook again that was disabled.",
        answer=WebhookState,
    ),
)
