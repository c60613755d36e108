import base64
import json
from urllib.parse import quote

import pytest

from gateway.testing.adapter_kit.slips import Slips

NAME = "髙﨑"


@pytest.mark.parametrize(
    "shown",
    [
        f"name={NAME}",
        json.dumps({"name": NAME}),
        repr(NAME.encode()),
        repr(b"0001\xfb\xfc\xfa\xb1  "),
        NAME.encode("cp932").hex(),
        repr(f"x{NAME}".encode("utf-16")),
        quote(NAME),
        *(base64.b64encode(f"{'x' * before}{NAME}y".encode()).decode() for before in range(4)),
    ],
)
def test_a_value_is_seen_in_whatever_spelling(shown: str) -> None:
    slips = Slips()
    slips.add(shown)

    assert slips.first_of(["鴨川", NAME]) == NAME


def test_what_was_not_shown_is_not_seen() -> None:
    slips = Slips()
    slips.add(f"{base64.b64encode(bytes(range(256)) * 8)!r} {bytes(range(256))!r}")

    assert slips.first_of(["鴨川", NAME, "Hototogisu"]) is None
