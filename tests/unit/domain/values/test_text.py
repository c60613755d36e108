import unicodedata

import pytest

from gateway.domain.values import text

COMPATIBILITY_IDEOGRAPHS = [*range(0xFA0E, 0xFA2A), 0xF929, 0xF9DC, 0x2F81A]
"""﨎 to 﨩 and others that registers use; NFC would replace most of them."""


@pytest.mark.parametrize(
    "name",
    [
        "髙﨑",
        "𠮷田",
        "神\ufa19社",
        "邉\U000e0101",
        "\ue000外字",
        "①㈱㍼",
        "O’Brien é e\u0301",
        "が",
        "",
    ],
)
def test_whatever_people_are_called_is_text(name: str) -> None:
    assert text.fault(name) is None


@pytest.mark.parametrize("point", COMPATIBILITY_IDEOGRAPHS, ids=lambda p: f"U+{p:04X}")
def test_compatibility_ideographs_are_text_as_they_are(point: int) -> None:
    assert text.fault(chr(point)) is None


def test_nfc_would_write_another_name() -> None:
    # The reason for the rule: if this ever fails, Unicode has changed its mind.
    assert unicodedata.normalize("NFC", "\ufa19") == "\u795e"
    assert unicodedata.normalize("NFC", "﨑") == "﨑"


@pytest.mark.parametrize(
    "point", [0x0, 0x9, 0xA, 0xD, 0x1B, 0x7F, 0x85, 0x9F, 0x2028, 0x202E, 0x2066]
)
def test_control_characters_are_refused(point: int) -> None:
    assert text.fault(f"山{chr(point)}田") == "text.control_character"


@pytest.mark.parametrize("point", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_lone_surrogates_are_refused(point: int) -> None:
    assert text.fault(f"山{chr(point)}") == "text.lone_surrogate"


def test_all_66_noncharacters_are_refused() -> None:
    noncharacters = [*range(0xFDD0, 0xFDF0)]
    noncharacters += [plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)]

    assert len(noncharacters) == 66
    assert {text.fault(chr(point)) for point in noncharacters} == {"text.noncharacter"}


@pytest.mark.parametrize("blank", [" ", "\u3000", "\u200b\ufeff", "\xa0 "])
def test_text_of_which_nothing_is_visible_is_blank(blank: str) -> None:
    assert text.fault(blank) == "text.blank"


def test_line_feeds_are_allowed_only_where_there_are_lines() -> None:
    assert text.fault("一\n二", lines=True) is None
    assert text.fault("一\r\n二", lines=True) == "text.control_character"
    assert text.fault("\n", lines=True) == "text.blank"
