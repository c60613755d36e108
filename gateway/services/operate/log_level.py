"""Change what a running process logs."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.identifiers import NAME_PATTERN
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.log_levels import About, Level, LogLevels
from gateway.services.operate.refusals import OperationError

Prefix = Annotated[str, Field(max_length=100, pattern=r"^[a-z_]+(\.[a-z_]*)?$")]
Duration = Annotated[float, Field(gt=0, le=86_400)]


class OperateLogLevel:
    """Shows and changes the level of the gateway process that is asked.

    A destination's level reaches its workers too, with the answers to their heartbeats, and
    ends there by itself; so it needs a time.
    """

    def __init__(self, *, levels: LogLevels | None, journal: Journal, clock: Clock) -> None:
        """Keep what it works with; ``None`` where there is no process whose level it could be."""
        self._levels = levels
        self._journal = journal
        self._clock = clock

    async def __call__(
        self,
        *,
        level: Level | Literal["configured"] | None = None,
        destination: str | None = None,
        events: Prefix | None = None,
        for_s: Duration | None = None,
        actor: Actor,
    ) -> dict[str, object]:
        """Return what is in force; with ``level``, put that in force first.

        Args:
            level: The least severe that is written; ``configured`` goes back.
            destination: Of this destination's lines only, in its workers, too.
            events: Only of events that begin with this, such as ``journal.``.
            for_s: How long, at most a day; else until the process ends.
            actor: Who asks.

        Raises:
            OperationError: No gateway runs here, or what is said does not fit together.
            JournalUnavailableError: It could not be written down, so nothing changed.
        """
        levels = self._levels
        if levels is None:
            raise OperationError("no gateway runs here whose level could be changed")
        if level is None and (destination or events or for_s):
            raise OperationError("say which level")
        if destination is not None and NAME_PATTERN.fullmatch(destination) is None:
            raise OperationError("destination: not a name")
        if destination is not None and level != "configured" and for_s is None:
            raise OperationError("a destination's level needs a time (for_s): workers keep it")
        if level is not None:
            entry = Entry(
                action=Action.LOG_LEVEL_CHANGED,
                at=self._clock.now(),
                actor=actor,
                facts={
                    "level": level,
                    "destination": destination,
                    "events": events,
                    "for_s": None if for_s is None else round(for_s),
                },
            )
            await self._journal.record([entry])
            wanted = None if level == "configured" else level
            levels.change(About(destination, events or ""), wanted, for_s=for_s)
        return {
            "node": self._journal.node,
            "configured": levels.configured,
            "changed": [
                {
                    "level": each.level,
                    "destination": each.about.destination,
                    "events": each.about.events or None,
                    "left_s": left_s,
                }
                for each, left_s in levels.changes()
            ],
        }
