import pytest

from gateway.formats.cp932 import WAVE_DASH_PAIRS, UndecodableError, UnmappableError, decode, encode

WINDOWS = {
    "髙": "FBFC",
    "﨑": "FAB1",
    "ⅰ": "FA40",
    "纊": "FA5C",
    "①": "8740",
    "㈱": "878A",
    "Ⅰ": "8754",
    "№": "8782",
    "℡": "8784",
    "￢": "81CA",
    "∵": "81E6",
    "≒": "81E0",
    "～": "8160",
    "－": "817C",
    "ｱ": "B1",
    "\\": "5C",
    "~": "7E",
    "\ue000": "F040",
    "\ue757": "F9FC",
}
"""As Java's windows-31j and ICU's ibm-943_P15A write them."""

DOUBLE_BYTE = [
    bytes([lead, trail])
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xFD))
    for trail in (*range(0x40, 0x7F), *range(0x80, 0xFD))
]


def defined() -> dict[bytes, str]:
    found = {}
    for code in DOUBLE_BYTE:
        try:
            found[code] = decode(code)
        except UndecodableError:
            continue
    return found


@pytest.mark.parametrize(("character", "code"), WINDOWS.items())
def test_a_character_gets_the_code_that_windows_writes(character: str, code: str) -> None:
    assert encode(character).hex().upper() == code


def test_every_ibm_extension_but_fifteen_keeps_its_bytes_on_a_round_trip() -> None:
    ibm = {code: text for code, text in defined().items() if code[0] >= 0xFA}

    changed = [code for code, text in ibm.items() if encode(text) != code]

    assert len(ibm) == 388
    assert len(changed) == 15  # Ⅰ–Ⅹ, ￢, ㈱, №, ℡ and ∵ have older codes


def test_373_characters_are_written_otherwise_than_by_cpython() -> None:
    texts = set(defined().values())

    assert sum(encode(text) != text.encode("cp932") for text in texts) == 373


def test_every_character_that_is_read_is_written_as_something_that_reads_the_same() -> None:
    assert [text for text in defined().values() if decode(encode(text)) != text] == []


def test_all_1880_private_use_characters_keep_their_bytes() -> None:
    characters = [chr(0xE000 + i) for i in range(1880)]

    codes = [encode(character) for character in characters]

    assert sorted(codes) == codes
    assert [decode(code) for code in codes] == characters


@pytest.mark.parametrize(("jis", "microsoft"), WAVE_DASH_PAIRS.items())
def test_both_members_of_a_wave_dash_pair_are_written_alike(jis: str, microsoft: str) -> None:
    assert encode(jis) == encode(microsoft)
    assert decode(encode(jis)) == microsoft


@pytest.mark.parametrize(
    "character", ["𠮷", "㋿", "€", "\u00a0", "¥", "\u0080", "\uf8f0", "\ud800"]
)
def test_what_has_no_code_is_refused_with_its_code_point_and_place(character: str) -> None:
    with pytest.raises(UnmappableError) as caught:
        encode("山田" + character + "太郎")

    assert (caught.value.code_point, caught.value.index) == (f"U+{ord(character):04X}", 2)
    assert str(caught.value) == f"text.unmappable: U+{ord(character):04X} 2"


def test_a_variation_selector_is_refused_and_not_dropped() -> None:
    with pytest.raises(UnmappableError) as caught:
        encode("葛\U000e0100城")

    assert caught.value.code_point == "U+E0100"


@pytest.mark.parametrize("byte", [0x80, 0xA0, 0xFD, 0xFE, 0xFF])
def test_a_byte_that_begins_nothing_is_refused_with_its_place(byte: int) -> None:
    with pytest.raises(UndecodableError) as caught:
        decode("髙ｱ1".encode("cp932") + bytes([byte]) + b"1")

    assert caught.value.offset == 4


@pytest.mark.parametrize("code", [b"\x81", b"\x81\x20", b"\x85\x40", b"\xfc\x4c"])
def test_half_a_code_and_an_empty_cell_of_the_table_are_refused(code: bytes) -> None:
    with pytest.raises(UndecodableError) as caught:
        decode(b"ab" + code)

    assert caught.value.offset == 2


def test_the_first_of_several_faults_is_told() -> None:
    with pytest.raises(UndecodableError) as caught:
        decode(b"a\x80b\x81")

    assert caught.value.offset == 1


def test_names_are_not_normalised() -> None:
    name = "神\ufa19德\ufa12"

    assert decode(encode(name)) == name
