"""How long what is final is kept, and what is found to have been kept for long enough."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.identifiers import ApplicationId, DeliveryId, MunicipalityCode


class Kept(StrEnum):
    """What is kept, by classes that have a term each."""

    PAYLOADS = "payloads"
    """Sealed bytes of a delivery; counted from when it became final."""
    APPLICATIONS = "applications"
    """An application's row with all that refers to it: deliveries, feedback, webhooks, hashes of
    its key and 受付番号, and words about it; counted from when the last of its deliveries became
    final, or from its last feedback if that is later."""
    WORDS = "words"
    """Free words of audit entries: their keys are destroyed; counted from the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """How long one class is kept.

    Attributes:
        days: For everybody who has no term of their own.
        own: Days, by municipality.
    """

    days: int
    own: Mapping[MunicipalityCode, int] = field(default_factory=dict)

    def of(self, municipality: MunicipalityCode | None) -> int:
        """Return the days for one municipality; ``None`` is what concerns none."""
        return self.days if municipality is None else self.own.get(municipality, self.days)

    def cutoffs(self, now: datetime) -> "Cutoffs":
        """Return since when things must be final to be kept no longer."""
        return Cutoffs(
            default=now - timedelta(days=self.days),
            own={code: now - timedelta(days=days) for code, days in self.own.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """What was final before these instants goes."""

    default: datetime
    own: Mapping[MunicipalityCode, datetime]

    def of(self, municipality: MunicipalityCode | None) -> datetime:
        """Return the instant for one municipality."""
        return self.default if municipality is None else self.own.get(municipality, self.default)

    @property
    def latest(self) -> datetime:
        """Nothing that was final since is found for anybody."""
        return max((self.default, *self.own.values()))


Cursor = bytes | tuple[str, int]
"""Where a page ended: an id's 16 bytes, or an entry's node and place. Of one class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """One thing whose term is over.

    Attributes:
        municipality: Whose it is; ``None`` for words that concern no single one.
        since: What its term was counted from.
        application: Which application, if it is one.
        deliveries: Its deliveries; of a payload the one whose it was; none of words.
        place: Of words: the node of their entry, and its place there.
    """

    municipality: MunicipalityCode | None
    since: datetime
    application: ApplicationId | None = None
    deliveries: tuple[DeliveryId, ...] = ()
    place: tuple[str, int] = ("", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A bounded stretch of the journal that was looked through.

    Attributes:
        expired: What was found in it; applications that supersede one another are whole, the
            oldest first.
        after: Where to go on; ``None`` at the end.
    """

    expired: tuple[Expired, ...]
    after: Cursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """How much was deleted of what operators leave behind.

    Attributes:
        replays: Ended orders to send again.
        approvals: Decided requests for a second person.
        notes: Notes on groups of what waits.
    """

    replays: int
    approvals: int
    notes: int

    @property
    def total(self) -> int:
        """All together."""
        return self.replays + self.approvals + self.notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Who expires things, and when that was last done.

    Attributes:
        node: Who took the last turn.
        until: Nobody else takes it before, unless it was ended.
        ended_at: When a turn last came to its end; ``None``: never.
    """

    node: str
    until: datetime
    ended_at: datetime | None
