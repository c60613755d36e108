"""An entry's bytes are exactly what the documentation of ``audit.chain`` says."""

import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from uuid import UUID

import pytest

from gateway.audit.chain import GENESIS, MAX_ENTRY_BYTES, encode, leaf
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.identifiers import ApplicationId, DeliveryId, MunicipalityCode, NodeName

NODE = NodeName("gw-1")
ENTRY = Entry(
    action=Action.APPLICATION_ACCEPTED,
    at=datetime(2026, 11, 20, 0, 30, 0, 123999, UTC),
    actor=Actor(ActorKind.CLIENT, "portal"),
    municipality=MunicipalityCode("131016"),
    application=ApplicationId(UUID("01936b1e-0000-7000-8000-000000000001")),
    delivery=DeliveryId(UUID("01936b1e-0000-7000-8000-000000000002")),
    facts={"version": 1, "procedure": "childcare/allowance-claim", "over": None, "again": False},
)
SMALL = Entry(action=Action.NODE_STARTED, at=ENTRY.at, actor=Actor(ActorKind.GATEWAY, "gw-1"))


class Number(IntEnum):
    ONE = 1


def test_an_entry_is_compact_sorted_json() -> None:
    assert encode(ENTRY, node=NODE, nseq=7, nprev=b"\xab" * 32).decode() == (
        '{"action":"application.accepted","actor":{"kind":"client","name":"portal"}'
        ',"application":"01936b1e-0000-7000-8000-000000000001","at":"2026-11-20T00:30:00.123Z"'
        ',"delivery":"01936b1e-0000-7000-8000-000000000002","facts":{"again":false,"over":null'
        ',"procedure":"childcare/allowance-claim","version":1},"municipality":"131016"'
        ',"node":"gw-1","nprev":"' + "ab" * 32 + '","nseq":7,"v":2}'
    )


def test_what_an_entry_does_not_concern_is_left_out() -> None:
    assert encode(SMALL, node=NODE, nseq=1, nprev=GENESIS).decode() == (
        '{"action":"node.started","actor":{"kind":"gateway","name":"gw-1"}'
        ',"at":"2026-11-20T00:30:00.123Z","facts":{},"node":"gw-1"'
        ',"nprev":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"'
        ',"nseq":1,"v":2}'
    )


def test_a_leaf_is_hashed_behind_a_zero_byte() -> None:
    assert leaf(b"entry") == hashlib.sha256(b"\x00entry").digest()


def test_the_leaf_of_nothing_is_the_one_certificate_transparency_has() -> None:
    # The first of the test inputs of the Certificate Transparency reference code.
    expected = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"

    assert leaf(b"").hex() == expected


def test_time_is_written_in_utc() -> None:
    tokyo = dataclasses.replace(
        SMALL, at=datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=9)))
    )

    assert b'"at":"2026-11-20T00:30:00.000Z"' in encode(tokyo, node=NODE, nseq=1, nprev=GENESIS)


@pytest.mark.parametrize(
    "change",
    [
        {"at": datetime(2026, 11, 20)},  # noqa: DTZ001
        {"facts": {"Name": 1}},
        {"facts": {"": 1}},
        {"facts": {"氏名": 1}},
        {"facts": {"a": 1.5}},
        {"facts": {"a": 1 << 53}},
        {"facts": {"a": -(1 << 53)}},
        {"facts": {"a": Number.ONE}},
        {"facts": {"a": b"x"}},
        {"facts": {"a": ["x"]}},
        {"facts": {"a": "\ud800"}},
    ],
)
def test_what_cannot_be_written_for_ever_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its argument is the subject
        encode(dataclasses.replace(SMALL, **change), node=NODE, nseq=1, nprev=GENESIS)  # type: ignore[arg-type]


@pytest.mark.parametrize(("nseq", "nprev"), [(0, GENESIS), (-1, GENESIS), (1, b""), (1, b"x" * 31)])
def test_a_place_that_is_none_is_refused(nseq: int, nprev: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its argument is the subject
        encode(SMALL, node=NODE, nseq=nseq, nprev=nprev)


def test_an_entry_has_at_most_65535_bytes() -> None:
    room = MAX_ENTRY_BYTES - len(
        encode(dataclasses.replace(SMALL, facts={"a": ""}), node=NODE, nseq=1, nprev=GENESIS)
    )
    longest = dataclasses.replace(SMALL, facts={"a": "x" * room})
    longer = dataclasses.replace(SMALL, facts={"a": "x" * (room + 1)})

    assert len(encode(longest, node=NODE, nseq=1, nprev=GENESIS)) == 65_535
    with pytest.raises(ValueError, match="65536"):
        encode(longer, node=NODE, nseq=1, nprev=GENESIS)
