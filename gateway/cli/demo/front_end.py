"""The simulated front end: it takes webhooks as docs/howto/receive-results.md tells."""

import base64
import hmac
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.crypto.webhook import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER

_HOST: Final = "127.0.0.1"
_PATH: Final = "/webhooks"


class FrontEnd:
    """Listens on loopback, verifies what comes, and takes each webhook once.

    Attributes:
        told: The data of every genuine webhook, by its id.
        forged: How many were not genuine.
    """

    def __init__(self) -> None:
        """Know no secret yet."""
        self.told: dict[str, dict[str, Any]] = {}
        self.forged = 0
        self._secret = b""
        app = web.Application()
        app.router.add_post(_PATH, self._take)
        self._runner = web.AppRunner(app)

    async def start(self) -> str:
        """Listen; return the URL for webhooks."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, 0)
        await site.start()
        _, port = self._runner.addresses[0][:2]
        return f"http://{_HOST}:{port}{_PATH}"

    def learn(self, secret: str) -> None:
        """Take the secret as ``kakehashi keys new webhook`` shows it: ``whsec_…``."""
        self._secret = base64.b64decode(secret.removeprefix("whsec_"))

    async def close(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body, sent = await request.read(), request.headers
        signed = f"{sent[ID_HEADER]}.{sent[TIMESTAMP_HEADER]}.".encode() + body
        digest = base64.b64encode(hmac.digest(self._secret, signed, "sha256")).decode()
        if not hmac.compare_digest(f"v1,{digest}", sent[SIGNATURE_HEADER]):
            self.forged += 1
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        self.told[sent[ID_HEADER]] = (await request.json())["data"]
        return web.Response(status=HTTPStatus.NO_CONTENT)
