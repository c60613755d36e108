"""Who is asking: API keys of front-end systems."""

import asyncio
import hashlib
import hmac
import secrets
from typing import Final

import structlog

from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ClientName
from gateway.ports.clock import Clock
from gateway.ports.journal import ClientKey, Journal
from gateway.services.accept import Refusal

log = structlog.get_logger()

_PREFIX: Final = "kkh"
_ID_LENGTH: Final = 12
_SECRET_BYTES: Final = 32
_RELOAD_S: Final = 2.0


def new_key(client: ClientName, clock: Clock) -> tuple[str, ClientKey]:
    """Return a new API key in clear, to be shown once, and what the journal keeps of it.

    ``kkh_ID_SECRET``: 12 characters that name it, and 256 random bits in base64url.
    """
    key_id = secrets.token_hex(_ID_LENGTH // 2)
    text = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return text, ClientKey(id=key_id, client=client, digest=_digest(text), created_at=clock.now())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _denied(code: str) -> Refusal:
    return Refusal(status=401, code=code)


class Authenticate:
    """Recognises API keys.

    Keys are read from the journal every two seconds, so a key that another process
    revoked is refused soon after; ``reload`` makes it so at once.
    """

    def __init__(self, *, journal: Journal) -> None:
        """Keep the journal; knows no key until ``reload``."""
        self._journal = journal
        self._keys: dict[str, ClientKey] = {}
        self._extra: dict[str, ClientKey] = {}

    def __call__(self, presented: str | None) -> ClientName | Refusal:
        """Return the client behind the ``Authorization`` header's value, or a 401."""
        if presented is None:
            return _denied("client.unauthenticated")
        scheme, _, token = presented.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return _denied("client.unauthenticated")
        key_id = token.split("_", 2)[1] if token.count("_") >= 2 else ""  # noqa: PLR2004
        key = self._keys.get(key_id) or self._extra.get(key_id)
        if key is None or not hmac.compare_digest(key.digest, _digest(token.strip())):
            return _denied("client.key_unknown")
        if key.revoked_at is not None:
            return _denied("client.key_revoked")
        return key.client

    def admit(self, key: ClientKey) -> None:
        """Accept ``key`` as long as this process lives; it is stored nowhere."""
        self._extra[key.id] = key

    async def reload(self) -> None:
        """Read the keys from the journal."""
        self._keys = {key.id: key for key in await self._journal.client_keys()}

    async def run(self) -> None:
        """Reload the keys until cancelled."""
        while True:
            await asyncio.sleep(_RELOAD_S)
            try:
                await self.reload()
            except JournalUnavailableError as error:
                log.warning("client_keys.not_reloaded", code=error.code)
