"""What people may see and do of how long things are kept."""

from collections.abc import Mapping, Sequence

from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.identifiers import MunicipalityCode
from gateway.domain.retention import Kept
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.refusals import OperationError
from gateway.services.retain import Counts, Retain, Told


class OperateRetention:
    """Shows terms, tells what would go, and has it done at once."""

    def __init__(self, *, retain: Retain, journal: Journal, clock: Clock) -> None:
        """Keep what it works with; opens nothing."""
        self._retain = retain
        self._journal = journal
        self._clock = clock

    async def show(self) -> dict[str, object]:
        """Return ``terms`` (one for each class) and the last turn.

        A term has ``class``, ``days`` and ``municipalities``, those with other days.
        ``last_ended_at`` and ``node`` are ``None`` before the first turn.
        """
        turn = await self._journal.last_turn()
        return {
            "terms": [
                {"class": kept.value, "days": term.days, "municipalities": dict(term.own)}
                for kept, term in self._retain.terms.items()
            ],
            "last_ended_at": turn.ended_at.isoformat() if turn and turn.ended_at else None,
            "node": turn.node if turn else None,
        }

    async def plan(self) -> dict[str, object]:
        """Return ``expired``: how many would go now, by class and municipality."""
        return {"expired": _view(await self._retain.plan())}

    async def run(
        self, *, actor: Actor, rewrite: bool = False, told: Told | None = None
    ) -> dict[str, object]:
        """Expire everything now that is over its term.

        Args:
            actor: Who says so.
            rewrite: Write the journal's files anew afterwards, so that nothing of what was ever
                deleted is left in them. Nothing is accepted meanwhile.
            told: Told how far it is.

        Returns:
            ``expired``, as ``plan``, and ``rewritten``.

        Raises:
            OperationError: Another process is about it.
        """
        counts = await self._retain.once(actor=actor, told=told)
        if counts is None:
            raise OperationError("another process is expiring things now; try again later")
        if rewrite:
            noted = Entry(action=Action.JOURNAL_REWRITTEN, at=self._clock.now(), actor=actor)
            await self._journal.record([noted])
            await self._journal.rewrite()
        return {"expired": _view(counts), "rewritten": rewrite}


def _view(counts: Counts) -> Sequence[Mapping[str, object]]:
    def order(code: MunicipalityCode | None) -> str:
        return code or ""

    return [
        {"class": kept.value, "municipality": code, "count": counts[kept][code]}
        for kept in Kept
        for code in sorted(counts.get(kept, {}), key=order)
    ]
