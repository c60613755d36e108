"""Three readers of entries, written apart, agree on what is one: none is laxer than another."""

import runpy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

import gateway.audit
from gateway.audit.chain import GENESIS, encode
from gateway.audit.reading import Reader, read
from gateway.domain.entry import Action, Actor, ActorKind, Detail, Entry
from gateway.domain.identifiers import ApplicationId, DeliveryId, MunicipalityCode, NodeName

STANDALONE = runpy.run_path(str(Path(gateway.audit.__file__).parent / "standalone" / "verify.py"))
NODE = NodeName("gw-1")
ENDING = f'"node":"{NODE}","nprev":"{GENESIS.hex()}","nseq":1,"v":2}}'.encode()

facts = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True),
    st.none() | st.booleans() | st.text(max_size=12) | st.integers(-(2**53) + 1, 2**53 - 1),
    max_size=4,
)
entries = st.builds(
    Entry,
    action=st.sampled_from(Action),
    at=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001
    actor=st.builds(Actor, st.sampled_from(ActorKind), st.text(max_size=12)),
    municipality=st.none() | st.just(MunicipalityCode("131016")),
    application=st.none() | st.builds(ApplicationId, st.uuids()),
    delivery=st.none() | st.builds(DeliveryId, st.uuids()),
    subject=st.none() | st.binary(min_size=32, max_size=32),
    detail=st.none() | st.builds(Detail, st.just(bytes(32)), st.binary(min_size=28, max_size=40)),
    facts=facts,
)
# What stands in entries, and what almost could.
FRAGMENTS = [
    b'"', b"\\", b",", b":", b"{", b"}", b" ", b"\n", b"0", b"-", b"1", b"9", b".0", b"e1", b"null",
    b"true", b'\\"', b"\\u0041", b"\\u000a", b"\\n", b"\\/", b"\x7f", b"\xff", b"\xed\xa0\x80",
    b'"a":1,', b'"v":1', b'"v":2', b',"v":2}', b'"a":"","deliveries":"x",', b"9007199254740992",
    b"02-30", b"T24:", "２".encode(), b"A", b"a", b"_",
]  # fmt: skip
changes = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 3), st.sampled_from(FRAGMENTS)),
    min_size=1,
    max_size=3,
)


def changed(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Put fragments into the data, in the place of up to three bytes each."""
    for place, length, fragment in edits:
        at = place % (len(data) + 1)
        data = data[:at] + fragment + data[at + length :]
    return data


def accepts(reader: Callable[[bytes], Any], data: bytes) -> bool:
    try:
        reader(data)
    except ValueError:
        return False
    return True


@given(entries)
def test_whole_entries_are_read_by_all(entry: Entry) -> None:
    data = encode(entry, node=NODE, nseq=1, nprev=GENESIS)
    reader = Reader()

    reader.learn(data)

    assert accepts(STANDALONE["parse_entry"], data)
    has_long = any(type(value) is int and abs(value) >= 10**15 for value in entry.facts.values())
    assert has_long or "}" in entry.actor.name or reader.recognise(data, ENDING)


@given(entries, changes)
@settings(max_examples=1000)
@example(
    Entry(
        action=Action.LOG_READ,
        at=datetime(2026, 11, 23, tzinfo=UTC),
        actor=Actor(ActorKind.NOBODY, ""),
        facts={"a": 'x":9999999999999999,"y', "b": '"a":', "c": 9007199254740991},
    ),
    [(0, 0, b"")],
)
def test_changed_entries_are_read_by_all_or_by_none(
    entry: Entry, edits: list[tuple[int, int, bytes]]
) -> None:
    data = encode(entry, node=NODE, nseq=1, nprev=GENESIS)
    reader = Reader()
    reader.learn(data)
    data = changed(data, edits)

    is_entry = accepts(read, data)

    assert accepts(STANDALONE["parse_entry"], data) == is_entry
    if reader.recognise(data, ENDING):
        assert is_entry
