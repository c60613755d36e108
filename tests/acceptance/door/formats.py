"""Values that a well-made front end sends, for each municipal ``format`` of the document.

Without them schemathesis takes any text for well-formed, and no body it makes up gets past
validation. The days are few on purpose: then ``birth_date_era`` is often the day beside it.
"""

from datetime import datetime
from typing import Final

from hypothesis import strategies as st

from gateway.domain.values import (
    corporate_number,
    insurer_number,
    municipality_code,
    my_number,
    resident_code,
)
from tests.acceptance.harness.applications import MUNICIPALITY

_DAYS: Final = {"1948-10-01": "昭和23年10月1日", "1975-04-01": "昭和50年4月1日"}
"""Of somebody who is 65 and over, and of somebody of 40 to 64 (介護保険法第9条)."""
_LETTERS: Final = st.characters(categories=("L", "N"))
_KANA: Final = "アイウエオガギグパピプャュョッー"


def _digits(least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most or least)


_MOMENTS: Final = st.builds(
    lambda moment, offset: f"{moment:%Y-%m-%dT%H:%M:%S.%f}{offset}",
    st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001 - offset comes after
    st.sampled_from(["Z", "+09:00", "-12:00", "+14:00"]),
)


def _municipality(area: str) -> str:
    return area + municipality_code.check_digit(area)


_NEIGHBOURS: Final = st.builds(
    lambda prefecture, rest: _municipality(f"{prefecture:02}{rest}"), st.integers(1, 47), _digits(3)
)

STRATEGIES: Final[dict[str, st.SearchStrategy[str]]] = {
    "account-holder": st.from_regex(r"[A-Zｱ-ﾝ][A-Z0-9ｱ-ﾝ ()\-./]{0,29}", fullmatch=True),
    "corporate-number": _digits(12).map(lambda body: corporate_number.check_digit(body) + body),
    "date": st.sampled_from([*_DAYS]),
    "date-time": st.just("2026-11-20T09:30:00+09:00") | _MOMENTS,
    "era-date": st.sampled_from([*_DAYS.values()]),
    "fuzzy-date": st.sampled_from([*_DAYS, "1945-00-00", "0000-01-01", "9999-12-31"]),
    "insurer-number": (_digits(5) | _digits(7)).map(
        lambda body: body + insurer_number.check_digit(body)
    ),
    "kana-full": st.text(_KANA, max_size=20).map(lambda rest: "カ" + rest),
    "kana-half": st.text("ｱｲｳｴｵｶｷｸ ", max_size=20).map(lambda rest: "ｶ" + rest),
    "mj-lines": st.lists(st.text(_LETTERS, min_size=1), min_size=1).map("\n".join),
    "mj-text": st.text(_LETTERS, min_size=1),
    # The hosts of the routes; now and then somebody else's.
    "municipality-code": st.sampled_from([MUNICIPALITY] * 9) | _NEIGHBOURS,
    "my-number": _digits(11).map(lambda body: body + my_number.check_digit(body)),
    "phone-number": _digits(9, 10).map(lambda rest: "0" + rest),
    "postal-code": _digits(7),
    "resident-code": _digits(10).map(lambda body: body + resident_code.check_digit(body)),
}
