"""A signed note is C2SP's, byte for byte, and believed for known keys only."""

import base64
import dataclasses
import hashlib

import pytest

from gateway.audit.note import (
    MAX_NOTE_BYTES,
    Note,
    NoteKey,
    Signature,
    from_base64,
    open_note,
    parse,
    parse_vkey,
    sign,
)
from gateway.testing.notes import NoteSigner, verify

LOG = NoteSigner("audit.example.lg.jp/log")
OTHER = NoteSigner("witness.example.lg.jp", "a witness")
TEXT = "一行目\n\n三行目\n"


def signed(text: str = TEXT, by: NoteSigner = LOG) -> bytes:
    return sign(text, by.name, by.key.public, by.sign)


def test_a_note_has_the_bytes_of_the_specification() -> None:
    public = LOG.key.public
    key_id = hashlib.sha256(b"audit.example.lg.jp/log\n\x01" + public).digest()[:4]
    signature = base64.b64encode(key_id + LOG.sign(TEXT.encode()))

    assert signed() == (
        TEXT.encode() + b"\n\xe2\x80\x94 audit.example.lg.jp/log " + signature + b"\n"
    )


def test_the_key_of_go_s_checksum_database_is_read_and_written() -> None:
    vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"

    key = parse_vkey(vkey)

    assert (key.name, key.id.hex(), key.vkey()) == ("sum.golang.org", "033de0ae", vkey)


def test_a_signed_note_opens_to_its_text() -> None:
    opened = open_note(signed(), [OTHER.key, LOG.key], verify)

    assert (opened.text, opened.by, opened.unknown) == (TEXT, (LOG.key,), ())


def test_signatures_of_others_are_kept_and_not_believed() -> None:
    witness = Signature("witness.example.lg.jp", b"\x00\x01\x02\x03", b"\x00" * 72)
    note = parse(signed())
    note = dataclasses.replace(note, signatures=(witness, *note.signatures))

    opened = open_note(note.encode(), [LOG.key], verify)

    assert parse(note.encode()) == note
    assert (opened.by, opened.unknown) == ((LOG.key,), (witness,))


def test_several_known_keys_may_sign() -> None:
    both = Note(TEXT, parse(signed()).signatures + parse(signed(by=OTHER)).signatures)

    assert open_note(both.encode(), [LOG.key, OTHER.key], verify).by == (LOG.key, OTHER.key)


def test_a_known_key_s_later_signatures_are_ignored() -> None:
    [good] = parse(signed()).signatures
    twice = Note(TEXT, (good, dataclasses.replace(good, signature=b"\x00" * 64)))

    assert open_note(twice.encode(), [LOG.key], verify).by == (LOG.key,)


def test_one_bad_signature_of_a_known_key_refuses_the_note() -> None:
    [good] = parse(signed()).signatures
    [bad] = parse(signed("別の文\n", OTHER)).signatures

    with pytest.raises(ValueError, match="does not verify"):
        open_note(Note(TEXT, (good, bad)).encode(), [LOG.key, OTHER.key], verify)


def test_a_signature_of_another_length_is_refused_unseen() -> None:
    note = Note(TEXT, (Signature(LOG.name, LOG.key.id, b"\x00" * 63),))

    with pytest.raises(ValueError, match="does not verify"):
        open_note(note.encode(), [LOG.key], lambda _public, _signature, _message: True)


@pytest.mark.parametrize(
    "known", [[], [OTHER.key], [NoteSigner(LOG.name, "another").key]], ids=["none", "other", "name"]
)
def test_a_note_of_unknown_keys_is_refused(known: list[NoteKey]) -> None:
    with pytest.raises(ValueError, match="not signed by a known key"):
        open_note(signed(), known, verify)


def test_any_changed_bit_of_a_note_is_refused() -> None:
    note = signed()

    for place in range(len(note) * 8):
        changed = bytearray(note)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError, match=r"\w+ \w+"):
            open_note(bytes(changed), [LOG.key], verify)


GOOD_LINE = "— a AAAAAAA=\n"


def test_the_shortest_signature_line_is_read() -> None:
    assert parse(f"t\n\n{GOOD_LINE}".encode()).signatures == (Signature("a", bytes(4), b"\x00"),)


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        ("", "not a signed note"),
        ("t\n", "not a signed note"),
        ("t\n\n", "not a signed note"),
        (f"t\n{GOOD_LINE}", "not a signed note"),
        ("t\n\n— a AAAAAAA=", "not a signed note"),
        (f"t\n\n{GOOD_LINE}x\n", "a signature line is malformed"),
        ("t\n\n- a AAAAAAA=\n", "a signature line is malformed"),
        ("t\n\n—  a AAAAAAA=\n", "not the name of a key"),
        ("t\n\n— a\u3000b AAAAAAA=\n", "not the name of a key"),
        ("t\n\n— a+b AAAAAAA=\n", "not the name of a key"),
        ("t\n\n— a  AAAAAAA=\n", "not base64"),
        ("t\n\n— a AAAAAAB=\n", "not base64"),
        ("t\n\n— a AAAAAAA\n", "not base64"),
        ("t\n\n— a AAAAAAA= \n", "not base64"),
        ("t\n\n— a AAAA-_A=\n", "not base64"),
        ("t\n\n— a AAAAAA==\n", "a signature line is malformed"),
        ("t\n\n— a \n", "a signature line is malformed"),
        ("t\n\n— a\n", "a signature line is malformed"),
        (f"t\tt\n\n{GOOD_LINE}", "a control character stands in a note"),
        (f"t\r\n\r\n{GOOD_LINE}", "a control character stands in a note"),
        ("t\n\n" + GOOD_LINE * 101, "more signatures than a note may have"),
        ("t" * MAX_NOTE_BYTES + f"\n\n{GOOD_LINE}", "longer than a note may be"),
    ],
)
def test_what_is_no_note_is_refused_in_words(note: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        parse(note.encode())


def test_a_hundred_signatures_are_read() -> None:
    assert len(parse(("t\n\n" + GOOD_LINE * 100).encode()).signatures) == 100


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^not UTF-8$"):
        parse(b"\xff\n\n" + GOOD_LINE.encode())


@pytest.mark.parametrize("text", ["", "no newline", "a\x00\n", "a\r\n", "\ud800\n"])
def test_what_cannot_stand_in_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not the text of a note$"):
        signed(text)


def test_a_text_too_long_is_not_signed() -> None:
    with pytest.raises(ValueError, match="longer than a note may be"):
        signed("t" * MAX_NOTE_BYTES + "\n")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x00", "\ud800"])
def test_a_key_has_a_name_that_a_line_can_hold(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a key"):
        NoteKey(name, bytes(32))


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        NoteKey("a", bytes(31))


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "sum.golang.org",
        "sum.golang.org+033de0ae",
        "sum.golang.org+033DE0AE+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.com+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.org+033de0ae+BM4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8\n",
        "sum.golang.org+033de0ae+AQ==",
    ],
)
def test_a_malformed_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse_vkey(vkey)


def test_two_known_keys_that_cannot_be_told_apart_are_refused() -> None:
    # Anybody finds two such in a second: an id is 32 bits.
    first, second = (NoteKey("a", number.to_bytes(32)) for number in (65227, 67083))

    assert first.id == second.id
    with pytest.raises(ValueError, match="two known keys"):
        open_note(signed(), [first, second], verify)


def test_base64_has_one_form() -> None:
    assert from_base64("AAA=") == b"\x00\x00"
    for text in ("AAB=", "AAA", "AA A=", "あ"):
        with pytest.raises(ValueError, match=r"^not base64$"):
            from_base64(text)
