"""Verification says in words what is wrong and where, and keeps silent about an honest log."""

import ast
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from gateway.audit import completeness, reading
from gateway.audit import verify as verify_module
from gateway.audit.chain import GENESIS, encode, leaf
from gateway.audit.verify import (
    CLOCK_TOLERANCE,
    MAX_WARNINGS,
    Finding,
    Head,
    Verifier,
    read,
    verify,
)
from gateway.domain.entry import Action, Actor, ActorKind, Entry, StoredEntry
from gateway.domain.identifiers import NodeName

ONE, TWO = NodeName("gw-1"), NodeName("gw-2")
START = datetime(2026, 11, 20, tzinfo=UTC)


def a_log(count: int, node: NodeName = ONE, back: timedelta = timedelta()) -> list[StoredEntry]:
    """Return an honest chain; every second entry is ``back`` behind."""
    entries, nprev = [], GENESIS
    for nseq in range(1, count + 1):
        at = START + timedelta(seconds=nseq) - back * (nseq % 2 == 0)
        entry = Entry(
            action=Action.NODE_STARTED,
            at=at,
            actor=Actor(ActorKind.GATEWAY, node),
            facts={"number": nseq},
        )
        data = encode(entry, node=node, nseq=nseq, nprev=nprev)
        nprev = leaf(data)
        entries.append(StoredEntry(node=node, nseq=nseq, data=data))
    return entries


LOG = a_log(5)
LEAVES = [leaf(entry.data) for entry in LOG]


def row(entry: StoredEntry, *, nseq: int | None = None, data: bytes | None = None) -> StoredEntry:
    return StoredEntry(node=entry.node, nseq=nseq or entry.nseq, data=data or entry.data)


def test_an_honest_log_verifies_and_its_heads_are_told() -> None:
    report = verify([*LOG, *a_log(2, TWO)])

    assert (report.ok, report.entries, report.failures, report.warnings) == (True, 7, (), ())
    assert report.heads[ONE] == Head(5, LEAVES[-1])
    assert report.heads[TWO].nseq == 2


def test_the_entries_of_two_nodes_may_be_mixed() -> None:
    mixed = [entry for pair in zip(LOG, a_log(5, TWO), strict=True) for entry in pair]

    assert verify(mixed).ok


def test_an_empty_log_verifies() -> None:
    report = verify([])

    assert (report.ok, report.entries, report.heads) == (True, 0, {})


@pytest.mark.parametrize(
    ("entries", "nseq", "words"),
    [
        pytest.param(LOG[1:], 2, "entry 1 should stand here", id="the first deleted"),
        pytest.param([*LOG[:2], *LOG[3:]], 4, "entry 3 should stand here", id="one deleted"),
        pytest.param([*LOG[:3], *LOG[2:]], 3, "entry 4 should stand here", id="one doubled"),
        pytest.param([LOG[0], LOG[2], LOG[1]], 3, "entry 2 should stand here", id="swapped"),
        pytest.param(
            [LOG[0], row(LOG[1], data=LOG[2].data), row(LOG[2], data=LOG[1].data)],
            2,
            "another place",
            id="contents swapped",
        ),
        pytest.param([LOG[0], row(LOG[2], nseq=2)], 2, "another place", id="renumbered"),
        pytest.param(
            [row(LOG[0], data=LOG[0].data.replace(b'"number":1', b'"number":9')), *LOG[1:]],
            2,
            "this entry or the one before it was altered",
            id="edited",
        ),
        pytest.param([row(LOG[0], data=b"{}")], 1, "members are missing", id="emptied"),
    ],
)
def test_the_first_bad_entry_is_named(entries: list[StoredEntry], nseq: int, words: str) -> None:
    report = verify(entries)

    failure = report.failures[0]
    assert (report.ok, failure.node, failure.nseq) == (False, ONE, nseq)
    assert words in failure.problem


def test_each_broken_chain_is_named_once_and_others_go_on() -> None:
    report = verify([LOG[0], *LOG[2:], *a_log(3, TWO)])

    assert [failure.node for failure in report.failures] == [ONE]
    assert (report.heads[ONE].nseq, report.heads[TWO].nseq) == (5, 3)
    assert report.entries == 7


NINE = a_log(9)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(NINE[1:4], id="deleted"),
        pytest.param([*NINE[:2], NINE[1], *NINE[2:4]], id="doubled"),
        pytest.param([NINE[0], row(NINE[1], data=b"{}"), *NINE[2:4]], id="destroyed"),
        pytest.param(
            [row(NINE[0], data=NINE[0].data.replace(b'"number":1', b'"number":9')), *NINE[1:4]],
            id="edited",
        ),
    ],
)
def test_a_break_is_named_once_and_hides_no_later_one(first: list[StoredEntry]) -> None:
    assert len(verify([*first, *NINE[4:]]).failures) == 1

    report = verify([*first, *NINE[5:]], expected_heads={ONE: Head(9, leaf(NINE[8].data))})

    assert [failure.nseq for failure in report.failures][1:] == [6]
    assert report.heads[ONE] == Head(9, leaf(NINE[8].data))


