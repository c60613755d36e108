"""The municipal ``format`` names of procedure files, and the rule in the domain behind each."""

from collections.abc import Callable
from typing import Final

from gateway.domain.values import (
    account_holder,
    calendar_date,
    corporate_number,
    era,
    fuzzy_date,
    insurer_number,
    kana,
    municipality_code,
    my_number,
    phone_number,
    postal_code,
    resident_code,
    text,
    timestamp,
)

Fault = Callable[[str], str | None]
"""A rule: what is wrong with a text, as a code of ``gateway.schema.errors``, or ``None``."""


def _lines_fault(value: str) -> str | None:
    return text.fault(value, lines=True)


FAULTS: Final[dict[str, Fault]] = {
    "account-holder": account_holder.fault,
    "corporate-number": corporate_number.fault,
    "date": calendar_date.fault,
    "date-time": timestamp.fault,
    "era-date": era.fault,
    "fuzzy-date": fuzzy_date.fault,
    "insurer-number": insurer_number.fault,
    "kana-full": kana.full_fault,
    "kana-half": kana.half_fault,
    "mj-lines": _lines_fault,
    "mj-text": text.fault,
    "municipality-code": municipality_code.fault,
    "my-number": my_number.fault,
    "phone-number": phone_number.fault,
    "postal-code": postal_code.fault,
    "resident-code": resident_code.fault,
}
"""Every ``format`` a procedure file may use; another one is an error when it is loaded."""


def _predicate(fault: Fault) -> Callable[[str], bool]:
    return lambda value: fault(value) is None


PREDICATES: Final = {name: _predicate(fault) for name, fault in FAULTS.items()}
"""The same as the validator wants them: true for what is well-formed."""
