"""A front-end system that keeps its side: the same key again and again until a 202."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final, Self
from uuid import uuid4

import aiohttp

from tests.acceptance.harness.applications import MUNICIPALITY, body

ACCEPTED: Final = 202
_UNKNOWN_KEY: Final = 401
_TRY_AGAIN: Final = frozenset({429, 503})
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)


@dataclass
class Sent:
    """One application of the front-end system.

    Attributes:
        key: Its ``Idempotency-Key``, the same on every try.
        body: Its bytes, likewise.
        traceparent: The trace it belongs to (W3C Trace Context), if it is in one.
        id: As the 202 said; ``None`` until there was one.
        tries: How often it was sent.
        statuses: What came back, 0 for nothing.
    """

    body: bytes
    key: str = field(default_factory=lambda: secrets.token_hex(12))
    traceparent: str | None = None
    id: str | None = None
    tries: int = 0
    statuses: list[int] = field(default_factory=list)


class Front:
    """One client with one API key; may know several gateways and asks them in turn."""

    def __init__(self, urls: Sequence[str], api_key: str) -> None:
        self._urls = tuple(urls)
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
            "Accept-Language": "en",
        }
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT)
        for url in self._urls:
            # A key that was made at one gateway is known to the others two seconds later.
            for _ in range(50):
                async with self._session.get(f"{url}/v1/applications/{uuid4()}") as answer:
                    if answer.status != _UNKNOWN_KEY:
                        break
                await asyncio.sleep(0.1)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def post(self, sent: Sent, *, node: int = 0) -> tuple[int, dict[str, Any], bool]:
        """Send once; return status, body and whether it was a replay. 0: no answer."""
        assert self._session is not None
        sent.tries += 1
        url = f"{self._urls[node]}/v1/municipalities/{MUNICIPALITY}/applications"
        headers = {"Idempotency-Key": sent.key}
        if sent.traceparent is not None:
            headers["traceparent"] = sent.traceparent
        try:
            async with self._session.post(url, data=BytesIO(sent.body), headers=headers) as answer:
                found = await answer.json(content_type=None)
                replayed = answer.headers.get("Idempotency-Replayed") == "true"
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            status, found, replayed = 0, {}, False
        sent.statuses.append(status)
        return status, found, replayed

    async def submit(self, sent: Sent, *, node: int | None = None) -> str:
        """Send until there is a 202 and return the application's id."""
        for turn in range(1_000):
            at = turn % len(self._urls) if node is None else node
            status, found, _ = await self.post(sent, node=at)
            if status == ACCEPTED:
                # A retry must never be told another id than an earlier 202 said.
                assert sent.id in (None, found["id"])
                sent.id = str(found["id"])
                return sent.id
            assert status == 0 or status in _TRY_AGAIN, (status, found)
            await asyncio.sleep(0.1)
        raise AssertionError(f"never accepted: {sent.statuses[-20:]}")

    async def status(self, application: str, *, node: int = 0) -> dict[str, Any]:
        """Return what the front end is told of its application."""
        assert self._session is not None
        async with self._session.get(f"{self._urls[node]}/v1/applications/{application}") as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def submit_all(self, procedures: Sequence[str], *, at_once: int = 8) -> list[Sent]:
        """Send one application per entry of ``procedures``, a few at a time."""
        sent = [Sent(body(procedure)) for procedure in procedures]
        gate = asyncio.Semaphore(at_once)

        async def one(each: Sent, node: int) -> None:
            async with gate:
                await self.submit(each, node=node)

        await asyncio.gather(
            *(one(each, index % len(self._urls)) for index, each in enumerate(sent))
        )
        return sent


async def until(
    holds: Callable[[], Awaitable[bool]], *, timeout_s: float, what: str, every_s: float = 0.2
) -> None:
    """Return as soon as ``holds``; fail with ``what`` after ``timeout_s``."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await holds():
        assert asyncio.get_running_loop().time() < deadline, what
        await asyncio.sleep(every_s)