def test_a_chain_with_nothing_but_breaks_is_counted_and_named_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verify_module, "MAX_FAILURES", 3)

    report = verify(reversed(NINE))

    assert (len(report.failures), report.failure_count, report.ok) == (3, 9, False)


def test_what_is_lost_is_counted_by_numbers_and_not_by_what_a_forger_claims() -> None:
    verifier = Verifier()
    for entry in [NINE[0], row(NINE[1], nseq=1_000), *NINE[3:]]:
        verifier.feed(entry)

    # The forged number counts nothing: one did not come, and another is not where it belongs.
    assert verifier.lost == 2


def test_a_cut_off_tail_is_seen_with_an_expected_head_only() -> None:
    heads = {ONE: Head(5, LEAVES[-1])}

    assert verify(LOG[:3]).ok
    [failure] = verify(LOG[:3], expected_heads=heads).failures
    assert failure == Finding(ONE, 4, "missing: the log is known to have had 5 entries")


def test_a_whole_chain_that_is_gone_is_seen_with_an_expected_head() -> None:
    report = verify(a_log(2, TWO), expected_heads={ONE: Head(5, LEAVES[-1])})

    assert [(failure.node, failure.nseq) for failure in report.failures] == [(ONE, 1)]


def test_a_log_that_has_grown_since_the_expected_head_verifies() -> None:
    assert verify(LOG, expected_heads={ONE: Head(3, LEAVES[2])}).ok


def test_a_log_rewritten_from_its_first_entry_is_seen_with_an_expected_head() -> None:
    rewritten = a_log(5, back=timedelta(seconds=1))

    assert verify(rewritten).ok
    [failure] = verify(rewritten, expected_heads={ONE: Head(3, LEAVES[2])}).failures
    assert (failure.nseq, failure.problem.split(":")[0]) == (3, "rewritten")


def test_a_clock_set_back_is_a_warning() -> None:
    report = verify(a_log(4, back=CLOCK_TOLERANCE + timedelta(seconds=10)))

    assert report.ok
    assert report.warnings == (
        Finding(ONE, 2, "the clock had gone back by 69 s"),
        Finding(ONE, 4, "the clock had gone back by 69 s"),
    )


@pytest.mark.parametrize(
    ("action", "node", "is_told"),
    [
        (Action.NODE_STARTED, ONE, False),
        (Action.KEY_MADE, ONE, False),
        (Action.KEY_CHANGED, ONE, False),
        (Action.CLIENT_KEY_ADDED, NodeName("cli"), False),
        (Action.DELIVERY_CONFIRMED, ONE, True),
    ],
)
def test_a_chain_that_no_gateway_began_is_a_warning(
    action: Action, node: NodeName, *, is_told: bool
) -> None:
    first = Entry(action=action, at=START, actor=Actor(ActorKind.GATEWAY, "gw-1"))
    data = encode(first, node=node, nseq=1, nprev=GENESIS)

    report = verify([StoredEntry(node=node, nseq=1, data=data)])

    problem = "no gateway began this chain: no start stands here"
    assert report.ok
    assert report.warnings == ((Finding(node, 1, problem),) if is_told else ())


def test_entries_a_little_out_of_order_are_no_warning() -> None:
    assert verify(a_log(4, back=CLOCK_TOLERANCE)).warning_count == 0


def test_warnings_are_bounded_and_counted() -> None:
    report = verify(a_log(2 * MAX_WARNINGS + 10, back=timedelta(days=1)))

    assert (len(report.warnings), report.warning_count) == (MAX_WARNINGS, MAX_WARNINGS + 5)


def test_it_can_be_fed_entry_by_entry() -> None:
    verifier = Verifier()
    for entry in LOG:
        verifier.feed(entry)

    assert verifier.finish() == verify(LOG)


