"""Tell front ends what core systems said: signed webhooks, until they are taken."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import structlog

from gateway.crypto.webhook import WebhookSigner
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ClientName
from gateway.domain.webhook import Webhook
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.ports.webhooks import PostAnswer, WebhookPost
from gateway.services.spans import HTTP_STATUS, Spans
from gateway.services.tally import HOP_S, Histogram
from gateway.services.webhook_rules import attempted_rule

log = structlog.get_logger()

TICK_S: Final = 1.0
"""How often the outbox is looked into, if nothing was put into it by this process."""
_AT_ONCE: Final = 8
_LEASE: Final = timedelta(seconds=90)
"""Longer than an attempt may take, so that no other gateway makes it at the same time."""
_LONGEST_PAUSE_S: Final = 3600.0
FEEDBACK_EVENT: Final = "application.feedback"
"""The ``type`` of the only event that there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEndpoint:
    """Where a client takes webhooks.

    Attributes:
        url: Where to.
        signer: With the client's keys.
        disable_after: How long it may fail before it is disabled.
        codes: Our codes to the client's own.
    """

    url: str
    signer: WebhookSigner
    disable_after: timedelta
    codes: Mapping[str, str] = field(default_factory=dict)


class SendWebhooks:
    """Sends what waits in the journal's outbox; each client has a lane of its own.

    A webhook is taken from the outbox only when its endpoint has taken it: whoever goes on
    after a crash sends it again, with the same id.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        http: WebhookPost,
        clock: Clock,
        endpoints: Mapping[ClientName, ClientEndpoint],
        monotonic: Callable[[], float] = time.monotonic,
        spans: Spans | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: Where webhooks wait.
            http: Posts them.
            clock: For what is written down and signed.
            endpoints: Of the clients that have one.
            monotonic: Seconds that never go backwards, for pauses.
            spans: Where each attempt is traced.
        """
        self._journal = journal
        self._http = http
        self._clock = clock
        self._endpoints = endpoints
        self._monotonic = monotonic
        self._spans = spans or Spans()
        self._quiet_until: dict[ClientName, float] = {}
        self._wake = {client: asyncio.Event() for client in endpoints}
        self.attempts: Counter[tuple[str, str]] = Counter()
        """How many attempts were made so far, by client and code; ``taken`` for those taken."""
        self.answer_s = {client: Histogram(HOP_S) for client in endpoints}
        """How long an endpoint took to answer, by client."""

    @property
    def clients(self) -> frozenset[ClientName]:
        """Those that have an endpoint."""
        return frozenset(self._endpoints)

    def nudge(self) -> None:
        """Say that the outbox has something new."""
        for wake in self._wake.values():
            wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for client in self._endpoints:
                    tasks.create_task(self._run_lane(client))
        finally:
            await self._http.close()

    async def _run_lane(self, client: ClientName) -> None:
        is_reported = False
        while True:
            self._wake[client].clear()
            sent = 0
            try:
                sent = await self.send_due(client)
                is_reported = False
            except JournalUnavailableError as error:
                # What was taken and not written down is sent again, with the same id.
                if not is_reported:
                    log.warning("webhooks.put_off", client=client, code=error.code)
                is_reported = True
            if sent < _AT_ONCE:
                try:
                    async with asyncio.timeout(TICK_S):
                        await self._wake[client].wait()
                except TimeoutError:
                    continue

    async def send_due(self, client: ClientName) -> int:
        """Try once all that is due, at most eight; return how many were tried.

        Raises:
            JournalUnavailableError: Not all could be read or written down.
        """
        if self._monotonic() < self._quiet_until.get(client, 0.0):
            return 0
        now = self._clock.now()
        due = await self._journal.lease_webhooks(
            client, limit=_AT_ONCE, now=now, until=now + _LEASE
        )
        done = await asyncio.gather(
            *(self._send(webhook) for webhook in due), return_exceptions=True
        )
        for error in done:
            if isinstance(error, BaseException):
                raise error
        return len(due)

    async def _send(self, webhook: Webhook) -> None:
        client = webhook.client
        endpoint = self._endpoints[client]
        body = body_of(webhook, endpoint.codes)
        span = self._spans.post_webhook(
            webhook.application,
            webhook.traceparent,
            client,
            _server(endpoint.url),
            webhook.attempts,
        )
        headers = {
            "content-type": "application/json",
            "user-agent": "kakehashi",
            "traceparent": span.context.traceparent,
            **endpoint.signer.headers(str(webhook.id), self._clock.now(), body),
        }
        began = self._monotonic()
        answer = await self._http.post(endpoint.url, body, headers)
        answer_s = self._monotonic() - began
        span.note({HTTP_STATUS: answer.status})
        span.end(error=answer.code)
        self.answer_s[client].observe(answer_s, span.context.traceparent)
        self._note(client, answer)
        stood = await self._journal.decide_endpoint(
            client,
            attempted_rule(
                webhook,
                answer,
                disable_after=endpoint.disable_after,
                now=self._clock.now(),
                fraction=random.random(),  # noqa: S311 - jitter, not a secret
            ),
        )
        tell = log.info if answer.code is None else log.warning
        tell(
            "webhook.sent" if answer.code is None else "webhook.not_taken",
            client=client,
            application_id=str(webhook.application),
            delivery_id=str(webhook.feedback.delivery_id),
            webhook_id=str(webhook.id),
            attempt=webhook.attempts + 1,
            status=answer.status,
            code=answer.code,
            body_bytes=len(body),
            answer_ms=round(answer_s * 1000, 1),
            trace_id=span.context.trace_id,
        )
        if answer.code is not None and stood.disabled_at is not None:
            log.error("webhook.endpoint_disabled", client=client, code=answer.code)

    def _note(self, client: ClientName, answer: PostAnswer) -> None:
        self.attempts[client, answer.code or "taken"] += 1
        if answer.code is not None and answer.retry_after_s is not None:
            # It wants to be left alone, not only by this one.
            pause_s = min(answer.retry_after_s, _LONGEST_PAUSE_S)
            self._quiet_until[client] = self._monotonic() + pause_s


def _server(url: str) -> tuple[str | None, int | None]:
    """Return host and port; the scheme's where none is written."""
    parts = urlsplit(url)
    return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def body_of(webhook: Webhook, codes: Mapping[str, str]) -> bytes:
    """Return what is sent: ids, status, code and times; nothing of a person.

    The same bytes for every attempt, as long as the client's codes stay the same. ``type``,
    ``timestamp`` and ``data`` are Standard Webhooks' own members.

    Args:
        webhook: What to tell.
        codes: Our codes to the client's; one that is missing is told as it is.
    """
    feedback = webhook.feedback
    return json.dumps(
        {
            "type": FEEDBACK_EVENT,
            "timestamp": _iso(feedback.received_at),
            "data": {
                "application": str(webhook.application),
                "sequence": webhook.sequence,
                "municipality": webhook.municipality,
                "procedure": webhook.procedure,
                "delivery": str(feedback.delivery_id),
                "status": feedback.status.value,
                "status_ja": feedback.status.japanese,
                "code": None if feedback.code is None else codes.get(feedback.code, feedback.code),
                "decided_at": _iso(feedback.at),
            },
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
