"""Show what flows to destinations through all gateways, for charts and for an overview."""

from dataclasses import asdict
from typing import Annotated, Final

from pydantic import Field

from gateway.domain.identifiers import DestinationName
from gateway.services.destinations import Destinations
from gateway.services.flow import Flow
from gateway.services.flow_ring import MINUTES, Summed
from gateway.services.operate.refusals import NotFoundError

Minutes = Annotated[int, Field(ge=1, le=MINUTES)]
"""How far back: at most a day."""

_HOUR: Final = 60


class ShowFlow:
    """Shows the minutes of one destination, and the totals of all."""

    def __init__(self, flow: Flow, destinations: Destinations) -> None:
        """Keep what it works with; opens nothing."""
        self._flow = flow
        self._destinations = destinations

    async def one(self, destination: str, minutes: Minutes = _HOUR) -> dict[str, object]:
        """Return a destination's last minutes as columns, one place a minute, the oldest first.

        Returns:
            ``destination``; ``began_at`` (Unix seconds: before it nothing is known);
            ``at`` (Unix seconds at which each minute began; the last one is running);
            ``accepted``, ``delivered``, ``rejected``, ``deferred``, ``in_doubt`` (how many); and
            ``send``, ``waiting``, ``critical``, each with the columns ``count``, ``mean_s``,
            ``p50_s`` and ``p95_s`` (seconds; ``None`` in a minute without any).

        Raises:
            NotFoundError: It is not configured.
        """
        name = DestinationName(destination)
        if name not in self._destinations:
            raise NotFoundError(f"no destination {destination!r}")
        history = self._flow.history(name, minutes)
        return {
            "destination": destination,
            "began_at": int(self._flow.known_since.timestamp()),
            "at": history.at,
            **{kind.name.lower(): counts for kind, counts in history.counts.items()},
            **{what.name.lower(): _columns(times) for what, times in history.lasting.items()},
        }

    async def totals(self, minutes: Minutes = _HOUR) -> dict[str, object]:
        """Return the last minutes of every configured destination together.

        Returns:
            ``minutes``; ``began_at`` (Unix seconds); ``destinations``: by name ``accepted``,
            ``delivered``, ``rejected``, ``deferred``, ``in_doubt``, and ``send``, ``waiting``,
            ``critical`` with ``count``, ``mean_s``, ``p50_s``, ``p95_s``; ``None`` for one of which
            nothing is known.
        """
        totals = self._flow.totals(minutes)
        return {
            "minutes": minutes,
            "began_at": int(self._flow.known_since.timestamp()),
            "destinations": {
                name: None if (total := totals.get(name)) is None else asdict(total)
                for name in self._destinations
            },
        }


def _columns(times: list[Summed]) -> dict[str, list[float | None]]:
    return {
        "count": [each.count for each in times],
        "mean_s": [each.mean_s for each in times],
        "p50_s": [each.p50_s for each in times],
        "p95_s": [each.p95_s for each in times],
    }
