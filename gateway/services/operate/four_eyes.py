"""Four eyes: what one person asks for is done once another person has approved it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from gateway.crypto.at_rest import WordsAtRest
from gateway.crypto.detail import conceal
from gateway.domain.approval import Approval, ApprovalId, ApprovalState
from gateway.domain.entry import Action, Actor, ActorKind, Detail, Entry, Fact
from gateway.domain.errors import PermanentError
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.concerned import Concerned
from gateway.services.operate.four_eyes_rule import FourEyesRule
from gateway.services.operate.permissions import PERMITTED
from gateway.services.operate.refusals import (
    DecidedError,
    NotFoundError,
    OperationError,
    OwnRequestError,
    parse_id,
    printable,
)
from gateway.services.operate.wishes import ORDER, Operation, Wish, Wishes

LIFETIME: Final = timedelta(hours=24)
"""After that nobody can approve a request: what it is about has changed meanwhile."""

DECIDED_FOR_OTHERS: Final = frozenset({"approval.approve", "approval.refuse"})
"""Only for who may do themselves what was asked for."""

_GATEWAY: Final = Actor(ActorKind.GATEWAY, "approvals")
_ALL: Final = 1000
_MOST_LISTED: Final = 500
_MOST_OF_ONE: Final = 100
"""Of one person's requests that wait: nobody buries those of others."""


class WaitsForApprovalError(PermanentError):
    """Nothing was done yet: a second person must approve it; the arguments say which request."""

    code = "operation.waits_for_approval"

    @property
    def approval(self) -> str:
        """The request's id."""
        return str(self.args[0])


