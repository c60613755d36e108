"""What becomes of a webhook and of its endpoint when it was sent, or was not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact
from gateway.domain.webhook import Attempt, Endpoint, Webhook
from gateway.ports.webhooks import EndpointDecision, PostAnswer

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
WAITS_S: Final = (
    5,
    5 * _MINUTE_S,
    30 * _MINUTE_S,
    2 * _HOUR_S,
    5 * _HOUR_S,
    10 * _HOUR_S,
    14 * _HOUR_S,
    20 * _HOUR_S,
    24 * _HOUR_S,
)
"""Waits after each failure, as Standard Webhooks recommends; the last one holds for ever."""

_ACTOR: Final = Actor(ActorKind.GATEWAY, "webhooks")
GONE: Final = "webhook.gone"
REFUSED: Final = "webhook.refused"


def wait_s(failures: int, fraction: float) -> float:
    """Return the wait after ``failures`` failures: the scheduled one, and up to a fifth more.

    Args:
        failures: From 1.
        fraction: A random number in [0, 1): many that failed together do not come together.
    """
    return WAITS_S[min(failures, len(WAITS_S)) - 1] * (1 + fraction / 5)


def attempted_rule(
    webhook: Webhook,
    answer: PostAnswer,
    *,
    disable_after: timedelta,
    now: datetime,
    fraction: float,
) -> Callable[[Endpoint], EndpointDecision]:
    """Return the rule that records what became of one attempt.

    The first that is taken after a failure hurries the others. An endpoint that says it is
    gone (410), or has taken nothing for ``disable_after``, is disabled; what waits for it is
    kept until a person enables it.
    """

    def rule(endpoint: Endpoint) -> EndpointDecision:
        if answer.code is None:
            return _taken(webhook, answer, endpoint, now)
        since = endpoint.failing_since or now
        wait = timedelta(seconds=wait_s(webhook.attempts + 1, fraction))
        if answer.retry_after_s is not None:
            longest = timedelta(seconds=WAITS_S[-1])
            wait = max(wait, min(timedelta(seconds=answer.retry_after_s), longest))
        attempt = Attempt(id=webhook.id, due_at=now + wait, code=answer.code)
        failing = replace(endpoint, failing_since=since, code=answer.code)
        entries = [_entry(Action.WEBHOOK_FAILED, webhook, answer, now, attempt.due_at)]
        is_over = answer.code == GONE or now - since >= disable_after
        if is_over and endpoint.disabled_at is None:
            failing = replace(failing, disabled_at=now)
            facts = {"client": webhook.client, "code": answer.code, "failing_since": _iso(since)}
            entries.append(Entry(action=Action.WEBHOOK_DISABLED, at=now, actor=_ACTOR, facts=facts))
        return EndpointDecision(endpoint=failing, entries=tuple(entries), attempt=attempt)

    return rule


def _taken(
    webhook: Webhook, answer: PostAnswer, endpoint: Endpoint, now: datetime
) -> EndpointDecision:
    attempt = Attempt(id=webhook.id, due_at=now, sent_at=now)
    well = replace(endpoint, failing_since=None, code=None)
    return EndpointDecision(
        # One that was disabled meanwhile stays so: a person decides.
        endpoint=endpoint if endpoint.disabled_at is not None else well,
        entries=(_entry(Action.WEBHOOK_SENT, webhook, answer, now, None),),
        attempt=attempt,
        # What was refused for what it is says nothing of the others, nor they of it.
        hurries=endpoint.code not in (None, REFUSED) and endpoint.disabled_at is None,
    )


def _entry(
    action: Action, webhook: Webhook, answer: PostAnswer, now: datetime, due_at: datetime | None
) -> Entry:
    facts: dict[str, Fact] = {
        "client": webhook.client,
        "webhook": str(webhook.id),
        "sequence": webhook.sequence,
        "attempt": webhook.attempts + 1,
        "status": answer.status,
    }
    if due_at is not None:
        facts |= {"code": answer.code, "due_at": _iso(due_at)}
    return Entry(
        action=action,
        at=now,
        actor=_ACTOR,
        municipality=webhook.municipality,
        application=webhook.application,
        delivery=webhook.feedback.delivery_id,
        facts=facts,
    )


def enabled_rule(actor: Actor, now: datetime) -> Callable[[Endpoint], EndpointDecision]:
    """Return the rule by which a person enables an endpoint; all that waits is due at once."""

    def rule(endpoint: Endpoint) -> EndpointDecision:
        if endpoint.disabled_at is None:
            return EndpointDecision(endpoint=endpoint)
        facts = {"client": endpoint.client, "disabled_at": _iso(endpoint.disabled_at)}
        entry = Entry(action=Action.WEBHOOK_ENABLED, at=now, actor=actor, facts=facts)
        return EndpointDecision(
            endpoint=Endpoint(client=endpoint.client), entries=(entry,), hurries=True
        )

    return rule


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
