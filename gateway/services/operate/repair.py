"""Repair what waits for a person: by groups, by orders, and by asking for it once more."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from math import isfinite
from typing import Final
from uuid import UUID

from gateway.crypto.at_rest import WordsAtRest
from gateway.crypto.detail import conceal
from gateway.domain.entry import Action, Actor, Entry, Fact
from gateway.domain.identifiers import ApplicationId
from gateway.domain.lifecycle import NEEDS_A_PERSON, UNFINISHED, State
from gateway.domain.repair import (
    OPEN_REPLAYS,
    ReplayId,
    ReplayOrder,
    ReplayResult,
    ReplayState,
    ReplayTally,
    WaitingFilter,
    WaitingGroup,
)
from gateway.ports.clock import Clock
from gateway.ports.journal import DossierFilter, Journal
from gateway.services.operate.refusals import NotFoundError, OperationError, parse_id, printable
from gateway.services.operate.selection import Wanted, group_id, in_words, is_selected, selected

CANARY: Final = 5
"""How many go first if nothing is said: few enough to repair one by one."""
NO_CANARY_UP_TO: Final = 20
"""So few are sent without one, if nothing is said."""
RATE_PER_S: Final = 10.0
"""100,000 in less than three hours, and little beside what a core system takes every day."""
MOST_RATE_PER_S: Final = 1_000.0
LEAST_RATE_PER_S: Final = 0.001
_LARGEST_PAGE: Final = 500


class Repair:
    """Shows what waits by its causes, and orders that it is sent again."""

    def __init__(
        self, *, journal: Journal, clock: Clock, new_id: Callable[[], UUID], at_rest: WordsAtRest
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._at_rest = at_rest
        self._journal = journal
        self._clock = clock
        self._new_id = new_id

    async def groups(self, where: Wanted = Wanted()) -> list[dict[str, object]]:  # noqa: B008 - frozen
        """Return what waits, grouped by state, destination, code and adapter; largest first.

        Raises:
            OperationError: ``where`` cannot be.
        """
        states = frozenset({State.IN_DOUBT}) if where.in_doubt else NEEDS_A_PERSON
        found = await self._journal.waiting_groups(await selected(self._journal, where, states))
        return [_group(group) for group in found]

    async def plan(
        self, where: Wanted, *, canary: int | None = None, rate_per_s: float = RATE_PER_S
    ) -> dict[str, object]:
        """Return what an order would do now; changes nothing.

        Raises:
            OperationError: There can be no such order, or it would be for nothing.
        """
        selection, groups = await self._chosen(where)
        total = sum(group.deliveries for group in groups)
        return {
            "total": total,
            "selection": in_words(selection),
            "canary": _canary(canary, total),
            "rate_per_s": _rate(rate_per_s),
            "groups": [_group(group) for group in groups],
        }

    async def order(
        self,
        where: Wanted,
        *,
        actor: Actor,
        reason: str,
        canary: int | None = None,
        rate_per_s: float = RATE_PER_S,
        expected: int | None = None,
    ) -> dict[str, object]:
        """Order that a selection is sent again, frozen as it is now; gateways carry it out.

        Args:
            where: What to send; must name a group or a destination.
            actor: Who says so.
            reason: Why; 1 to 200 printable characters.
            canary: So many first, the rest once they have arrived; 0 for none. If nothing is
                said: 5 of more than 20, else none.
            rate_per_s: At most so many a second, 0.001 to 1,000.
            expected: How many a plan said it would be.

        Returns:
            The order, and the ``node`` that stored it; with ``expected``, the ``difference``:
            how many more it is than that, as some came or went meanwhile.

        Raises:
            OperationError: There can be no such order, or it would be for nothing.
        """
        reason = printable(reason, "reason")
        selection, groups = await self._chosen(where)
        now = self._clock.now()
        wanted = ReplayOrder(
            id=ReplayId(self._new_id()),
            ordered_by=actor.name,
            ordered_at=now,
            reason=self._at_rest.seal(reason),
            selection=in_words(selection),
            canary=_canary(canary, sum(group.deliveries for group in groups)),
            rate_per_s=_rate(rate_per_s),
            updated_at=now,
        )

        def entry(total: int) -> Entry:
            facts: dict[str, Fact] = {
                "order": str(wanted.id),
                "deliveries": total,
                "selection": wanted.selection,
                "canary": wanted.canary,
                "rate_per_s": f"{wanted.rate_per_s:g}",
            }
            return Entry(
                action=Action.REPLAY_ORDERED,
                at=now,
                actor=actor,
                municipality=selection.municipality,
                detail=conceal({"reason": reason}),
                facts=facts,
            )

        order = await self._journal.order_replay(wanted, selection, entry)
        if order.total == 0:
            raise OperationError("nothing waits of what was selected: it was done meanwhile")
        difference = None if expected is None else order.total - expected
        return {
            **await self._view(order),
            "node": self._journal.node,
            **({} if difference is None else {"difference": difference}),
        }

    async def orders(self, *, limit: int = 20) -> list[dict[str, object]]:
        """Return the latest orders, newest first; at most 500."""
        found = await self._journal.replay_orders(limit=max(1, min(limit, _LARGEST_PAGE)))
        return [await self._view(order) for order in found]

    async def show(self, order: str) -> dict[str, object]:
        """Return one order and how far it is.

        Raises:
            NotFoundError: There is none with this id.
        """
        return await self._view(await self._known(order))

    async def resume(self, order: str, *, actor: Actor, reason: str) -> dict[str, object]:
        """Let an order that has halted go on with the rest, without a canary.

        Raises:
            NotFoundError: There is none with this id.
            OperationError: It has not halted, or no reason is given.
        """
        return await self._change(
            await self._known(order),
            frozenset({ReplayState.HALTED}),
            ReplayState.RUNNING,
            self._entry(Action.REPLAY_RESUMED, order, actor, reason),
        )

    async def stop(self, order: str, *, actor: Actor, reason: str) -> dict[str, object]:
        """End an order: what it has not begun stays as it is. What it has is not called back.

        A gateway that begins some in this very moment may finish these, 50 at most.

        Raises:
            NotFoundError: There is none with this id.
            OperationError: It has ended already, or no reason is given.
        """
        return await self._change(
            await self._known(order),
            OPEN_REPLAYS,
            ReplayState.CANCELLED,
            self._entry(Action.REPLAY_CANCELLED, order, actor, reason),
        )

    async def resubmissions(
        self,
        where: Wanted = Wanted(),  # noqa: B008 - frozen
        *,
        before: str | None = None,
        limit: int = _LARGEST_PAGE,
    ) -> dict[str, object]:
        """Return whom to ask for what once more, newest application first.

        For what cannot be repaired by sending it again: the payload itself must change, or
        it was sealed for a wrong destination. Its client submits it anew, naming the
        application's id in ``supersedes``. What was resubmitted already is left out.

        Args:
            where: Of which of the deliveries that wait.
            before: Only applications older than this one.
            limit: So many applications are looked through at a time; at most 500.

        Returns:
            ``applications``, and ``before`` for the next page, ``None`` after the last.

        Raises:
            NotFoundError: ``before`` is no id, or there is no such group.
            OperationError: ``where`` cannot be.
        """
        states = frozenset({State.IN_DOUBT if where.in_doubt else State.PARKED})
        selection = await selected(self._journal, where, states)
        limit = max(1, min(limit, _LARGEST_PAGE))
        last = None if before is None else ApplicationId(parse_id(before))
        found: list[dict[str, object]] = []
        while not found:
            dossiers = await self._journal.dossiers(
                DossierFilter(
                    municipality=selection.municipality,
                    destination=selection.destination,
                    states=selection.states,
                ),
                before=last,
                limit=limit,
            )
            found = [
                {
                    "client": dossier.application.client,
                    "application": str(dossier.application.id),
                    "municipality": dossier.application.municipality,
                    "procedure": dossier.application.procedure,
                    "version": dossier.application.version,
                    "accepted_at": _iso(dossier.application.accepted_at),
                    "delivery": str(delivery.id),
                    "destination": delivery.destination,
                    "state": delivery.state.value,
                    "code": delivery.code,
                    "pointer": delivery.pointer,
                }
                for dossier in dossiers
                if dossier.application.superseded_by is None
                for delivery in dossier.deliveries
                if is_selected(selection, delivery)
            ]
            if len(dossiers) < limit:
                return {"applications": found, "before": None}
            last = dossiers[-1].application.id
        return {"applications": found, "before": str(last)}

    async def _chosen(self, where: Wanted) -> tuple[WaitingFilter, list[WaitingGroup]]:
        if where.group is None and where.destination is None:
            raise OperationError("say what to send again: a group or a destination")
        states = frozenset({State.IN_DOUBT if where.in_doubt else State.PARKED})
        selection = await selected(self._journal, where, states)
        groups = list(await self._journal.waiting_groups(selection))
        if not groups:
            raise OperationError(f"nothing waits of what was selected: {in_words(selection)}")
        return selection, groups

    async def _known(self, order: str) -> ReplayOrder:
        found = await self._journal.replay_order(ReplayId(parse_id(order)))
        if found is None:
            raise NotFoundError(f"no order has this id: {order}")
        return found

    def _entry(self, action: Action, order: str, actor: Actor, reason: str) -> Entry:
        return Entry(
            action=action,
            at=self._clock.now(),
            actor=actor,
            detail=conceal({"reason": printable(reason, "reason")}),
            facts={"order": str(parse_id(order))},
        )

    async def _change(
        self,
        order: ReplayOrder,
        was: frozenset[ReplayState],
        becomes: ReplayState,
        entry: Entry,
    ) -> dict[str, object]:
        changed = await self._journal.change_replay(
            order.id,
            was=was,
            becomes=becomes,
            at=entry.at,
            entry=entry,
            # The canary that failed would halt it again at once.
            canary=0 if becomes == ReplayState.RUNNING else None,
        )
        now = await self._known(str(order.id))
        if not changed:
            needed = " or ".join(sorted(was))
            raise OperationError(f"the order is {now.state}; this is for one that is {needed}")
        return await self._view(now)

    async def _view(self, order: ReplayOrder) -> dict[str, object]:
        return {
            "id": str(order.id),
            "state": order.state.value,
            "ordered_by": order.ordered_by,
            "ordered_at": _iso(order.ordered_at),
            "updated_at": _iso(order.updated_at),
            "reason": self._at_rest.open(order.reason),
            "selection": order.selection,
            "canary": order.canary,
            "rate_per_s": order.rate_per_s,
            "total": order.total,
            "progress": _progress(await self._journal.replay_tally(order.id)),
        }


def _progress(tally: Iterable[ReplayTally]) -> dict[str, int]:
    """Return how many stand where: by result, and those that were sent again by state."""
    results: Counter[ReplayResult | None] = Counter()
    states: Counter[State] = Counter()
    canary: Counter[State] = Counter()
    for one in tally:
        results[one.result] += one.deliveries
        if one.result == ReplayResult.REPLAYED:
            states[one.state] += one.deliveries
        if one.is_canary and one.result is not None:
            canary[one.state] += one.deliveries
    on_the_way = UNFINISHED - NEEDS_A_PERSON
    return {
        "waiting": results[None],
        "left_alone": results[ReplayResult.LEFT_ALONE],
        "replayed": results[ReplayResult.REPLAYED],
        "on_the_way": sum(states[state] for state in on_the_way),
        "delivered": states[State.DELIVERED],
        "parked": states[State.PARKED],
        "in_doubt": states[State.IN_DOUBT],
        "cancelled": states[State.CANCELLED],
        "canary_delivered": canary[State.DELIVERED],
    }


def _group(group: WaitingGroup) -> dict[str, object]:
    return {
        "id": group_id(group),
        "state": group.state.value,
        "destination": group.destination,
        "code": group.code,
        "adapter": group.adapter,
        "deliveries": group.deliveries,
        "first_at": _iso(group.first_at),
        "last_at": _iso(group.last_at),
    }


def _canary(canary: int | None, total: int) -> int:
    if canary is None:
        return CANARY if total > NO_CANARY_UP_TO else 0
    if canary < 0:
        raise OperationError("the canary is a number of deliveries, 0 for none")
    return min(canary, total)


def _rate(rate_per_s: float) -> float:
    if not isfinite(rate_per_s) or not LEAST_RATE_PER_S <= rate_per_s <= MOST_RATE_PER_S:
        raise OperationError(
            f"the rate is {LEAST_RATE_PER_S:g} to {MOST_RATE_PER_S:g} deliveries a second"
        )
    return rate_per_s


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
