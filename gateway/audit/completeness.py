"""Is everything there that belongs together? Asked of entries that are well one by one.

What is looked for:

- every application is accepted exactly once, and no entry is about one that never was;
- a delivery ends once: ``delivered``, ``confirmed`` or ``cancelled``, or ``cancelled`` and then
  ``delivered``, flagged as such, because what happened wins over what was said;
- an application expires once, and only after each of its deliveries has ended;
- a worker's outcome that counted (``delivered``, ``deferred``, ``parked``, ``in_doubt``)
  has a ``delivery.claimed`` of that delivery, attempt and copy: nothing is opened unclaimed.

**Order.** Entries of one node stand in the order in which they were committed, and there what is
needed must stand before. Those of two nodes need not: a batch is sealed node by
node, and one with a long backlog is sealed later. So what another node wrote counts
wherever it stands, and what is still missing at the end is a gap only when the log goes on for
``SETTLED`` after it; younger ones are counted as unsettled. Whoever has the journal at
hand asks it instead (``missing``), and leaves nothing unsettled.

**Lost entries.** Where chains are broken, what is missing may be among the entries that did not
come or were altered. As many things as those were are excused, and told (``excused``): one more,
and all of them are gaps. Everything else is asked of what is there, whatever is not.

Takes about 0.4 KB of memory an application with one delivery, so 0.4 GB a million: each
may be accepted a second time, or opened unclaimed, as late as the last entry.
"""

from collections.abc import Container, Iterator, KeysView
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.audit.reading import Glance

SETTLED: Final = timedelta(minutes=10)
"""Sealing follows within a second; ten minutes allow for clocks of nodes that differ."""

MAX_GAPS: Final = 1_000
"""How many gaps are kept; further ones are only counted."""

_ACCEPTED: Final = "application.accepted"
_EXPIRED: Final = "application.expired"
_CLAIMED: Final = "delivery.claimed"
_DELIVERED: Final = "delivery.delivered"
_CANCELLED: Final = "delivery.cancelled"
_OPENED: Final = frozenset(
    {_DELIVERED, "delivery.deferred", "delivery.parked", "delivery.in_doubt"}
)
_ASKED_ABOUT: Final = frozenset({"log.read"})
"""May name any id that somebody asked for, also one that never was."""

_CANCEL, _DELIVER, _DELIVER_FLAGGED, _CONFIRM = 1, 2, 4, 8
_ENDS: Final = {_DELIVERED: _DELIVER, _CANCELLED: _CANCEL, "delivery.confirmed": _CONFIRM}
_LEGAL: Final = frozenset(
    {_CANCEL, _DELIVER, _CONFIRM, _DELIVER_FLAGGED, _CANCEL | _DELIVER_FLAGGED}
)

_Where = tuple[int | None, str, int]
"""A ``Place`` that is not made yet: few are needed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands.

    Attributes:
        index: In the sealed log, from 0; ``None`` before it is sealed.
        node: Whose chain it is in, if it is known.
        nseq: Its place there, from 1.
    """

    index: int | None
    node: str | None
    nseq: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that does not fit together.

    Attributes:
        place: The entry that shows it; ``None`` if the journal's state does.
        problem: In words.
    """

    place: Place | None
    problem: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What an entry needs and has not got so far.

    Attributes:
        place: The entry.
        at: Its time, as written.
        application: What it is about.
        claim: The delivery, attempt and copy that were not claimed; ``None`` when it is
            another entry that is missing.
        problem: What is wrong if it never comes, in words.
    """

    place: Place
    at: str
    application: str
    claim: tuple[str, str, str] | None = None
    problem: str = "about an application that was never accepted"