class FourEyes:
    """Keeps requests until a second person decides; never the one who asked.

    People are told apart by their names: an account's, or at the command line the operating
    system's user of this name, which counts as the same person.
    """

    def __init__(
        self,
        *,
        rule: FourEyesRule,
        journal: Journal,
        clock: Clock,
        new_id: Callable[[], UUID],
        at_rest: WordsAtRest,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._rule = rule
        self._wishes = Wishes(journal=journal, clock=clock)
        self._concerned = Concerned(journal)
        self._journal = journal
        self._clock = clock
        self._new_id = new_id
        self._at_rest = at_rest

    @property
    def covered(self) -> frozenset[str]:
        """The operations that may need a second person."""
        return self._rule.covered

    @property
    def covers_identities(self) -> bool:
        """Whether nobody gives out accounts alone."""
        return self._rule.identities and bool(self._rule.operations)

    def watched(self, name: str, operation: Operation, plan: Operation) -> Operation:
        """Return ``operation`` so that it is only asked for, where the rule says so.

        Args:
            name: Its name.
            operation: Does it.
            plan: Tells what an order to send again would do.
        """

        async def ask(actor: Actor, arguments: Mapping[str, object]) -> object:
            if not self._rule.concerns(name, arguments):
                return await operation(actor, arguments)
            wish = await self._wishes(name, actor, arguments, plan)
            if wish.deliveries is not None and wish.deliveries <= self._rule.above:
                # As it was counted: what begins to wait meanwhile is not a part of it.
                return await operation(actor, wish.arguments)
            raise await self._request(name, actor, wish)

        return ask

    async def list(
        self, *, waiting: bool = False, application: str | None = None, limit: int = 50
    ) -> list[dict[str, object]]:
        """Return the latest requests, newest first.

        Args:
            waiting: Only those that wait.
            application: Only those about this application; ``concerns`` tells which of its
                deliveries each is about.
            limit: So many at most; of the latest 500.

        Raises:
            NotFoundError: No application has this id.
        """
        await self.expire()
        limit = max(1, min(limit, _MOST_LISTED))
        if application is None:
            found = await self._journal.approvals(waiting=waiting, limit=limit)
            return [self._view(one) for one in found]
        deliveries = await self._concerned.deliveries(application)
        about: list[dict[str, object]] = []
        for one in await self._journal.approvals(waiting=waiting, limit=_MOST_LISTED):
            said = self._said(one)
            if concerns := await self._concerned.of(one.operation, said, deliveries):
                about.append({**self._view(one), "concerns": concerns})
        return about[:limit]

    async def show(self, approval: str) -> dict[str, object]:
        """Return one request.

        Raises:
            NotFoundError: There is none with this id.
        """
        await self.expire()
        return self._view(await self._known(approval))

    async def approve(
        self, approval: str, *, actor: Actor, reason: str, do: Mapping[str, Operation]
    ) -> dict[str, object]:
        """Approve a request: it is done now, in the name of whoever asked for it.

        Args:
            approval: Its id.
            actor: Who approves; not who asked.
            reason: Why; 1 to 200 printable characters.
            do: The operations, as they are done without a second person.

        Returns:
            The request; ``answer`` is what it came to, or ``refused`` says why it was not done.

        Raises:
            NotFoundError: There is none with this id.
            OperationError: It is one's own, it waits no more, whoever asked may not do it any
                more, or no reason is given.
        """
        found = await self._of_somebody_else(approval, actor, "approval.approve")
        await self._require_that_asker_still_may(found)
        text = self._at_rest.open(found.arguments)
        if text is None:
            raise OperationError("it was stored under another secret and cannot be read")
        arguments: dict[str, object] = json.loads(text)
        decided = await self._decide(found, ApprovalState.APPROVED, actor, reason)
        asker = Actor(ActorKind.OPERATOR, found.requested_by)
        try:
            answer = await do[found.operation](asker, arguments)
        except PermanentError as error:
            await self._journal.note_approval_result(found.id, error.code)
            return {**self._view(replace(decided, result=error.code)), "refused": str(error)}
        result = str(answer["id"]) if found.operation == ORDER and isinstance(answer, dict) else ""
        result = result or "done"
        await self._journal.note_approval_result(found.id, result)
        return {**self._view(replace(decided, result=result)), "answer": answer}

    async def refuse(self, approval: str, *, actor: Actor, reason: str) -> dict[str, object]:
        """Refuse a request of somebody else.

        Raises:
            NotFoundError: There is none with this id.
            OperationError: It is one's own, it waits no more, or no reason is given.
        """
        found = await self._of_somebody_else(approval, actor, "approval.refuse")
        return self._view(await self._decide(found, ApprovalState.REFUSED, actor, reason))

    async def withdraw(self, approval: str, *, actor: Actor, reason: str) -> dict[str, object]:
        """Take one's own request back.

        Raises:
            NotFoundError: There is none with this id.
            OperationError: It is somebody else's, it waits no more, or no reason is given.
        """
        await self.expire()
        found = await self._known(approval)
        if found.requested_by != actor.name:
            raise OperationError(f"only {found.requested_by} can withdraw it; refuse it instead")
        return self._view(await self._decide(found, ApprovalState.WITHDRAWN, actor, reason))

    async def expire(self) -> None:
        """End every request whose time is over; an entry tells of each, once over all gateways.

        Raises:
            JournalUnavailableError: Perhaps not all are ended.
        """
        for one in await self._journal.approvals(waiting=True, limit=_ALL):
            await self._end_if_over(one)

    async def _end_if_over(self, one: Approval) -> bool:
        now = self._clock.now()
        if one.state is not ApprovalState.WAITING or now < one.expires_at:
            return False
        over = replace(one, state=ApprovalState.EXPIRED, decided_at=now)
        entry = self._entry(Action.APPROVAL_EXPIRED, one, _GATEWAY, None, {})
        await self._journal.decide_approval(over, entry)
        return True

    # What is asked for

    async def _request(self, name: str, actor: Actor, wish: Wish) -> WaitsForApprovalError:
        reason = wish.arguments.get("reason")
        if reason is not None:
            reason = printable(str(reason), "reason")
        await self.expire()
        waiting = await self._journal.approvals(waiting=True, limit=_ALL)
        if sum(one.requested_by == actor.name for one in waiting) >= _MOST_OF_ONE:
            raise OperationError(
                f"{_MOST_OF_ONE} requests of yours wait already: withdraw one, or have one decided"
            )
        now = self._clock.now()
        asked = Approval(
            id=ApprovalId(self._new_id()),
            operation=name,
            arguments=self._at_rest.seal(json.dumps(wish.arguments, ensure_ascii=False)),
            subject=wish.subject,
            fingerprint=wish.fingerprint,
            deliveries=wish.deliveries,
            requested_by=actor.name,
            requested_at=now,
            expires_at=now + LIFETIME,
        )
        entry = self._entry(
            Action.APPROVAL_REQUESTED,
            asked,
            actor,
            conceal({"reason": reason or "–"}),
            {
                "subject": asked.subject,
                "deliveries": asked.deliveries,
                "expires_at": asked.expires_at.isoformat(timespec="milliseconds"),
            },
        )
        if not await self._journal.add_approval(asked, entry):
            raise OperationError("this was asked for already and waits for a second person")
        until = asked.expires_at.isoformat(timespec="minutes")
        return WaitsForApprovalError(
            str(asked.id), f"another person must approve it until {until}; nothing was done yet"
        )

    # How it is decided

    async def _of_somebody_else(self, approval: str, actor: Actor, operation: str) -> Approval:
        await self.expire()
        found = await self._known(approval)
        if found.requested_by == actor.name:
            tried = {"operation": operation}
            now = self._clock.now()
            denied = Entry(action=Action.OPERATION_DENIED, at=now, actor=actor, facts=tried)
            await self._journal.record([denied])
            raise OwnRequestError("you asked for it yourself: another person must decide it")
        return found

    async def _require_that_asker_still_may(self, found: Approval) -> None:
        """See that whoever asked has not lost the right to it since; nobody may do it alone.

        Raises:
            OperationError: They have.
        """
        account = await self._journal.account(found.requested_by)
        if account is None:
            return  # The operating system's user, at the command line.
        may = account.disabled_at is None and PERMITTED[found.operation] & account.roles
        if not may:
            raise OperationError(f"{found.requested_by}, who asked for it, may not do it any more")

    async def _decide(
        self, found: Approval, becomes: ApprovalState, actor: Actor, reason: str
    ) -> Approval:
        reason, now = printable(reason, "reason"), self._clock.now()
        decided = replace(
            found,
            state=becomes,
            decided_by=actor.name,
            decided_at=now,
            decided_reason=self._at_rest.seal(reason),
        )
        entry = self._entry(_DECISIONS[becomes], found, actor, conceal({"reason": reason}), {})
        if not await self._journal.decide_approval(decided, entry):
            state = (await self._known(str(found.id))).state
            raise DecidedError(f"this request is {state}: it waits no more")
        return decided

    async def _known(self, approval: str) -> Approval:
        id_ = ApprovalId(parse_id(approval))
        found = await self._journal.approval(id_)
        if found is not None and await self._end_if_over(found):
            # Where very many wait, ``expire`` does not see the oldest.
            found = await self._journal.approval(id_)
        if found is None:
            raise NotFoundError(f"no request has this id: {approval}")
        return found

    def _entry(
        self,
        action: Action,
        about: Approval,
        actor: Actor,
        detail: Detail | None,
        facts: Mapping[str, Fact],
    ) -> Entry:
        return Entry(
            action=action,
            at=self._clock.now(),
            actor=actor,
            detail=detail,
            facts={
                "approval": str(about.id),
                "operation": about.operation,
                "requested_by": about.requested_by,
                **facts,
            },
        )

    def _said(self, one: Approval) -> dict[str, object]:
        text = self._at_rest.open(one.arguments)
        said: dict[str, object] = {} if text is None else json.loads(text)
        return said

    def _view(self, one: Approval) -> dict[str, object]:
        said = self._said(one)
        reason = one.decided_reason
        return {
            "id": str(one.id),
            "operation": one.operation,
            "subject": one.subject,
            "deliveries": one.deliveries,
            "concerns": [],
            "chosen": said.get("deliveries") or [],
            "reason": said.get("reason"),
            "state": one.state.value,
            "requested_by": one.requested_by,
            "requested_at": one.requested_at.isoformat(timespec="milliseconds"),
            "expires_at": one.expires_at.isoformat(timespec="milliseconds"),
            "decided_by": one.decided_by,
            "decided_at": None
            if one.decided_at is None
            else one.decided_at.isoformat(timespec="milliseconds"),
            "decided_reason": None if reason is None else self._at_rest.open(reason),
            "result": one.result,
        }


_DECISIONS: Final[Mapping[ApprovalState, Action]] = {
    ApprovalState.APPROVED: Action.APPROVAL_APPROVED,
    ApprovalState.REFUSED: Action.APPROVAL_REFUSED,
    ApprovalState.WITHDRAWN: Action.APPROVAL_WITHDRAWN,
}
