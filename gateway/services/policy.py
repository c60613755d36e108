"""What the gateway has been told about each destination, and what an operator may change."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from gateway.domain.breaker import BreakerPolicy
from gateway.domain.control import Setting
from gateway.domain.identifiers import DestinationName, MunicipalityCode
from gateway.domain.retry import RetryPolicy
from gateway.domain.window import Window, parse_openings
from gateway.sdk import Idempotency


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why nothing is sent to a destination now.

    Attributes:
        code: Stable code.
        until: When that ends by itself; ``None`` if a person or a core system must end it.
    """

    code: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationPolicy:
    """How the gateway treats one destination's deliveries.

    Attributes:
        name: The configured name.
        municipality: Whose core system it is.
        idempotency: What the core system offers against doubles.
        retry: Its retry budget.
        breaker: When its workers stop sending.
        window: When it may be sent to; its days of maintenance are what an operator set.
        holidays: The days on which it is closed unless ``on_holidays`` is ``open``.
        rate_per_s: Most sends a second, all workers together; ``None`` for no limit.
        max_in_flight: Most sends at once, all workers together.
        paused: Nothing is published, and claims are told to wait.
        hold_s: How long a claim that was told to wait is put off.
        send_timeout_s: Deadline that its workers give one send.
        resends: How often a delivery in doubt is resent to a core system that
            deduplicates, before a person must look.
    """

    name: DestinationName
    municipality: MunicipalityCode
    idempotency: Idempotency = Idempotency.NONE
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    window: Window = field(default_factory=Window)
    holidays: frozenset[date] = frozenset()
    rate_per_s: float | None = None
    max_in_flight: int = 8
    paused: bool = False
    hold_s: float = 30.0
    send_timeout_s: float = 60.0
    resends: int = 3

    def hold(self, now: datetime) -> Hold | None:
        """Return why nothing may be sent now by what operators said; ``None`` if it may."""
        if self.paused:
            return Hold(code="destination.paused")
        if not self.window.is_open(now):
            return Hold(code="destination.closed", until=self.window.opens_at(now))
        return None


_Seconds = Annotated[float, Field(gt=0, le=31_536_000)]
_Days = Annotated[tuple[date, ...], Field(max_length=366)]
_CHECKS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "paused": TypeAdapter(bool),
    "max_in_flight": TypeAdapter(Annotated[int, Field(ge=1, le=2000)]),
    "rate_per_s": TypeAdapter(Annotated[float, Field(gt=0, le=100_000)] | None),
    "window": TypeAdapter(Annotated[tuple[str, ...], Field(max_length=50)]),
    "window.on_holidays": TypeAdapter(Literal["closed", "open"]),
    "window.closed_on": TypeAdapter(_Days),
    "window.open_on": TypeAdapter(_Days),
    "retry.max_attempts": TypeAdapter(Annotated[int, Field(ge=1)]),
    "retry.max_age_s": TypeAdapter(_Seconds),
    "retry.base_s": TypeAdapter(_Seconds),
    "retry.cap_s": TypeAdapter(_Seconds),
    "breaker.failures": TypeAdapter(Annotated[int, Field(ge=1, le=1000)]),
    "breaker.probe_s": TypeAdapter(_Seconds),
    "breaker.probe_cap_s": TypeAdapter(_Seconds),
}
DAYS: Final[Mapping[str, str]] = {
    "window.closed_on": "maintained_on",
    "window.open_on": "open_on",
}
"""Settings that are days, written as in ``2026-12-28``, to what they are of the window."""
CHANGEABLE: Final = tuple(_CHECKS)
"""The settings that an operator may change while the gateway runs, as in the configuration."""


def checked(name: str, value: object) -> Setting:
    """Return ``value`` as a setting of this name.

    Raises:
        KeyError: There is no such changeable setting.
        ValueError: The value does not fit it; pydantic's error says why.
    """
    validated = _CHECKS[name].validate_python(value)
    if name in DAYS:
        return tuple(sorted({day.isoformat() for day in validated}))
    found: Setting = validated
    if name == "window" and isinstance(found, tuple):
        parse_openings(found)
    return found


def applied(policy: DestinationPolicy, settings: Mapping[str, Setting]) -> DestinationPolicy:
    """Return the configured ``policy`` with what an operator has set instead.

    Raises:
        KeyError: A name is not changeable.
        ValueError: A value does not fit.
    """
    for name, value in settings.items():
        policy = _with(policy, name, checked(name, value))
    return policy


def _with(policy: DestinationPolicy, name: str, value: Setting) -> DestinationPolicy:
    section, _, key = name.rpartition(".")
    if name == "window" and isinstance(value, tuple):
        return replace(policy, window=replace(policy.window, openings=parse_openings(value)))
    if name in DAYS and isinstance(value, tuple):
        days: dict[str, Any] = {DAYS[name]: frozenset(map(date.fromisoformat, value))}
        return replace(policy, window=replace(policy.window, **days))
    changes: dict[str, Any] = {key: value}
    match section:
        case "window":
            closed_on = policy.holidays if value == "closed" else frozenset()
            return replace(policy, window=replace(policy.window, closed_on=closed_on))
        case "retry":
            return replace(policy, retry=replace(policy.retry, **changes))
        case "breaker":
            return replace(policy, breaker=replace(policy.breaker, **changes))
        case _:
            return replace(policy, **changes)
