"""Checks across fields, which procedures name in ``x-checks``; the rules are here, never in data.

A check sees the object at which it is named. It may find any JSON there, because
all errors of a body are reported at once: what is not of the shape it asks about is
somebody else's error.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.values import age, calendar_date, era, timestamp

Place = tuple[str | int, ...]
"""Member names and item numbers, from the checked object."""

Finding = tuple[Place, str]
"""Where, and the code of ``gateway.schema.errors``."""

Check = Callable[[Mapping[str, object]], Iterator[Finding]]

_CONTAINERS: Final = frozenset({dict, list})
_TOKYO: Final = ZoneInfo("Asia/Tokyo")

_INSURED_65_AND_OVER: Final = 65
_INSURED_40_AND_OVER: Final = 40
"""介護保険法第9条第1号, 第2号."""


def era_dates_agree(subject: Mapping[str, object]) -> Iterator[Finding]:
    """Each ``NAME_era`` is the same day as ``NAME`` beside it."""
    for name in subject:
        if name.endswith("_era"):
            day, written = _day(subject.get(name[:-4])), subject[name]
            era_date = era.parse(written) if isinstance(written, str) else None
            if day is None or era_date is None or era_date.fault():
                continue
            if era_date.to_date() != day:
                yield (name,), "date.era_mismatch"


def period_in_order(subject: Mapping[str, object]) -> Iterator[Finding]:
    """``until`` is not before ``from``."""
    start, end = _day(subject.get("from")), _day(subject.get("until"))
    if start and end and end < start:
        yield ("until",), "date.reversed"


def born_before_submission(request: Mapping[str, object]) -> Iterator[Finding]:
    """Nobody in the request is born after the day of submission."""
    yield from _after_submission(request, "birth_date")


def happened_before_submission(request: Mapping[str, object]) -> Iterator[Finding]:
    """No ``damaged_on`` lies after the day of submission."""
    yield from _after_submission(request, "damaged_on")


def my_numbers_differ(request: Mapping[str, object]) -> Iterator[Finding]:
    """No My Number stands for two people in A票 and B票."""
    numbers = _values(request, "my_number")
    if len(set(numbers)) == len(numbers):
        return
    seen: set[str] = set()
    for place, number in _places(request, "my_number"):
        if number in seen:
            yield place, "my_number.repeated"
        seen.add(number)


def one_household_head(subject: Mapping[str, object]) -> Iterator[Finding]:
    """Of ``household`` exactly one member is the head (世帯主)."""
    members = subject.get("household")
    if not isinstance(members, list) or not all(isinstance(m, dict) for m in members):
        return
    heads = sum(member.get("relationship") == "head" for member in members)
    if members and heads != 1:
        yield ("household",), "household.heads"


def insured_by_age(request: Mapping[str, object]) -> Iterator[Finding]:
    """``category`` of the insured is that of their age: 1 from 65, 2 from 40 to 64."""
    insured = _at(request, "content", "insured")
    submitted = _submitted_on(request)
    if not isinstance(insured, Mapping) or submitted is None:
        return
    born, category = _day(insured.get("birth_date")), insured.get("category")
    if born is None:
        return
    years = age.on(submitted, born=born)
    fits = {
        "first": years >= _INSURED_65_AND_OVER,
        "second": _INSURED_40_AND_OVER <= years < _INSURED_65_AND_OVER,
    }
    if not fits.get(str(category), True):
        yield ("content", "insured", "category"), "care.category_by_age"


def _after_submission(request: Mapping[str, object], name: str) -> Iterator[Finding]:
    submitted = _submitted_on(request)
    # Dates of this form sort as texts; only what looks late is looked at closely.
    if submitted is None or max(_values(request, name), default="") <= submitted.isoformat():
        return
    for place, value in _places(request, name):
        day = _day(value)
        if day and day > submitted:
            yield place, "date.in_the_future"


def _values(request: object, name: str) -> list[str]:
    """Return every text that is a member called ``name``; on the way of every request, so fast."""
    found: list[object] = []
    pending = [request]
    for container in pending:
        children: Iterable[object] = container if isinstance(container, list) else ()
        if isinstance(container, dict):
            if name in container:
                found.append(container[name])
            children = container.values()
        pending += [child for child in children if type(child) in _CONTAINERS]
    return [value for value in found if isinstance(value, str)]


def _places(value: object, name: str) -> Iterator[tuple[Place, str]]:
    """Yield the same with their places, in the order of the document."""
    pending: list[tuple[Place, object]] = [((), value)]
    while pending:
        place, current = pending.pop()
        if isinstance(current, str) and place[-1] == name:
            yield place, current
        children: Iterable[tuple[str | int, object]] = ()
        if isinstance(current, dict):
            children = current.items()
        elif isinstance(current, list):
            children = enumerate(current)
        pending += reversed([((*place, key), child) for key, child in children])


def _at(value: object, *tokens: str) -> object:
    for token in tokens:
        value = value.get(token) if isinstance(value, Mapping) else None
    return value


def _day(value: object) -> date | None:
    return calendar_date.parse(value) if isinstance(value, str) else None


def _submitted_on(request: Mapping[str, object]) -> date | None:
    value = request.get("submitted_at")
    try:
        moment = timestamp.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if moment is None else moment.astimezone(_TOKYO).date()


CHECKS: Final[dict[str, Check]] = {
    "born-before-submission": born_before_submission,
    "era-dates-agree": era_dates_agree,
    "happened-before-submission": happened_before_submission,
    "insured-by-age": insured_by_age,
    "my-numbers-differ": my_numbers_differ,
    "one-household-head": one_household_head,
    "period-in-order": period_in_order,
}
"""Every name ``x-checks`` may use; another one is an error when the file is loaded."""
