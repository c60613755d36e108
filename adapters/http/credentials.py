"""What stands in ``Authorization``: nothing, a given token, or one from a token endpoint."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final, Protocol
from uuid import uuid4

import structlog

from adapters.http.config import HTTPConfig
from adapters.http.oauth import AccessToken, is_token, token_of, token_request
from adapters.http.oauth_config import OAuthConfig
from adapters.http.wire import Wire
from gateway.sdk import (
    ConfigError,
    DestinationUnavailableError,
    TransientError,
    UnknownOutcomeError,
)

log = structlog.get_logger()

REFUSED_TOKEN: Final = 401
"""RFC 6750, 3.1: ``invalid_token``. A 403 says that another token would not help."""


class Credentials(Protocol):
    """Gives the bearer token of each request."""

    is_renewable: ClassVar[bool]
    """Whether a request that was refused is worth sending again after ``replace``."""

    refusals: ClassVar[frozenset[int]]
    """Status codes after which ``replace`` is called."""

    async def open(self) -> None:
        """Read what there is to read.

        Raises:
            ConfigError: A file cannot be read or does not hold what it should.
        """

    async def token(self) -> str | None:
        """Return the token; ``None`` sends none.

        Raises:
            TransientError: None can be had now; also as its subclasses.
        """

    async def replace(self, refused: str) -> None:
        """Take it that ``refused`` is of no use any more."""


class GivenToken:
    """A token of the configuration or of a file, or none at all."""

    is_renewable: ClassVar = False
    refusals: ClassVar = frozenset({401, 403, 407})

    def __init__(self, config: HTTPConfig) -> None:
        """Keep the configuration; reads nothing."""
        self._config = config
        self._token: str | None = None

    async def open(self) -> None:
        """Read the token, which may have been exchanged (RFC 6750, 2.1)."""
        config = self._config
        if config.bearer_token is not None:
            token = config.bearer_token.get_secret_value().strip()
        elif config.bearer_token_file is not None:
            token = await _read(config.bearer_token_file, "bearer_token_file")
        else:
            return
        if not is_token(token):
            raise ConfigError("bearer_token: not a token")
        self._token = token

    async def token(self) -> str | None:
        """Return it as it was read last."""
        return self._token

    async def replace(self, refused: str) -> None:  # noqa: ARG002 - there is only one
        """Read it again; the next request has the new one."""
        with contextlib.suppress(ConfigError):  # being exchanged just now: check will tell
            await self.open()


class OAuthTokens:
    """Tokens of a token endpoint, each used until shortly before it expires.

    One is fetched at a time, by whoever needs it first; the others wait for it, and share
    its failure: a token endpoint that is down is not asked by every delivery in turn.
    """

    is_renewable: ClassVar = True
    refusals: ClassVar = frozenset({REFUSED_TOKEN})

    def __init__(self, config: OAuthConfig, wire: Wire) -> None:
        """Keep what it works with; asks for nothing."""
        self._config = config
        self._wire = wire
        self._token: AccessToken | None = None
        self._usable_until = 0.0
        self._lock = asyncio.Lock()
        self._fetches = 0
        self._failure: TransientError | None = None

    async def open(self) -> None:
        """Read the secret once, to find out now that there is none."""
        await self._secret()

    async def token(self) -> str:
        """Return the token, a new one if there is none or it is about to expire."""
        fetches = self._fetches
        token = self._usable()
        if token is not None:
            return token
        async with self._lock:
            if self._fetches != fetches:
                if self._failure is not None:
                    raise _copied(self._failure)
                # However short its life, it was fetched for all who waited.
                if self._token is not None:
                    return self._token.value
            return await self._fetch()

    async def replace(self, refused: str) -> None:
        """Forget ``refused``, unless it has been exchanged already."""
        if self._token is not None and self._token.value == refused:
            self._token = None

    def _usable(self) -> str | None:
        is_usable = self._token is not None and time.monotonic() < self._usable_until
        return self._token.value if is_usable and self._token is not None else None

    async def _fetch(self) -> str:
        """Fetch a token; cancelled, it leaves the fetching to the next one."""
        began = time.monotonic()
        try:
            token = await self._fetched()
        except TransientError as error:
            self._fetches += 1
            self._failure = error
            self._token = None
            raise
        self._fetches += 1
        self._failure = None
        self._token = token
        # Counted from before it was asked for: the server's time began later than that.
        early_s = min(self._config.renew_before_s, token.lifetime_s / 2)
        self._usable_until = began + token.lifetime_s - early_s
        log.info("http.token_fetched", lifetime_s=token.lifetime_s)
        return token.value

    async def _fetched(self) -> AccessToken:
        try:
            secret = await self._secret()
        except ConfigError as error:
            raise DestinationUnavailableError("oauth.secret_unusable") from error
        now = datetime.now(UTC)
        request = token_request(self._config, secret, now, str(uuid4()))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = await self._wire.exchange(
                "POST",
                str(self._config.token_url),
                {**form, **request.headers},
                body=request.body,
                timeout_s=self._config.timeout_s,
            )
        except (DestinationUnavailableError, UnknownOutcomeError) as error:
            # The application waits for its token: nothing of it was sent.
            raise DestinationUnavailableError(error.reason.replace("http.", "oauth.", 1)) from error
        return token_of(answer, self._config, now)

    async def _secret(self) -> str:
        """Return the client's secret, which may have been exchanged.

        Raises:
            ConfigError: Its file cannot be read, or it can be none.
        """
        config = self._config
        if config.client_secret is not None:
            return config.client_secret.get_secret_value()
        if config.client_secret_file is None:
            raise ConfigError("oauth: no secret")
        secret = await _read(config.client_secret_file, "oauth.client_secret_file")
        fault = config.fault_of(secret)
        if fault is not None:
            raise ConfigError(f"oauth.client_secret_file: {fault}")
        return secret


def credentials_of(config: HTTPConfig, wire: Wire) -> Credentials:
    """Return what ``config`` says."""
    return GivenToken(config) if config.oauth is None else OAuthTokens(config.oauth, wire)


async def _read(path: Path, key: str) -> str:
    try:
        return (await asyncio.to_thread(path.read_text, "ascii")).strip()
    except (OSError, UnicodeDecodeError):
        # Not "from": a decoding error shows what could not be decoded.
        raise ConfigError(f"{key}: cannot be read") from None


def _copied(failure: TransientError) -> TransientError:
    """Return a failure of one's own: each raising adds to an error's traceback."""
    return type(failure)(failure.reason, failure.retry_after_s)
