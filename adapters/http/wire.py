"""The wire: an HTTP connection pool, which knows whether a request began to be sent."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import httpx2
import structlog

from adapters.http.answer import Answer
from adapters.http.config import HTTPConfig
from adapters.http.tls import Marks, file_marks, tls_context
from gateway.sdk import ConfigError, DestinationUnavailableError, UnknownOutcomeError

MAX_CONNECTIONS: Final = 64

log = structlog.get_logger()


@dataclass(slots=True)
class _Pool:
    """A pool, and how many use it now.

    Attributes:
        client: The library's.
        tls: With which it connects.
        users: Exchanges under way.
    """

    client: httpx2.AsyncClient
    tls: ssl.SSLContext
    users: int = 0


class Wire:
    """Exchanges requests. Answers are never logged, redirects never followed."""

    def __init__(self, config: HTTPConfig) -> None:
        """Keep the configuration; opens nothing."""
        self._config = config
        self._pool: _Pool | None = None
        self._retired: list[_Pool] = []
        self._marks: Marks = ()

    async def open(self) -> None:
        """Read the certificates and make the pool. Idempotent.

        Raises:
            ConfigError: A file cannot be read or does not hold what it should.
        """
        if self._pool is not None:
            return
        # Before they are read: a change in between is noticed at the next renewal.
        self._marks = await asyncio.to_thread(file_marks, self._config)
        self._pool = self._made(await asyncio.to_thread(tls_context, self._config))

    async def renew(self) -> None:
        """Take renewed certificates up; what is under way ends on the old connections.

        Files that cannot be used, half of a renewal perhaps, leave everything as it is.
        """
        marks = await asyncio.to_thread(file_marks, self._config)
        old = self._pool
        if old is None or marks == self._marks:
            return
        self._marks = marks
        try:
            context = await asyncio.to_thread(tls_context, self._config)
        except ConfigError:
            log.warning("http.certificates_unusable")
            return
        if self._pool is not old:  # closed meanwhile
            return
        self._pool = self._made(context)
        log.info("http.certificates_renewed")
        self._retired.append(old)
        await self._close_unused(old)

    async def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        timeout_s: float | None = None,
        most_bytes: int | None = None,
    ) -> Answer:
        """Send a request and return the answer.

        Args:
            method: In upper case.
            url: Absolute.
            headers: Beside the configured ones.
            body: As it is sent.
            timeout_s: For everything together; ``total_timeout_s`` without it.
            most_bytes: Longest body that is read; ``max_response_bytes`` without it.

        Raises:
            DestinationUnavailableError: Nothing of the request was sent.
            UnknownOutcomeError: Something was sent, and no status came back.
        """
        config = self._config
        async with self._used() as client:
            request = client.build_request(method, url, content=body, headers=dict(headers))
            progress = _Progress()
            request.extensions["trace"] = progress.note
            try:
                async with (
                    asyncio.timeout(timeout_s or config.total_timeout_s),
                    _sent(client, request) as response,
                ):
                    limit = config.max_response_bytes if most_bytes is None else most_bytes
                    return await _read(response, limit)
            except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
                # TimeoutError is an OSError.
                if progress.has_begun:
                    raise UnknownOutcomeError(_lost(error)) from error
                raise DestinationUnavailableError("http.not_connected") from error
            finally:
                await progress.close_unused()

    async def connect(self) -> None:
        """Open a connection and close it again; sends nothing of HTTP.

        Raises:
            DestinationUnavailableError: There was none within ``connect_timeout_s``.
        """
        url = self._config.proxy or self._config.url
        context = self._open_pool.tls if url.scheme == "https" else None
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
        pools, self._pool, self._retired = [self._pool, *self._retired], None, []
        for pool in pools:
            if pool is not None:
                await pool.client.aclose()

    @property
    def _open_pool(self) -> _Pool:
        if self._pool is None:
            raise DestinationUnavailableError("http.not_open")
        return self._pool

    @contextlib.asynccontextmanager
    async def _used(self) -> AsyncIterator[httpx2.AsyncClient]:
        pool = self._open_pool
        pool.users += 1
        try:
            yield pool.client
        finally:
            pool.users -= 1
            await self._close_unused(pool)

    async def _close_unused(self, pool: _Pool) -> None:
        """Close a pool that another one has replaced, once nobody uses it any more."""
        if pool.users == 0 and pool in self._retired:
            self._retired.remove(pool)
            await pool.client.aclose()

    def _made(self, context: ssl.SSLContext) -> _Pool:
        config = self._config
        client = httpx2.AsyncClient(
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
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )
        return _Pool(client, context)


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


@contextlib.asynccontextmanager
async def _sent(
    client: httpx2.AsyncClient, request: httpx2.Request
) -> AsyncIterator[httpx2.Response]:
    response = await client.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


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
        link=response.headers.get("link"),
    )


def _lost(error: Exception) -> str:
    """Return how the answer was lost: too late, or with the connection."""
    is_late = isinstance(error, httpx2.TimeoutException | TimeoutError)
    return "http.answer_late" if is_late else "http.answer_lost"
