"""Which of what waits for a person: as an operator says it, in the words of the journal."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from pydantic import ConfigDict

from gateway.domain.identifiers import DestinationName, MunicipalityCode
from gateway.domain.lifecycle import NEEDS_A_PERSON, State
from gateway.domain.records import DeliveryRecord
from gateway.domain.repair import WaitingFilter, WaitingGroup, waits_for_a_person
from gateway.ports.journal import Journal
from gateway.services.operate.refusals import NotFoundError, OperationError, printable

_HERE: Final = ZoneInfo("Asia/Tokyo")
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2199
_GROUP_CHARACTERS: Final = 8
"""32 bits: among a thousand groups two are alike once in ten thousand times, and both are then
refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an operator selects; ``None`` means any.

    Attributes:
        group: A group's id, as ``parked.groups`` tells it; instead of ``destination``,
            ``code`` and ``adapter``, which it says itself.
        destination: Only those for it.
        municipality: Only this tenant's.
        code: Only those with exactly this code.
        adapter: Only those whose last attempt was made by it: ``name version``.
        since: Only those that have waited since this time or a later one; ISO 8601, Japan's
            time if it names no other.
        until: Only those that began to wait before this time.
        in_doubt: Those in doubt, not those that are parked.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    group: str | None = None
    destination: str | None = None
    municipality: str | None = None
    code: str | None = None
    adapter: str | None = None
    since: str | None = None
    until: str | None = None
    in_doubt: bool = False


def group_id(group: WaitingGroup) -> str:
    """Return a group's name: eight hexadecimal digits that follow from its cause alone."""
    cause = json.dumps([group.state, group.destination, group.code, group.adapter])
    return hashlib.sha256(cause.encode()).hexdigest()[:_GROUP_CHARACTERS]


async def selected(journal: Journal, wanted: Wanted, states: frozenset[State]) -> WaitingFilter:
    """Return what an operator selects.

    Args:
        journal: Where the groups are.
        wanted: What the operator said.
        states: Where no group says it.

    Raises:
        NotFoundError: Nothing waits in a group of this name.
        OperationError: What was said cannot be, in words.
    """
    since, until = parse_moment("since", wanted.since), parse_moment("until", wanted.until)
    if since is not None and until is not None and since >= until:
        raise OperationError("since must be before until: nothing waits between them")
    for name in ("destination", "municipality", "code", "adapter"):
        if (said := getattr(wanted, name)) is not None:
            printable(said, name)
    where = WaitingFilter(
        states=states,
        destination=None if wanted.destination is None else DestinationName(wanted.destination),
        municipality=None if wanted.municipality is None else MunicipalityCode(wanted.municipality),
        code=wanted.code,
        adapter=wanted.adapter,
        since=since,
        until=until,
    )
    return where if wanted.group is None else await _of_group(journal, wanted, where)


async def _of_group(journal: Journal, wanted: Wanted, where: WaitingFilter) -> WaitingFilter:
    said_twice = [name for name in ("destination", "code", "adapter") if getattr(wanted, name)]
    if said_twice:
        raise OperationError(f"a group says its {said_twice[0]} itself; leave one of them out")
    groups = await journal.waiting_groups(WaitingFilter(states=NEEDS_A_PERSON))
    found = [group for group in groups if group_id(group) == wanted.group]
    if len(found) != 1:
        raise NotFoundError(f"nothing waits in a group of this name: {wanted.group}")
    group = found[0]
    if group.state not in where.states:
        if group.state == State.IN_DOUBT:
            raise OperationError(
                "this group is in doubt: each may have arrived. Look into the core system; "
                "to send them all again nevertheless, ask for in_doubt"
            )
        raise OperationError("this group is parked, not in doubt")
    return replace(
        where,
        states=frozenset({group.state}),
        destination=group.destination,
        code=group.code or "",
        adapter=group.adapter or "",
    )


def in_words(where: WaitingFilter) -> str:
    """Return a selection as one line, for screens and the log."""
    named = [
        " or ".join(sorted(state.value for state in where.states)),
        where.destination,
        "no code" if where.code == "" else where.code,
        "no adapter" if where.adapter == "" else where.adapter,
        where.municipality,
        None if where.since is None else f"since {where.since.isoformat(timespec='seconds')}",
        None if where.until is None else f"until {where.until.isoformat(timespec='seconds')}",
    ]
    return ", ".join(part for part in named if part is not None)


def is_selected(where: WaitingFilter, record: DeliveryRecord) -> bool:
    """Tell whether ``where`` selects a delivery, as the journal does."""
    same: Sequence[tuple[str | None, str | None]] = (
        (where.destination, record.destination),
        (where.municipality, record.municipality),
        (where.code, record.code or ""),
        (where.adapter, record.adapter or ""),
    )
    return (
        record.state in where.states
        and waits_for_a_person(record)
        and all(wanted in (None, found) for wanted, found in same)
        and (where.since is None or record.updated_at >= where.since)
        and (where.until is None or record.updated_at < where.until)
    )


def parse_moment(name: str, text: str | None) -> datetime | None:
    """Return the time that an operator said; in Japan, if it names no other time zone.

    Args:
        name: What it is, for the refusal.
        text: ISO 8601; ``None`` for no time.

    Raises:
        OperationError: It is no time, or none of these two centuries, in words.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise OperationError(
            f"{name} must look like 2026-11-20 or 2026-11-20T09:30: {text!r}"
        ) from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise OperationError(f"{name} must be a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=_HERE)
