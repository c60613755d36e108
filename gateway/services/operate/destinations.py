"""Destinations: how each stands, and pausing, resuming and changing one while all runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from pydantic import ValidationError

from gateway.crypto.at_rest import WordsAtRest
from gateway.crypto.detail import conceal
from gateway.domain.control import Control, Setting
from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.identifiers import DestinationName
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.operate.refusals import (
    ChangedMeanwhileError,
    NotFoundError,
    OperationError,
    printable,
)
from gateway.services.policy import CHANGEABLE, DAYS, DestinationPolicy, applied, checked

_PAUSED: Final = "paused"
_OPEN_ON: Final = "window.open_on"


@dataclass(frozen=True, slots=True)
class _Change:
    settings: Mapping[str, Setting]
    reset: tuple[str, ...]
    version: int | None


class OperateDestinations:
    """Shows and changes what is in force for destinations; every change is audited."""

    def __init__(
        self, *, destinations: Destinations, journal: Journal, clock: Clock, at_rest: WordsAtRest
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._at_rest = at_rest
        self._destinations = destinations
        self._journal = journal
        self._clock = clock

    async def list(self) -> list[dict[str, object]]:
        """Return how every configured destination stands."""
        await self._destinations.refresh()
        return [self._view(name) for name in self._destinations]

    async def show(self, destination: str) -> dict[str, object]:
        """Return how one destination stands.

        Raises:
            NotFoundError: It is not configured.
        """
        name = self._known(destination)
        await self._destinations.refresh()
        return self._view(name)

    async def pause(
        self, destination: str, *, actor: Actor, reason: str, version: int | None = None
    ) -> dict[str, object]:
        """Keep everything for a destination in the journal until it is resumed.

        Raises:
            NotFoundError: It is not configured.
            ChangedMeanwhileError: Its ``version`` is another one, where one is given.
            OperationError: No reason is given.
        """
        change = _Change({_PAUSED: True}, (), version)
        return await self._put(destination, change, actor, reason)

    async def resume(
        self, destination: str, *, actor: Actor, reason: str, version: int | None = None
    ) -> dict[str, object]:
        """Let a destination go on.

        Raises:
            NotFoundError: It is not configured.
            ChangedMeanwhileError: Its ``version`` is another one, where one is given.
            OperationError: No reason is given.
        """
        change = _Change({_PAUSED: False}, (), version)
        return await self._put(destination, change, actor, reason)

    async def change(
        self,
        destination: str,
        *,
        actor: Actor,
        reason: str,
        settings: Mapping[str, object] | None = None,
        reset: tuple[str, ...] = (),
        version: int | None = None,
    ) -> dict[str, object]:
        """Put settings in force instead of the configured ones, or back to those.

        Args:
            destination: Its name.
            actor: Who says so.
            reason: Why; 1 to 200 printable characters.
            settings: Names of ``CHANGEABLE`` to new values.
            reset: Names that shall be as configured again; ``*`` stands for all but
                ``paused``, which ``resume`` ends.
            version: Only if this many changes were made before (``changed.version``, 0 for
                none); ``None`` for however many.

        Raises:
            NotFoundError: It is not configured.
            ChangedMeanwhileError: Its ``version`` is another one.
            OperationError: A name or a value is wrong, nothing is to be changed, a day of
                ``window.open_on`` would not be open, or no reason is given.

        Returns:
            How it stands then, and in ``dropped`` the days that lists of days no longer name.
        """
        if not settings and not reset:
            raise OperationError("nothing to change; known: " + ", ".join(CHANGEABLE))
        for name in (*(settings or {}), *(name for name in reset if name != "*")):
            if name not in CHANGEABLE:
                known = ", ".join(CHANGEABLE)
                raise OperationError(f"{name}: cannot be changed while it runs; known: {known}")
        wanted = {name: _value(name, value) for name, value in (settings or {}).items()}
        return await self._put(destination, _Change(wanted, reset, version), actor, reason)

    async def _put(
        self, destination: str, change: _Change, actor: Actor, reason: str
    ) -> dict[str, object]:
        settings, reset = change.settings, change.reset
        name, reason = self._known(destination), printable(reason, "reason")
        await self._destinations.refresh()
        known = self._destinations.control(name)
        if change.version not in (None, 0 if known is None else known.version):
            raise ChangedMeanwhileError(f"{name}: somebody changed it meanwhile; look again")
        held = {} if known is None else dict(known.settings)
        # A pause ends when somebody says "resume", not because all else is reset.
        undone = held.keys() - {_PAUSED} if "*" in reset else held.keys() & set(reset)
        in_force = {
            **{key: value for key, value in held.items() if key not in undone},
            **settings,
        }
        policy = applied(self._destinations.configured(name), in_force)
        if _OPEN_ON in settings and (vain := policy.window.opened_in_vain()):
            days = ", ".join(f"{day} ({day:%a})" for day in vain)
            raise OperationError(
                f"{_OPEN_ON}: {days}: no opening of the window holds on that day, so it would stay "
                "closed; set window too, or take the day out of window.closed_on"
            )
        was = _days(self._destinations[name])
        now = self._clock.now()
        control = Control(
            destination=name,
            version=1 if known is None else known.version + 1,
            changed_by=actor.name,
            changed_at=now,
            reason=self._at_rest.seal(reason),
            settings=in_force,
        )
        entry = Entry(
            action=Action.DESTINATION_CHANGED,
            at=now,
            actor=actor,
            municipality=self._destinations[name].municipality,
            detail=conceal({"reason": reason}),
            facts={
                "destination": name,
                "version": control.version,
                "set": _words(settings),
                "reset": _words({key: held[key] for key in undone}),
                "in_force": _words(control.settings),
            },
        )
        if not await self._journal.put_control(control, entry):
            raise ChangedMeanwhileError(f"{name}: somebody changed it at the same time; look again")
        await self._destinations.refresh()
        stays = _days(policy)
        dropped = {key: sorted(days - stays[key]) for key, days in was.items()}
        return {**self._view(name), "dropped": {key: days for key, days in dropped.items() if days}}

    def _known(self, destination: str) -> DestinationName:
        if destination not in self._destinations:
            known = ", ".join(self._destinations) or "none"
            raise NotFoundError(f"no destination of this name: {destination} (known: {known})")
        return DestinationName(destination)

    def _view(self, name: DestinationName) -> dict[str, object]:
        hold, control = self._destinations.hold(name), self._destinations.control(name)
        set_by_hand = {} if control is None else control.settings
        configured = _settings(self._destinations.configured(name))
        return {
            "destination": name,
            "municipality": self._destinations[name].municipality,
            "open": hold is None,
            "hold": None if hold is None else hold.code,
            "opens_at": None
            if hold is None or hold.until is None
            else hold.until.isoformat(timespec="seconds"),
            "settings": {
                key: {
                    "value": value,
                    "configured": configured[key],
                    "changed": key in set_by_hand,
                }
                for key, value in _settings(self._destinations[name]).items()
            },
            "changed": None
            if control is None
            else {
                "by": control.changed_by,
                "at": control.changed_at.isoformat(timespec="seconds"),
                "reason": self._at_rest.open(control.reason),
                "version": control.version,
            },
            "workers": [
                {
                    "worker": beat.worker,
                    "breaker": beat.breaker.value,
                    "healthy": beat.healthy,
                    "in_flight": beat.in_flight,
                    "unclaimed": beat.unclaimed,
                    "adapter": beat.adapter,
                }
                for beat in self._destinations.alive(name)
            ],
        }


def _settings(policy: DestinationPolicy) -> dict[str, object]:
    """Return the changeable settings of ``policy`` by name."""
    window = {
        "window": [opening.text for opening in policy.window.openings],
        "window.on_holidays": "closed" if policy.window.closed_on else "open",
        "window.closed_on": sorted(map(str, policy.window.maintained_on)),
        "window.open_on": sorted(map(str, policy.window.open_on)),
    }
    return {name: window[name] if name in window else _at(policy, name) for name in CHANGEABLE}


def _days(policy: DestinationPolicy) -> dict[str, set[str]]:
    """Return the settings that are lists of days."""
    return {
        name: {str(day) for day in getattr(policy.window, field)} for name, field in DAYS.items()
    }


def _at(policy: DestinationPolicy, name: str) -> object:
    # Not by a copy of all of it: a window holds every holiday of twenty years.
    return attrgetter(name)(policy)


def _value(name: str, value: object) -> Setting:
    try:
        return checked(name, value)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        raise OperationError(f"{name}: {problem['msg']}") from None
    except ValueError as error:
        # The texts of ``parse_openings`` are ours.
        raise OperationError(f"{name}: {error}") from None


def _words(settings: Mapping[str, Setting]) -> str | None:
    """Return settings as one text for the log: ``paused=true rate_per_s=5.0``."""
    words = []
    for key, value in sorted(settings.items()):
        nothing = "always" if key == "window" else "none"
        shown = "; ".join(value) or nothing if isinstance(value, tuple) else str(value).lower()
        words.append(f"{key}={shown}")
    return ", ".join(words) or None
