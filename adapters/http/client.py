"""The wire: one HTTP connection pool, which knows whether a request began to be sent."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol, runtime_checkable

import httpx2

from adapters.http.config import HTTPConfig
from adapters.http.mapping import Answer
from gateway.sdk import (
    ConfigError,
    DestinationUnavailableError,
    TransientError,
    UnknownOutcomeError,
)

MAX_CONNECTIONS: Final = 64


class HTTPClient:
    """Sends requests to one core system. Answers are never logged, redirects never followed."""

    def __init__(self, config: HTTPConfig) -> None:
        """Keep the configuration; opens nothing."""
        self._config = config
        self._client: httpx2.AsyncClient | None = None
        self._token: str | None = None

    async def open(self) -> None:
        """Read certificates and the token, and make the pool. Idempotent.

        Raises:
            ConfigError: A file cannot be read or does not hold what it should.
        """
        if self._client is not None:
            return
        context = await asyncio.to_thread(_tls, self._config)
        await self.read_token()
        config = self._config
        self._client = httpx2.AsyncClient(
            verify=context,
            proxy=None if config.proxy is None else str(config.proxy),
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=MAX_CONNECTIONS if config.keepalive_s else 0,
                keepalive_expiry=config.keepalive_s,
            ),
            timeout=httpx2.Timeout(
                connect=config.connect_timeout_s,
                write=config.write_timeout_s,
                read=config.read_timeout_s,
                pool=config.pool_timeout_s,
            ),
            # A compressed answer could be a thousand times larger than what was read.
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **config.headers},
        )

    async def read_token(self) -> None:
        """Read the bearer token, which may have been exchanged.

        Raises:
            ConfigError: Its file cannot be read, or it is no token (RFC 6750, 2.1).
        """
        config = self._config
        if config.bearer_token is not None:
            token = config.bearer_token.get_secret_value()
        elif config.bearer_token_file is not None:
            try:
                token = await asyncio.to_thread(config.bearer_token_file.read_text, "ascii")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError("bearer_token_file: cannot be read") from error
        else:
            return
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError("bearer_token: not a token")
        self._token = token

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send an application and return the answer.

        Raises:
            DestinationUnavailableError: Nothing of the request was sent.
            UnknownOutcomeError: Something was sent, and no status came back.
        """
        request = self._pool.build_request(
            "POST",
            str(self._config.url),
            content=body,
            headers={"Content-Type": "application/json", **self._authorization(), **headers},
        )
        return await self._exchange(request)

    async def get(self, url: str) -> Answer:
        """Ask something that has no effect.

        Raises:
            TransientError: No answer (also as ``DestinationUnavailableError``).
        """
        request = self._pool.build_request("GET", url, headers=self._authorization())
        try:
            return await self._exchange(request)
        except UnknownOutcomeError as error:
            raise TransientError(error.reason) from error

    async def connect(self) -> None:
        """Open a connection and close it again; sends nothing of HTTP.

        Raises:
            DestinationUnavailableError: There was none within ``connect_timeout_s``.
        """
        url = self._config.proxy or self._config.url
        context = await asyncio.to_thread(_tls, self._config) if url.scheme == "https" else None
        host = (url.host or "").strip("[]")
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                _, writer = await asyncio.open_connection(host, url.port, ssl=context)
        except (OSError, TimeoutError) as error:
            raise DestinationUnavailableError("http.not_connected") from error
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @property
    def _pool(self) -> httpx2.AsyncClient:
        if self._client is None:
            raise DestinationUnavailableError("http.not_open")
        return self._client

    def _authorization(self) -> dict[str, str]:
        return {} if self._token is None else {"Authorization": f"Bearer {self._token}"}

    async def _exchange(self, request: httpx2.Request) -> Answer:
        """Send ``request``; tell what failed before the first byte from what failed after."""
        progress = _Progress()
        request.extensions["trace"] = progress.note
        try:
            async with asyncio.timeout(self._config.total_timeout_s), self._sent(request) as answer:
                return await _read(answer, self._config.max_response_bytes)
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            # TimeoutError is an OSError.
            if progress.has_begun:
                raise UnknownOutcomeError(_lost(error)) from error
            raise DestinationUnavailableError("http.not_connected") from error
        finally:
            await progress.close_unused()

    @contextlib.asynccontextmanager
    async def _sent(self, request: httpx2.Request) -> AsyncIterator[httpx2.Response]:
        response = await self._pool.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()


@runtime_checkable
class _Stream(Protocol):
    async def aclose(self) -> None: ...


class _Progress:
    """How far a request came, told by the library's trace."""

    def __init__(self) -> None:
        self.has_begun = False
        self._stream: _Stream | None = None

    async def note(self, event: str, info: Mapping[str, object]) -> None:
        """Take one event of the trace."""
        if event.endswith("send_request_headers.started"):
            self.has_begun = True
        elif event.endswith("connect_tcp.complete"):
            stream = info["return_value"]
            self._stream = stream if isinstance(stream, _Stream) else None

    async def close_unused(self) -> None:
        """Close a connection on which nothing was sent.

        The library forgets one that is cancelled during its TLS handshake (httpcore2 2.16).
        """
        if not self.has_begun and self._stream is not None:
            await self._stream.aclose()


async def _read(response: httpx2.Response, most_bytes: int) -> Answer:
    """Read the answer's body; a status that came counts whatever becomes of its body."""
    fault: str | None = None
    body = bytearray()
    if response.headers.get("content-encoding", "identity") != "identity":
        fault = "http.answer_encoded"
    else:
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > most_bytes:
                    fault = "http.answer_too_large"
                    break
        except httpx2.HTTPError:
            fault = "http.answer_cut_off"
    return Answer(
        status=response.status_code,
        body=bytes(body) if fault is None else None,
        body_fault=fault,
        retry_after=response.headers.get("retry-after"),
    )


def _lost(error: Exception) -> str:
    """Return how the answer was lost: too late, or with the connection."""
    is_late = isinstance(error, httpx2.TimeoutException | TimeoutError)
    return "http.answer_late" if is_late else "http.answer_lost"


def _tls(config: HTTPConfig) -> ssl.SSLContext:
    """Return the TLS settings: TLS 1.2 or later, host names checked."""
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.client_certificate_file is not None:
            password = config.client_key_password
            context.load_cert_chain(
                config.client_certificate_file,
                config.client_key_file,
                password=None if password is None else password.get_secret_value(),
            )
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError("tls files: cannot be used") from error
    return context
