"""The http adapter: one POST for each application."""

import contextlib
from datetime import UTC, datetime
from typing import ClassVar

from adapters.http.client import MAX_CONNECTIONS, HTTPClient
from adapters.http.config import HTTPConfig
from adapters.http.mapping import Answer, found, receipt, request_body
from gateway.sdk import (
    AdapterSpec,
    Application,
    ConfigError,
    Context,
    Delivery,
    Health,
    Idempotency,
    Receipt,
    TransientError,
)

_REFUSED_CREDENTIALS = frozenset({401, 403, 407})


class HTTPDestination:
    """Sends JSON; what each answer means stands in ``mapping``."""

    spec: ClassVar[AdapterSpec] = AdapterSpec(
        name="http",
        version="1.0.0",
        config=HTTPConfig,
        idempotency=Idempotency.NATIVE,
        max_in_flight=MAX_CONNECTIONS,
    )

    def __init__(self, config: HTTPConfig) -> None:
        """Keep the configuration; connects to nothing."""
        self._config = config
        self._client = HTTPClient(config)

    async def open(self, context: Context) -> None:  # noqa: ARG002 - it keeps nothing in a folder
        """Read certificates and the token; the first delivery connects."""
        await self._client.open()

    async def check(self) -> Health:
        """Ask the health address, or else open a connection and close it."""
        try:
            await self._client.read_token()
            if self._config.health_url is None:
                await self._client.connect()
                return Health(ok=True)
            answer = await self._client.get(str(self._config.health_url))
        except (TransientError, ConfigError) as error:
            return Health(ok=False, detail=str(error))
        is_ok = answer.status // 100 == 2  # noqa: PLR2004 - successful (RFC 9110, 15.3)
        return Health(ok=is_ok, detail="" if is_ok else f"http.{answer.status}")

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        """POST the application with its idempotency key."""
        body = request_body(application, delivery.idempotency_key)
        if delivery.dry_run:
            return Receipt(preview=body.decode())
        headers = {self._config.idempotency_key_header: delivery.idempotency_key}
        if delivery.traceparent is not None:
            headers["traceparent"] = delivery.traceparent
        answer = await self._client.post(body, headers)
        await self._renew(answer)
        return receipt(answer, self._config, datetime.now(UTC))

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """Ask the core system whether it has the delivery."""
        if self._config.lookup_url is None:
            raise TransientError("http.lookup_not_configured")
        answer = await self._client.get(str(self._config.lookup(idempotency_key)))
        await self._renew(answer)
        return found(answer, self._config, datetime.now(UTC))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _renew(self, answer: Answer) -> None:
        """Read the token again when it was refused; the next delivery has the new one."""
        if answer.status in _REFUSED_CREDENTIALS:
            with contextlib.suppress(ConfigError):  # being exchanged just now: check will tell
                await self._client.read_token()