@pytest.mark.parametrize(
    "data",
    [
        LOG[0].data.replace(b'"v":2', b'"v": 2'),
        LOG[0].data + b"\n",
        LOG[0].data.replace(b'"gateway"', b'"g\\u0061teway"'),
        LOG[0].data.replace(b'"gateway"', b'"g\\/teway"'),
        LOG[0].data.replace(b'"number":1', b'"number":-0'),
        LOG[0].data.replace(b'"number":1', b'"number":1,"a":2'),
        json.dumps(dict(reversed(json.loads(LOG[0].data).items())), separators=(",", ":")).encode(),
    ],
    ids=["spaced", "newline", "escaped", "slash", "minus zero", "facts", "members"],
)
def test_there_is_one_way_to_write_an_entry(data: bytes) -> None:
    [failure] = verify([*a_log(3, TWO), row(LOG[0], data=data)]).failures

    assert failure.problem == "not an entry: not written the one way in which an entry is written"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"number":5', b'"number":9007199254740992', "value is malformed"),
        (b'"number":5', b'"number":1.5', "value is malformed"),
        (b'"number":5', b'"Number":5', "name is malformed"),
        (b'"v":2', b'"v":3', "version"),
        (b'"facts"', b'"detail":"AA","facts"', None),
        (b"2026-11-20", b"2026-11-31", "at is malformed"),
        (b"T00:00:05", b"T24:00:05", "at is malformed"),
        (b'"nseq":5', b'"nseq":6', "another place"),
        (b'"node":"gw-1"', b'"node":"gw-2"', "another place"),
        (LEAVES[3].hex().encode(), b"0" * 64, "chain broken"),
        (b'"name":"gw-1"', b'"name":"gw-\xff"', "UTF-8"),
        (b'"name":"gw-1"', b'"name":"' + b"x" * 65_536 + b'"', "longer"),
    ],
)
def test_what_is_recognised_by_its_layout_is_checked_as_well(
    old: bytes, new: bytes, words: str | None
) -> None:
    assert old in LOG[4].data

    report = verify([*LOG[:4], row(LOG[4], data=LOG[4].data.replace(old, new))])

    assert [words in failure.problem for failure in report.failures if words] == [True] * bool(
        words
    )


def test_version_1_has_neither_detail_nor_subject() -> None:
    first = LOG[0].data.replace(b'"v":2', b'"v":1')
    second = LOG[1].data.replace(LEAVES[0].hex().encode(), leaf(first).hex().encode())
    second = second.replace(b'"v":2', b'"v":1')
    detailed = second.replace(b'"facts"', b'"detail":"AA","facts"')

    assert verify([row(LOG[0], data=first), row(LOG[1], data=second)]).ok
    [failure] = verify([row(LOG[0], data=first), row(LOG[1], data=detailed)]).failures
    assert failure.problem == "not an entry: unknown members"


def test_an_entry_is_read_back() -> None:
    members = read(LOG[1].data)

    assert (members["action"], members["actor"]) == (
        "node.started",
        {"kind": "gateway", "name": "gw-1"},
    )
    assert (members["at"], members["facts"]) == ("2026-11-20T00:00:02.000Z", {"number": 2})
    assert (members["node"], members["nseq"], members["v"]) == ("gw-1", 2, 2)
    assert members["nprev"] == LEAVES[0].hex()


def changed(**members: object) -> bytes:
    return json.dumps(json.loads(LOG[0].data) | members).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[]", "not an object"),
        (b"{}", "members are missing"),
        (b"[" * 60_000, "nested too deeply"),
        (b" " * 65_536, "longer"),
        (LOG[0].data + b" {}", "not JSON"),
        (LOG[0].data.replace(b'"v":2', b'"v":2,"v":2'), "twice"),
        (LOG[0].data.replace(b'"number":1', b'"number":1,"number":2'), "twice"),
        (LOG[0].data.replace(b'"number":1', b'"number":NaN'), "number"),
        (LOG[0].data.replace(b'"number":1', b'"number":' + b"1" * 5000), "digits"),
        (changed(v=3), "version"),
        (changed(v=True), "version"),
        (changed(v=1.0), "version"),
        (changed(extra=1), "unknown"),
        (changed(action="accepted"), "action"),
        (changed(action=1), "action"),
        (changed(application=None), "application"),
        (changed(application="x"), "application"),
        (changed(delivery="01936B1E-0000-7000-8000-000000000001"), "delivery"),
        (changed(municipality="13101"), "municipality"),
        (changed(at="2026-11-20T00:00:00Z"), "at"),
        (changed(at="2026-11-20T00:00:00.000+09:00"), "at"),
        (changed(at="2026-13-20T00:00:00.000Z"), "at"),
        (changed(node="GW 1"), "node"),
        (changed(nprev="AB" * 32), "nprev"),
        (changed(nprev="ab"), "nprev"),
        (changed(nseq=0), "nseq"),
        (changed(nseq="1"), "nseq"),
        (changed(nseq=True), "nseq"),
        (changed(actor=None), "actor"),
        (changed(actor={"kind": "client"}), "actor"),
        (changed(actor={"kind": 1, "name": "x"}), "actor"),
        (changed(actor={"kind": "client", "name": None}), "actor"),
        (changed(facts=[]), "facts"),
        (changed(facts={"A": 1}), "name"),
        (changed(facts={"a": {}}), "value"),
        (changed(facts={"a": 1.5}), "value"),
        (changed(facts={"a": 1 << 53}), "value"),
    ],
)
def test_bytes_that_are_no_entry_are_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(data)


@pytest.mark.parametrize(
    ("module", "may_import"),
    [
        (verify_module, {"domain.entry", "domain.identifiers", "audit.reading"}),
        (reading, set()),
        (completeness, {"audit.reading"}),
    ],
)
def test_verification_imports_no_writer(module: ModuleType, may_import: set[str]) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))

    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }

    assert {name for name in imported if name and name.startswith("gateway")} == {
        f"gateway.{name}" for name in may_import
    }
