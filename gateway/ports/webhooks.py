"""Where what front ends must be told waits until they have taken it, and who carries it there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.domain.entry import Entry
from gateway.domain.identifiers import ClientName
from gateway.domain.webhook import Attempt, Endpoint, EndpointStanding, Webhook

LONGEST_WAIT: Final = timedelta(days=2)
"""No attempt is put off for so long: a later time was told before a clock was set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDecision:
    """What a rule wants done with one endpoint, in one transaction.

    Attributes:
        endpoint: As it shall be.
        entries: Audit entries to append, in order.
        attempt: What became of one webhook; one that was taken already stays so.
        hurries: All that waits for the endpoint is due at once.
    """

    endpoint: Endpoint
    entries: tuple[Entry, ...] = ()
    attempt: Attempt | None = None
    hurries: bool = False


class Webhooks(Protocol):
    """The journal's outbox of webhooks. Errors are the journal's.

    A webhook is put into it by ``Journal.decide``, in the transaction that stores the status
    that it is about (``Decision.announcement``).
    """

    async def lease_webhooks(
        self, client: ClientName, *, limit: int, now: datetime, until: datetime
    ) -> Sequence[Webhook]:
        """Take up to ``limit`` webhooks of a client, the longest due first, for this node alone.

        Of each application only the first that was not taken: the order is kept. None while
        the endpoint is disabled. Those leased to another living node are skipped until that
        lease ends; those of this node are returned again.
        """

    async def decide_endpoint(
        self, client: ClientName, rule: Callable[[Endpoint], EndpointDecision]
    ) -> Endpoint:
        """Apply ``rule`` to the endpoint as it is now, and commit what it decides.

        As ``Journal.decide``: the endpoint is locked, the rule quick and pure, and perhaps
        called again.

        Returns:
            The endpoint as it is now.
        """

    async def endpoints(self) -> Sequence[EndpointStanding]:
        """Return every endpoint that something waits for, that fails or is disabled, by client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAnswer:
    """What an endpoint answered.

    Attributes:
        status: HTTP status, or ``None`` when there was no answer.
        code: Stable code when it was not taken; ``None`` for 2xx.
        retry_after_s: How long it asks to be left alone, in seconds.
    """

    status: int | None
    code: str | None
    retry_after_s: float | None = None


class WebhookPost(Protocol):
    """Posts webhooks to endpoints."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostAnswer:
        """Post ``body`` and return what became of it; 30 s at most. Follows no redirect.

        Nothing of the answer but its status and ``Retry-After`` is looked at. If the call is
        cancelled, the endpoint may or may not have it. It does not raise.
        """

    async def close(self) -> None:
        """Give connections back. Idempotent."""
