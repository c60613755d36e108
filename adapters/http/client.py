"""Requests to one core system, with its credentials; a refused token is exchanged once."""

from collections.abc import Mapping

from adapters.http.answer import Answer
from adapters.http.config import HTTPConfig
from adapters.http.credentials import REFUSED_TOKEN, credentials_of
from adapters.http.wire import Wire
from gateway.sdk import TransientError, UnknownOutcomeError


class HTTPClient:
    """Sends requests to one core system."""

    def __init__(self, config: HTTPConfig) -> None:
        """Keep the configuration; opens nothing."""
        self._config = config
        self._wire = Wire(config)
        self._credentials = credentials_of(config, self._wire)

    async def open(self) -> None:
        """Read certificates and secrets, and make the pool. Idempotent.

        Raises:
            ConfigError: A file cannot be read or does not hold what it should.
        """
        await self._credentials.open()
        await self._wire.open()

    async def renew(self) -> None:
        """Take up renewed certificates, and see that there is a token.

        Raises:
            ConfigError: A file cannot be read or does not hold what it should.
            TransientError: There is no token to be had now.
        """
        await self._wire.renew()
        await self._credentials.open()
        await self._credentials.token()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send an application and return the answer.

        Raises:
            TransientError: Nothing of the request was sent; also as its subclasses.
            UnknownOutcomeError: Something was sent, and no status came back.
        """
        headers = {"Content-Type": "application/json", **headers}
        return await self._authorised("POST", str(self._config.url), headers, body=body)

    async def get(self, url: str, *, most_bytes: int | None = None) -> Answer:
        """Ask something that has no effect.

        Raises:
            TransientError: No answer; also as its subclasses.
        """
        try:
            return await self._authorised("GET", url, {}, most_bytes=most_bytes)
        except UnknownOutcomeError as error:
            raise TransientError(error.reason) from error

    async def connect(self) -> None:
        """Open a connection and close it again; sends nothing of HTTP.

        Raises:
            DestinationUnavailableError: There was none within ``connect_timeout_s``.
        """
        await self._wire.connect()

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._wire.close()

    async def _authorised(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        most_bytes: int | None = None,
    ) -> Answer:
        may_repeat = self._credentials.is_renewable and self._means_refused_token
        while True:
            token = await self._credentials.token()
            sent = {**self._config.headers, **headers}
            if token is not None:
                sent["Authorization"] = f"Bearer {token}"
            answer = await self._wire.exchange(method, url, sent, body=body, most_bytes=most_bytes)
            if token is not None and answer.status in self._credentials.refusals:
                await self._credentials.replace(token)
            if not (may_repeat and answer.status == REFUSED_TOKEN):
                return answer
            may_repeat = False

    @property
    def _means_refused_token(self) -> bool:
        """Whether a 401 says that nothing was taken, as it does unless configured otherwise."""
        return self._config.status_meanings.get(REFUSED_TOKEN, "unavailable") == "unavailable"
