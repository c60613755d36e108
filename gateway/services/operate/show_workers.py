"""Which workers are there, which version they run, and what they hold."""

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.domain.claim import Heartbeat
from gateway.ports.clock import Clock
from gateway.services.destinations import Destinations

GONE_S: Final = 60.0
"""A worker that is started anew is heard again within seconds."""

_DAY_S: Final = 86_400.0
_MILLISECOND_DIGITS: Final = 12
"""An instance begins with the milliseconds of its start, in hexadecimal digits."""


class ShowWorkers:
    """Tells the last heartbeat of each worker, also of those that were there within a day."""

    def __init__(self, *, destinations: Destinations, clock: Clock, version: str) -> None:
        """Keep what it works with; ``version`` is this gateway's."""
        self._destinations = destinations
        self._clock = clock
        self._version = version

    async def __call__(self) -> dict[str, Any]:
        """Return every worker and destination that it serves, those that live first.

        Returns:
            ``version`` (the gateway's) and ``workers``: ``worker`` (its name), ``instance``,
            ``host`` (the machine or pod; ``None`` if it does not say), ``started_at``
            (by the worker's own clock; ``None`` if the instance does not say), ``destination``,
            ``configured`` (whether the destination is), ``alive``, ``replaced`` (it is gone, and
            one of its name lives or was heard later), ``version``, ``same_version``,
            ``adapter``, ``in_flight``, ``unclaimed``, ``breaker``, ``healthy``,
            ``checked_at``, ``said``, ``down_since`` (by the gateways' clock; ``None`` while it
            sends), ``last_seen_s`` and ``clock_off_s`` (by how much its clock was ahead of the
            gateway's when it was heard, below 0 for behind).
        """
        await self._destinations.refresh()
        now = self._clock.now()
        workers = [self._view(beat, now) for beat in self._destinations.heartbeats()]
        heard: dict[tuple[str, str], float] = {}
        for each in workers:
            of = each["worker"], each["destination"]
            heard[of] = min(each["last_seen_s"], heard.get(of, math.inf))
        for each in workers:
            last = heard[each["worker"], each["destination"]]
            each["replaced"] = not each["alive"] and each["last_seen_s"] > last
        workers.sort(key=lambda each: (not each["alive"], each["destination"], each["worker"]))
        return {"version": self._version, "workers": workers}

    def _view(self, beat: Heartbeat, now: datetime) -> dict[str, Any]:
        name, _, instance = beat.worker.partition("/")
        heard_at = beat.heard_at or beat.at
        age_s = (now - heard_at).total_seconds()
        down_at = None if beat.down_s is None else heard_at - timedelta(seconds=beat.down_s)
        return {
            "worker": name,
            "instance": instance or None,
            "host": beat.host or None,
            "started_at": _started_at(instance),
            "destination": beat.destination,
            "configured": beat.destination in self._destinations,
            "alive": self._destinations.is_alive(beat),
            "version": beat.version,
            "same_version": beat.version == self._version,
            "adapter": beat.adapter,
            "in_flight": beat.in_flight,
            "unclaimed": beat.unclaimed,
            "breaker": beat.breaker.value,
            "healthy": beat.healthy,
            "checked_at": beat.checked_at.isoformat(timespec="seconds"),
            "said": beat.said,
            "down_since": None if down_at is None else down_at.isoformat(timespec="seconds"),
            "last_seen_s": round(max(0.0, age_s), 1),
            "clock_off_s": round((beat.at - heard_at).total_seconds(), 1),
        }


def gone_workers(workers: Iterable[Mapping[str, Any]], served: Collection[str]) -> dict[str, float]:
    """Return who was heard within a day and is not any more, though others go on for it.

    Nobody tells a worker that died from one that was ended for good: both are named.

    Args:
        workers: Last heartbeats: ``worker`` (``NAME/INSTANCE``), ``destination``, ``last_seen_s``.
        served: Destinations for which some worker lives.

    Returns:
        Each one's name to how many seconds ago it was heard, at most a day.
    """
    heard: dict[tuple[str, str], float] = {}
    for each in workers:
        one = each["worker"].partition("/")[0], each["destination"]
        heard[one] = min(each["last_seen_s"], heard.get(one, math.inf))
    return {
        name: ago_s
        for (name, destination), ago_s in sorted(heard.items())
        if destination in served and GONE_S < ago_s <= _DAY_S
    }


def _started_at(instance: str) -> str | None:
    try:
        at = datetime.fromtimestamp(int(instance[:_MILLISECOND_DIGITS], 16) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at.isoformat(timespec="seconds")
