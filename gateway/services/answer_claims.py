"""Give workers the right to open a copy, once it is committed that they have it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

import structlog

from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Claim, ClaimAnswer, Verdict
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import (
    DeliveryNotFoundError,
    JournalUnavailableError,
    PermanentError,
)
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import Event, State, following
from gateway.domain.records import DeliveryRecord
from gateway.ports.broker import CLAIMS, Broker, Received
from gateway.ports.clock import Clock
from gateway.ports.journal import Decision, Journal
from gateway.sdk import Idempotency
from gateway.services.flow import Flow
from gateway.services.forward_clock import ForwardClock
from gateway.services.policy import DestinationPolicy, Hold
from gateway.services.tally import Histogram
from gateway.services.wire import ANSWERS_CODEC, CLAIMS_CODEC, Answers
from gateway.services.workers import WorkerRegister

log = structlog.get_logger()

_MESSAGES_AT_ONCE = 200


_SAYS_WHY: Final = frozenset({Action.DELIVERY_PARKED, Action.DELIVERY_HELD})


def claim_rule(
    claim: Claim, policy: DestinationPolicy, now: datetime, *, latest: datetime | None = None
) -> Callable[[DeliveryRecord], Decision[ClaimAnswer]]:
    """Return the rule that answers ``claim``; the answer and its entry are one commit.

    Args:
        claim: What is asked.
        policy: Its destination's.
        now: The time of day, for what is written.
        latest: The time on a clock that is not set back (``ForwardClock``), for the age that
            is answered; ``now`` if not said.
    """
    decide = _rule(claim, policy, now)

    def rule(record: DeliveryRecord) -> Decision[ClaimAnswer]:
        decision = decide(record)
        claimed_at = (decision.record or record).claimed_at
        age_s = 0.0 if claimed_at is None else _age_s(claimed_at, latest or now)
        return replace(decision, answer=replace(decision.answer, age_s=age_s))

    return rule


def _rule(
    claim: Claim, policy: DestinationPolicy, now: datetime
) -> Callable[[DeliveryRecord], Decision[ClaimAnswer]]:
    hold = policy.hold(now) or _declined(claim, now)

    def rule(record: DeliveryRecord) -> Decision[ClaimAnswer]:  # noqa: PLR0911 - one a verdict
        if claim.attempt != record.attempt or record.destination != claim.destination:
            return _refused(record, claim, now)
        match record.state:
            case State.PENDING | State.QUEUED:
                if hold is not None:
                    return _hold(record, claim, policy, hold, now)
                return _claimed(record, claim, Event.CLAIMED, Verdict.GO, now)
            case State.SENDING if record.copy == claim.copy:
                # Once it is being resolved, another worker has had its hands on it.
                is_own = record.worker == claim.worker and record.resolves == 0
                is_sealed = is_own and not claim.opened and claim.declined is None
                if is_sealed:
                    # Also when it is paused by now. This may be an old question, read twice:
                    # its "go" is used already, and what is given cannot be taken back.
                    return _claimed_again(record, claim, now)
                if hold is not None:
                    return _hold(record, claim, policy, hold, now)
                return _resolve(record, claim, policy, now)
            case State.IN_DOUBT if record.copy in (None, claim.copy):
                if hold is not None:
                    return _hold(record, claim, policy, hold, now)
                return _resolve(record, claim, policy, now)
            case _:
                return _refused(record, claim, now)

    return rule


def _age_s(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())


def _answered(record: DeliveryRecord, claim: Claim, verdict: Verdict) -> Decision[ClaimAnswer]:
    return Decision(
        answer=ClaimAnswer(
            delivery_id=record.id,
            copy=claim.copy,
            verdict=verdict,
            attempt=record.attempt,
        )
    )


def _refused(record: DeliveryRecord, claim: Claim, now: datetime) -> Decision[ClaimAnswer]:
    """Tell a worker to forget a copy: that it asked, and may not open it, is an entry."""
    entry = _entry(Action.DELIVERY_CLAIM_REFUSED, record, claim, now, Verdict.DROP)
    return replace(_answered(record, claim, Verdict.DROP), entries=(entry,))


def _claimed(
    record: DeliveryRecord, claim: Claim, event: Event, verdict: Verdict, now: datetime
) -> Decision[ClaimAnswer]:
    claimed = replace(
        record,
        state=following(record.state, event),
        copy=claim.copy,
        worker=claim.worker,
        claimed_at=record.claimed_at or now,
        budget_since=record.budget_after(now - record.updated_at)
        if event == Event.CLAIMED
        else record.budget_since,
        due_at=None,
        resolves=record.resolves + (verdict == Verdict.RESOLVE),
        updated_at=now,
    )
    entry = _entry(Action.DELIVERY_CLAIMED, claimed, claim, now, verdict)
    return replace(_answered(claimed, claim, verdict), record=claimed, entries=(entry,))


def _claimed_again(record: DeliveryRecord, claim: Claim, now: datetime) -> Decision[ClaimAnswer]:
    """Answer a claim whose answer was lost; what it gives may be sent from now on.

    How long a core system remembers its key is counted from the claim.
    """
    again = replace(record, claimed_at=now, updated_at=now)
    entry = _entry(Action.DELIVERY_CLAIMED, again, claim, now, Verdict.GO)
    return replace(_answered(again, claim, Verdict.GO), record=again, entries=(entry,))


def _resolve(
    record: DeliveryRecord, claim: Claim, policy: DestinationPolicy, now: datetime
) -> Decision[ClaimAnswer]:
    resends_spent = policy.idempotency == Idempotency.NATIVE and record.resolves >= policy.resends
    if not resends_spent:
        return _claimed(record, claim, Event.RESOLVING, Verdict.RESOLVE, now)
    parked = replace(
        record,
        state=following(record.state, Event.UNRESOLVED),
        copy=None,
        worker=None,
        due_at=None,
        code="delivery.unresolved",
        updated_at=now,
    )
    entry = _entry(Action.DELIVERY_PARKED, parked, claim, now, Verdict.DROP)
    return replace(_answered(parked, claim, Verdict.DROP), record=parked, entries=(entry,))


def _declined(claim: Claim, now: datetime) -> Hold | None:
    """Return why the worker does not want it; a worker that only leaves it to others, at once."""
    match claim.declined:
        case None:
            return None
        case "worker.stopping" | "worker.standing_by" as code:
            return Hold(code=code, until=now)
        case "destination.paused" | "destination.rate_limited" as code:
            return Hold(code=code)
        case _:
            return Hold(code="destination.unavailable")


def _hold(
    record: DeliveryRecord,
    claim: Claim,
    policy: DestinationPolicy,
    hold: Hold,
    now: datetime,
) -> Decision[ClaimAnswer]:
    """Put it off: what was not opened is tried later, what was is asked about later."""
    state = following(record.state, Event.HELD)
    due_at: datetime | None = hold.until or now + timedelta(seconds=policy.hold_s)
    if state == State.IN_DOUBT and policy.idempotency == Idempotency.NONE:
        due_at = None
    held = replace(
        record,
        state=state,
        copy=None,
        worker=None,
        due_at=due_at,
        budget_since=record.budget_after((due_at or now) - record.updated_at),
        code=hold.code,
        updated_at=now,
    )
    entry = _entry(Action.DELIVERY_HELD, held, claim, now, Verdict.WAIT)
    return replace(_answered(held, claim, Verdict.WAIT), record=held, entries=(entry,))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")


def _entry(
    action: Action, record: DeliveryRecord, claim: Claim, now: datetime, verdict: Verdict
) -> Entry:
    return Entry(
        action=action,
        at=now,
        actor=Actor(ActorKind.WORKER, claim.worker),
        municipality=record.municipality,
        application=record.application_id,
        delivery=record.id,
        facts={
            "destination": record.destination,
            "attempt": claim.attempt,
            "copy": str(claim.copy),
            "verdict": verdict.value,
            "state": record.state.value,
            "code": record.code if action in _SAYS_WHY else None,
            "due_at": _iso(record.due_at) if action == Action.DELIVERY_HELD else None,
        },
    )


class AnswerClaims:
    """Listens for claims and answers each message once all its claims are committed."""

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        journal: Journal,
        broker: Broker,
        signer: Signer,
        verifier: Verifier,
        workers: WorkerRegister,
        policies: Mapping[DestinationName, DestinationPolicy],
        clock: Clock,
        copy_claimed: Callable[[DestinationName, datetime], None],
        flow: Flow,
    ) -> None:
        """Keep what it works with; opens nothing.

        ``copy_claimed`` is told when the copy was published that was claimed for sending.
        """
        self._journal = journal
        self._broker = broker
        self._signer = signer
        self._verifier = verifier
        self._workers = workers
        self._policies = policies
        self._clock = clock
        self._latest = ForwardClock(clock)
        self._copy_claimed = copy_claimed
        self._flow = flow
        self.verdicts: Counter[tuple[str, str]] = Counter()
        """Claims answered so far, by destination and verdict."""
        self.answer_s = Histogram()
        """From a message with claims in hand to its committed answer."""
        self.refused: Counter[str] = Counter()
        """Messages that were not believed or not readable, by code."""

    async def run(self) -> None:
        """Answer until cancelled."""
        async with (
            asyncio.TaskGroup() as tasks,
            self._broker.consume(CLAIMS, prefetch=_MESSAGES_AT_ONCE) as questions,
        ):
            async for question in questions:
                tasks.create_task(self._answer(question))

    async def _answer(self, question: Received) -> None:
        # A claim is a question: whoever gets no answer opens nothing and asks again.
        # So it is acknowledged in any case.
        began = perf_counter()
        try:
            claims, kid = CLAIMS_CODEC.read(question.message, self._verifier)
            for claim in claims.claims:
                self._workers.require(kid, worker=claim.worker, destination=claim.destination)
        except PermanentError as error:
            await self._refuse(error)
        else:
            answers = await asyncio.gather(*(self._decide(claim) for claim in claims.claims))
            known = tuple(answer for answer in answers if answer is not None)
            if known:
                answer = ANSWERS_CODEC.write(Answers(known), self._signer)
                await self._broker.reply(question.message, answer)
                self.answer_s.observe(perf_counter() - began)
        await question.ack()

    async def _decide(self, claim: Claim) -> ClaimAnswer | None:
        policy = self._policies.get(claim.destination)
        if policy is None:
            log.warning("claim.destination_unknown", destination=claim.destination)
            return None
        try:
            return await self._commit(claim, policy)
        except DeliveryNotFoundError:
            # Our own signature is on a delivery we do not know: another journal's, or
            # one restored from an old backup. Nothing may be opened.
            log.warning("claim.delivery_unknown", delivery_id=str(claim.delivery_id))
            return None
        except JournalUnavailableError as error:
            log.warning("claim.not_committed", code=error.code)
            return None
        except ValueError:
            # A step that the journal cannot store, such as an entry that is too long.
            log.warning("claim.not_storable", destination=claim.destination)
            return None

    async def _commit(self, claim: Claim, policy: DestinationPolicy) -> ClaimAnswer:
        now = self._clock.now()
        decide = claim_rule(claim, policy, now, latest=self._latest.now())
        given: list[DeliveryRecord | None] = []

        def rule(record: DeliveryRecord) -> Decision[ClaimAnswer]:
            decision = decide(record)
            is_new = record.state in (State.PENDING, State.QUEUED)
            is_given = is_new and decision.answer.verdict == Verdict.GO
            given.append(record if is_given else None)
            return decision

        answer = await self._journal.decide(claim.delivery_id, rule)
        self.verdicts[claim.destination, answer.verdict.value] += 1
        # A rule that met a deadlock was asked more than once: its last word counts.
        before = given[-1]
        if before is not None:
            self._flow.claimed(before, now)
            if before.state == State.QUEUED:
                self._copy_claimed(claim.destination, before.updated_at)
        return answer

    async def _refuse(self, error: PermanentError) -> None:
        self.refused[error.code] += 1
        log.warning("claim.refused", code=error.code)
        entry = refusal_entry("claim", error, self._clock.now())
        try:
            await self._journal.record([entry])
        except JournalUnavailableError as unavailable:
            log.warning("refusal.not_recorded", code=unavailable.code)


def refusal_entry(kind: str, error: PermanentError, now: datetime) -> Entry:
    """Return the entry for a message that was refused before it was believed."""
    return Entry(
        action=Action.MESSAGE_REFUSED,
        at=now,
        actor=Actor(ActorKind.NOBODY, "broker"),
        facts={"kind": kind, "code": error.code},
    )
