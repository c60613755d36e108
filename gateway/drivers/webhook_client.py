"""Posts webhooks over HTTP, to addresses that stand in the configuration."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from gateway.ports.webhooks import PostAnswer

_TOTAL_S: Final = 20.0
"""Standard Webhooks asks senders to wait 15 to 30 s for an answer."""
_CONNECT_S: Final = 5.0
_SPECIAL: Final[Mapping[int, str]] = {
    408: "webhook.timeout",
    410: "webhook.gone",
    429: "webhook.busy",
    503: "webhook.busy",
}
_CODES: Final[Mapping[int, str]] = {
    2: "",
    3: "webhook.redirected",
    4: "webhook.refused",
    5: "webhook.failed",
}
"""First digit of a status to the code of what it means for a webhook."""


class WebhookClient:
    """Makes a connection of its own for each webhook, and reads no body that is answered.

    It follows no redirect and uses no proxy of the environment, no cookie and no credentials:
    what an endpoint answers cannot make the gateway ask for anything else.
    """

    def __init__(self) -> None:
        """Open nothing."""
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostAnswer:
        """Post once."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # A connection that is kept may be closed just when the next webhook leaves.
                connector=aiohttp.TCPConnector(force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=_TOTAL_S, sock_connect=_CONNECT_S),
                auto_decompress=False,
            )
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return _answer(response.status, response.headers.get("Retry-After"))
        except TimeoutError:
            return PostAnswer(status=None, code="webhook.timeout")
        except aiohttp.ClientSSLError:
            return PostAnswer(status=None, code="webhook.tls")
        except (aiohttp.ClientError, OSError, ValueError):
            return PostAnswer(status=None, code="webhook.unreachable")

    async def close(self) -> None:
        """Close what is open."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _answer(status: int, retry_after: str | None) -> PostAnswer:
    code = _SPECIAL.get(status) or _CODES.get(status // 100, "webhook.failed")
    return PostAnswer(
        status=status,
        code=code or None,
        retry_after_s=None if retry_after is None else _seconds(retry_after),
    )


def _seconds(retry_after: str) -> float | None:
    """Return the wait that is asked for (RFC 9110, 10.2.3); ``None`` if it cannot be read."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    until = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
