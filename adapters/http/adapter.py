"""The http adapter: one POST for each application, and a list of results to ask for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import ClassVar

from adapters.http.client import HTTPClient
from adapters.http.config import HTTPConfig
from adapters.http.cursor import Cursor
from adapters.http.feedback import ResultsReader
from adapters.http.mapping import found, receipt, request_body
from adapters.http.oauth import CONFIGURATION_FAULTS
from adapters.http.results import digest_of
from adapters.http.wire import MAX_CONNECTIONS
from gateway.sdk import (
    AdapterSpec,
    Application,
    ConfigError,
    Context,
    Delivery,
    DestinationUnavailableError,
    Feedback,
    Health,
    Idempotency,
    Receipt,
    TransientError,
)


class HTTPDestination:
    """Sends JSON; what each answer means stands in ``mapping``."""

    spec: ClassVar[AdapterSpec] = AdapterSpec(
        name="http",
        version="1.1.0",
        config=HTTPConfig,
        idempotency=Idempotency.NATIVE,
        max_in_flight=MAX_CONNECTIONS,
        feedback=True,
    )

    def __init__(self, config: HTTPConfig) -> None:
        """Keep the configuration; connects to nothing."""
        self._config = config
        self._client = HTTPClient(config)
        self._results: ResultsReader | None = None

    async def open(self, context: Context) -> None:
        """Read certificates and secrets; the first delivery connects."""
        await self._client.open()
        if self._config.results is not None:
            cursor = Cursor(context.folder, digest_of(self._config.results))
            self._results = ResultsReader(self._config.results, self._client, cursor)

    async def check(self) -> Health:
        """Get a token if one is needed, then ask the health address, or else only connect.

        Raises:
            ConfigError: The token endpoint refuses what no waiting mends.
        """
        try:
            await self._client.renew()
            if self._config.health_url is None:
                await self._client.connect()
                return Health(ok=True)
            answer = await self._client.get(str(self._config.health_url))
        except TransientError as error:
            if error.reason in CONFIGURATION_FAULTS:
                words = f"{CONFIGURATION_FAULTS[error.reason]} ({error.reason})"
                raise ConfigError(words) from error
            return Health(ok=False, detail=str(error))
        except ConfigError as error:
            return Health(ok=False, detail=str(error))
        is_ok = answer.status // 100 == 2  # noqa: PLR2004 - successful (RFC 9110, 15.3)
        return Health(ok=is_ok, detail="" if is_ok else f"http.{answer.status}")

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        """POST the application with its idempotency key."""
        body = request_body(application, delivery.idempotency_key, self._config)
        if delivery.dry_run:
            return Receipt(preview=body.decode())
        headers = {self._config.idempotency_key_header: delivery.idempotency_key}
        if delivery.traceparent is not None:
            headers["traceparent"] = delivery.traceparent
        answer = await self._client.post(body, headers)
        return receipt(answer, self._config, datetime.now(UTC))

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """Ask the core system whether it has the delivery."""
        if self._config.lookup_url is None:
            raise TransientError("http.lookup_not_configured")
        answer = await self._client.get(str(self._config.lookup(idempotency_key)))
        return found(answer, self._config, datetime.now(UTC))

    async def feedback(self) -> AsyncIterator[Feedback]:
        """Yield what the results' address says; where it stands is kept in the folder."""
        if self._config.results is None:
            await asyncio.Event().wait()  # without end, as the contract says
            return
        if self._results is None:
            raise DestinationUnavailableError("http.not_open")
        async with contextlib.aclosing(self._results.feedback()) as results:
            async for item in results:
                yield item

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
