"""What an operator has set for a destination, or asked of it, while the gateway runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.identifiers import DestinationName

Setting = str | int | float | bool | None | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One destination's settings that differ from the configuration, in force at once.

    Attributes:
        destination: Whose they are.
        version: Counts the changes, from 1: a change must be the next one, so that two
            operators who change it at the same instant do not undo each other unseen.
        settings: Names of ``services.policy.CHANGEABLE`` to what holds instead of the
            configured value; a name that is missing is as configured.
        changed_by: The last operator's name.
        changed_at: When, aware UTC.
        reason: Why, as ``crypto.at_rest`` stores it.
    """

    destination: DestinationName
    version: int
    changed_by: str
    changed_at: datetime
    reason: str
    settings: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAsked:
    """An operator wants a destination's workers to check their core system now.

    Attributes:
        destination: Whose workers.
        asked_at: When, aware UTC; tells one request from another.
        asked_by: The operator's name.
    """

    destination: DestinationName
    asked_at: datetime
    asked_by: str
