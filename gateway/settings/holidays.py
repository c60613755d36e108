"""On which days offices are closed: the shipped list, and the municipality's own days."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.domain.errors import ConfigError

_MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


_YEARLY_FOR: Final = timedelta(days=50 * 366)
"""What comes every year comes also after the last year whose holidays are announced."""


class _File(BaseModel):
    """The shape of a list of holidays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    known_until: date
    dates: tuple[date, ...]
    yearly: tuple[_MonthDay, ...] = ()


@dataclass(frozen=True, slots=True)
class Holidays:
    """Days on which offices are closed.

    Attributes:
        days: The days.
        known_until: The last day about which anything is known.
    """

    days: frozenset[date]
    known_until: date


def shipped_holidays() -> Path:
    """Return Japan's list: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    packed = package / "_data" / "config"
    folder = packed if packed.is_dir() else package.parent / "config"
    return folder / "holidays" / "japan.yaml"


def load_holidays(path: Path) -> Holidays:
    """Read a list of holidays.

    Raises:
        ConfigError: It cannot be read, or has another shape.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        # ValueError: no UTF-8, or a day that is in no calendar.
        raise ConfigError(f"calendar.file: {path} cannot be read") from error
    try:
        listed = _File.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        raise ConfigError(f"calendar.file: {path}: {where}: {problem['msg']}") from None
    first = min(listed.dates, default=listed.known_until).replace(month=1, day=1)
    last = listed.known_until + _YEARLY_FOR
    yearly = {
        day
        for year in range(first.year, last.year + 1)
        for day in _days(year, listed.yearly)
        if first <= day <= last
    }
    return Holidays(frozenset(listed.dates) | yearly, listed.known_until)


def _days(year: int, listed: Iterable[_MonthDay]) -> Iterator[date]:
    for each in listed:
        with suppress(ValueError):  # 29 February of most years
            yield date.fromisoformat(f"{year:04}-{each}")
