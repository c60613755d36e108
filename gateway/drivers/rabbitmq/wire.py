"""Our messages as AMQP properties, and whatever arrives as our messages."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import uuid4

import aiormq
from aiormq.abc import DeliveredMessage

from gateway.ports.broker import HEARTBEATS, MAX_BODY_BYTES, Message

_TRANSIENT, _PERSISTENT = 1, 2  # ``delivery-mode`` (AMQP 0-9-1, section 1.8, basic).
_LOSSY_QUEUES = frozenset({HEARTBEATS})


def properties_of(
    message: Message, queue: str, *, expires_ms: int | None = None
) -> aiormq.spec.Basic.Properties:
    """Return the AMQP properties for one publish attempt of ``message``.

    Every call has a message id of its own: the library matches returned messages
    by it, and two attempts with one id would be taken for one another.

    Args:
        message: What is published.
        queue: Where to; decides whether it must survive the broker's restart.
        expires_ms: Milliseconds after which nobody needs it.

    Raises:
        ValueError: The body is longer than ``MAX_BODY_BYTES``.
    """
    if len(message.body) > MAX_BODY_BYTES:
        msg = f"body of {len(message.body)} bytes"
        raise ValueError(msg)
    return aiormq.spec.Basic.Properties(
        content_type=message.content_type,
        headers=dict(message.headers),
        delivery_mode=_TRANSIENT if queue in _LOSSY_QUEUES else _PERSISTENT,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        expiration=None if expires_ms is None else str(expires_ms),
        message_id=uuid4().hex,
    )


def message_from(delivered: DeliveredMessage) -> Message:
    """Return what arrived; properties that are no text are left out, never an error."""
    properties = delivered.header.properties
    return Message(
        body=delivered.body,
        headers=_texts(properties.headers or {}),
        content_type=properties.content_type or "application/octet-stream",
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
    )


def _texts(headers: Mapping[str, object]) -> dict[str, str]:
    texts = {name.lower(): _text(value) for name, value in headers.items()}
    return {name: text for name, text in texts.items() if text is not None}


def _text(value: object) -> str | None:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case _:
            # Bytes were no UTF-8, or the library would have made text of them.
            return None