@dataclass(slots=True)
class Completeness:
    """Checks entries one after another, in the order of the log.

    Attributes:
        gaps: What was found so far, at most ``MAX_GAPS``.
        gap_count: How many there were.
        excused: What is missing and may be among as many entries that are lost.
    """

    gaps: list[Gap] = field(default_factory=list, init=False)
    gap_count: int = field(default=0, init=False)
    excused: list[Gap] = field(default_factory=list, init=False)
    _accepted: dict[bytes, int | None] = field(default_factory=dict, init=False)
    _without_deliveries: set[bytes] = field(default_factory=set, init=False)
    _deliveries: dict[bytes, int] = field(default_factory=dict, init=False)
    _expired: set[bytes] = field(default_factory=set, init=False)
    _forgotten: dict[bytes, Place] = field(default_factory=dict, init=False)
    _claims: set[int] = field(default_factory=set, init=False)
    _unaccepted: dict[bytes, Missing] = field(default_factory=dict, init=False)
    _unclaimed: dict[int, Missing] = field(default_factory=dict, init=False)
    _flagged: dict[bytes, Missing] = field(default_factory=dict, init=False)
    _unnamed: dict[bytes, tuple[bytes, Place]] = field(default_factory=dict, init=False)

    def feed(self, index: int | None, node: str, nseq: int, glance: Glance) -> None:
        """Take the next entry about an application; ``Place`` says what the first three are."""
        action, layout, (application, at, delivery, attempt, copy, named) = glance
        if action == _ACCEPTED:
            self._accept((index, node, nseq), application, named if layout.has_deliveries else None)
            return
        if application not in self._accepted and action not in _ASKED_ABOUT:
            missing = Missing(Place(index, node, nseq), at.decode(), application.decode())
            self._unaccepted.setdefault(application, missing)
        if action == _EXPIRED:
            self._expire((index, node, nseq), application, named)
        if not delivery:
            return
        if delivery not in self._deliveries:
            self._unnamed[delivery] = (application, Place(index, node, nseq))
            self._deliveries[delivery] = 0
        if action == _CLAIMED:
            if layout.has_attempt:
                self._claim(node, hash((delivery, attempt, copy)))
            return
        is_outcome = layout.has_outcome and action in _OPENED
        is_claimed = layout.has_attempt and hash((delivery, attempt, copy)) in self._claims
        if is_outcome and not is_claimed:
            self._open((index, node, nseq), glance)
        if (end := _ENDS.get(action)) is not None:
            self._end((index, node, nseq), glance, end)

    def missing(self) -> Iterator[Missing]:
        """Yield what is needed and not there so far, for whoever can look elsewhere."""
        yield from self._unaccepted.values()
        yield from self._unclaimed.values()

    def miss(self, application: str, problem: str) -> None:
        """Take it that the journal has an application whose acceptance did not come."""
        missing = Missing(Place(None, None, None), "", application, problem=problem)
        self._unaccepted.setdefault(application.encode(), missing)

    def settle(self, missing: Missing) -> None:
        """Take it that what was missing has been found elsewhere."""
        if missing.claim is None:
            self._unaccepted.pop(missing.application.encode(), None)
        else:
            self._unclaimed.pop(_claim_key(*missing.claim), None)

    def finish(self, latest: str, *, complete: bool, lost: int = 0) -> int:
        """Turn what is missing into gaps.

        Args:
            latest: The latest time of any entry, as written.
            complete: Whether nothing can still come: the journal was asked.
            lost: How many entries did not come, or may not be what they were.

        Returns:
            How many are too young to say (``SETTLED``).
        """
        unsettled, found = 0, list[Gap]()
        asked = [(each, complete) for each in self.missing()]
        # Nobody is asked for a cancellation that may be stored only now.
        for each, is_sure in [*asked, *((each, False) for each in self._flagged.values())]:
            if is_sure or _apart(each.at, latest) > SETTLED:
                found.append(Gap(each.place, each.problem))
            else:
                unsettled += 1
        for delivery, place in self._forgotten.items():
            if not self._deliveries.get(delivery):
                found.append(Gap(place, "an application expires, and a delivery has not ended"))
        if len(found) <= lost:
            self.excused = found[:MAX_GAPS]
        else:
            for gap in found:
                self.add(gap)
        for application, place in self._unnamed.values():
            is_known = application in self._accepted
            if is_known and application not in self._without_deliveries:
                self.add(Gap(place, "about a delivery that no acceptance names"))
        return unsettled

    def accepted(self, application: str) -> bool:
        """Tell whether the application's acceptance was among the entries."""
        return application.encode() in self._accepted

    def end_of(self, delivery: str) -> str | None:
        """Return how a delivery ended: ``delivered``, ``cancelled``, or ``None``: not yet."""
        ends = self._deliveries.get(delivery.encode(), 0)
        if ends & (_DELIVER | _DELIVER_FLAGGED | _CONFIRM):
            return "delivered"
        return "cancelled" if ends & _CANCEL else None

    @property
    def deliveries(self) -> KeysView[bytes]:
        """Every delivery that an entry names, as written."""
        return self._deliveries.keys()

    @property
    def kept_count(self) -> int:
        """How many applications were accepted, and did not expire."""
        return len(self._accepted) - len(self._expired & self._accepted.keys())

    def expired(self, application: str) -> bool:
        """Tell whether the application's expiry was among the entries."""
        return application.encode() in self._expired

    @property
    def forgotten(self) -> KeysView[bytes]:
        """Every delivery that an application's expiry names, as written."""
        return self._forgotten.keys()

    def without_rows(self, rows: Container[str]) -> Iterator[Gap]:
        """Yield accepted applications that did not expire and are not among ``rows``."""
        for accepted, index in self._accepted.items():
            if accepted not in self._expired and (application := accepted.decode()) not in rows:
                problem = f"application {application} was accepted, and the journal lacks it"
                yield Gap(Place(index, None, None), problem)

    def add(self, gap: Gap) -> None:
        """Take a gap that somebody found who has the journal at hand."""
        self.gap_count += 1
        if len(self.gaps) < MAX_GAPS:
            self.gaps.append(gap)

    def _accept(self, where: _Where, application: bytes, named: bytes | None) -> None:
        if application in self._accepted:
            self._gap(where, "an application that was accepted before is accepted again")
            return
        self._accepted[application] = where[0]
        if self._unaccepted:
            missing = self._unaccepted.pop(application, None)
            if missing and missing.place.node == where[1]:
                problem = "about an application that was accepted only afterwards"
                self.add(Gap(missing.place, problem))
        if named is None:
            self._without_deliveries.add(application)
            return
        for delivery in named.split(b" ") if named else ():
            if delivery not in self._deliveries:
                self._deliveries[delivery] = 0
            elif self._unnamed.pop(delivery, None) is None:
                self._gap(where, "names a delivery that another acceptance has named")

    def _expire(self, where: _Where, application: bytes, named: bytes) -> None:
        if application in self._expired:
            self._gap(where, "an application that had expired expires again")
        self._expired.add(application)
        for delivery in named.split():
            self._forgotten[delivery] = Place(*where)

    def _claim(self, node: str, key: int) -> None:
        self._claims.add(key)
        if not self._unclaimed:
            return
        missing = self._unclaimed.pop(key, None)
        if missing and missing.place.node == node:
            self.add(Gap(missing.place, "a worker's outcome that was claimed only afterwards"))

    def _open(self, where: _Where, glance: Glance) -> None:
        _, layout, (application, at, *claim, _) = glance
        if not layout.has_attempt:
            self._gap(where, "a worker's outcome that does not say of which attempt and copy")
            return
        delivery, attempt, copy = (each.decode() for each in claim)
        problem = "a worker's outcome without a claim: that attempt and copy were never claimed"
        missing = Missing(
            Place(*where), at.decode(), application.decode(), (delivery, attempt, copy), problem
        )
        self._unclaimed.setdefault(_claim_key(delivery, attempt, copy), missing)

    def _end(self, where: _Where, glance: Glance, end: int) -> None:
        _, layout, (application, at, delivery, _, _, _) = glance
        if end == _DELIVER and layout.is_flagged:
            end = _DELIVER_FLAGGED
        before = self._deliveries[delivery]
        if before & end or before | end not in _LEGAL:
            self._gap(where, "a delivery that had ended ends a second time")
            return
        self._deliveries[delivery] = before | end
        if end == _DELIVER_FLAGGED and not before:
            problem = "delivered in spite of a cancellation that is not in the log"
            missing = Missing(Place(*where), at.decode(), application.decode(), problem=problem)
            self._flagged[delivery] = missing
        elif end == _CANCEL:
            self._flagged.pop(delivery, None)

    def _gap(self, where: _Where, problem: str) -> None:
        self.add(Gap(Place(*where), problem))


def _claim_key(delivery: str, attempt: str, copy: str) -> int:
    # 64 bits by a key that is random in each process: nobody can choose two that agree.
    return hash((delivery.encode(), attempt.encode(), copy.encode()))


def _apart(first: str, second: str) -> timedelta:
    return datetime.fromisoformat(second) - datetime.fromisoformat(first)
