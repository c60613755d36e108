"""Whatever is done to a random log is noticed where it was done; honest logs never alarm."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.chain import GENESIS, encode, leaf
from gateway.audit.verify import Head, Report, read, verify
from gateway.domain.entry import Action, Actor, ActorKind, Entry, StoredEntry
from gateway.domain.identifiers import ApplicationId, DeliveryId, MunicipalityCode, NodeName

NODES = (NodeName("gw-1"), NodeName("gw-2"))

facts = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True),
    st.none() | st.booleans() | st.text(max_size=20) | st.integers(-(2**53) + 1, 2**53 - 1),
    max_size=5,
)
entries = st.builds(
    Entry,
    action=st.sampled_from(Action),
    at=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001
    actor=st.builds(Actor, st.sampled_from(ActorKind), st.text(max_size=20)),
    municipality=st.none() | st.just(MunicipalityCode("131016")),
    application=st.none() | st.builds(ApplicationId, st.uuids()),
    delivery=st.none() | st.builds(DeliveryId, st.uuids()),
    facts=facts,
)


def chained(contents: list[Entry], node: NodeName, nprev: bytes = GENESIS) -> list[StoredEntry]:
    log = []
    for nseq, entry in enumerate(contents, 1):
        data = encode(entry, node=node, nseq=nseq, nprev=nprev)
        nprev = leaf(data)
        log.append(StoredEntry(node=node, nseq=nseq, data=data))
    return log


logs = st.lists(entries, min_size=2, max_size=8).map(lambda contents: chained(contents, NODES[0]))
places = st.integers(0, 10**6)


def first_failure(report: Report) -> tuple[NodeName, int]:
    failure = report.failures[0]
    return failure.node, failure.nseq


@given(st.lists(st.tuples(st.integers(0, 1), entries), max_size=12))
def test_an_honest_log_never_alarms(contents: list[tuple[int, Entry]]) -> None:
    chains = [chained([e for which, e in contents if which == i], NODES[i]) for i in (0, 1)]
    waiting = [iter(chain) for chain in chains]
    mixed = [next(waiting[which]) for which, _ in contents]
    heads = {chain[-1].node: Head(len(chain), leaf(chain[-1].data)) for chain in chains if chain}

    for log in (mixed, chains[0] + chains[1]):
        report = verify(log, expected_heads=heads)
        assert (report.failures, report.heads, report.entries) == ((), heads, len(contents))


@given(entries)
def test_an_entry_reads_back_as_it_was_written(entry: Entry) -> None:
    members = read(encode(entry, node=NODES[0], nseq=1, nprev=GENESIS))

    assert members["facts"] == entry.facts
    assert members["actor"] == {"kind": entry.actor.kind, "name": entry.actor.name}
    assert members.get("municipality") == entry.municipality
    application = members.get("application")
    assert (application and UUID(application)) == entry.application
    at = datetime.fromisoformat(members["at"])
    assert at == entry.at.replace(microsecond=entry.at.microsecond // 1000 * 1000)


@given(logs, places, places, st.integers(1, 255))
@settings(max_examples=300)
def test_a_changed_byte_is_noticed_at_once_or_at_the_next_entry(
    log: list[StoredEntry], place: int, byte: int, difference: int
) -> None:
    head = Head(len(log), leaf(log[-1].data))
    index = place % len(log)
    data = bytearray(log[index].data)
    data[byte % len(data)] ^= difference
    log[index] = StoredEntry(node=NODES[0], nseq=index + 1, data=bytes(data))

    node, nseq = first_failure(verify(log, expected_heads={NODES[0]: head}))

    assert node == NODES[0]
    assert nseq in {index + 1, index + 2}


@given(logs, entries, places)
def test_an_entry_written_anew_is_noticed_at_the_next_one(
    log: list[StoredEntry], other: Entry, place: int
) -> None:
    index = place % (len(log) - 1)
    nprev = leaf(log[index - 1].data) if index else GENESIS
    data = encode(other, node=NODES[0], nseq=index + 1, nprev=nprev)
    same = data == log[index].data
    log[index] = StoredEntry(node=NODES[0], nseq=index + 1, data=data)

    report = verify(log)

    assert report.ok if same else first_failure(report) == (NODES[0], index + 2)


def renumbered(log: list[StoredEntry]) -> list[StoredEntry]:
    """Number the rows anew, as somebody would who hides a gap."""
    return [
        StoredEntry(node=entry.node, nseq=nseq, data=entry.data)
        for nseq, entry in enumerate(log, 1)
    ]


def unchanged(log: list[StoredEntry]) -> list[StoredEntry]:
    return log


hidings = st.sampled_from([renumbered, unchanged])
Hiding = Callable[[list[StoredEntry]], list[StoredEntry]]


@given(logs, places, hidings)
def test_a_deleted_entry_is_noticed_where_it_stood(
    log: list[StoredEntry], place: int, hide: Hiding
) -> None:
    index = place % (len(log) - 1)

    report = verify(hide(log[:index] + log[index + 1 :]))

    assert first_failure(report) == (NODES[0], index + (1 if hide is renumbered else 2))


@given(logs, places, hidings)
def test_a_doubled_entry_is_noticed_where_it_stands(
    log: list[StoredEntry], place: int, hide: Hiding
) -> None:
    index = place % len(log)

    report = verify(hide([*log[: index + 1], *log[index:]]))

    assert first_failure(report) == (NODES[0], index + (2 if hide is renumbered else 1))


@given(logs, entries, places, hidings)
def test_an_inserted_entry_is_noticed_at_the_one_after_it(
    log: list[StoredEntry], other: Entry, place: int, hide: Hiding
) -> None:
    index = place % len(log)
    nprev = leaf(log[index - 1].data) if index else GENESIS
    data = encode(other, node=NODES[0], nseq=index + 1, nprev=nprev)
    forged = StoredEntry(node=NODES[0], nseq=index + 1, data=data)

    report = verify(hide([*log[:index], forged, *log[index:]]))

    assert first_failure(report) == (NODES[0], index + (2 if hide is renumbered else 1))


@given(logs, places, places, hidings)
def test_swapped_entries_are_noticed_at_the_first_of_them(
    log: list[StoredEntry], one: int, two: int, hide: Hiding
) -> None:
    first, second = sorted({one % len(log), two % len(log)} | {0, 1})[-2:]
    log[first], log[second] = log[second], log[first]

    report = verify(hide(log))

    assert first_failure(report) == (NODES[0], (first if hide is renumbered else second) + 1)


@given(logs, places)
def test_a_cut_off_tail_is_noticed_with_an_expected_head_alone(
    log: list[StoredEntry], place: int
) -> None:
    head = Head(len(log), leaf(log[-1].data))
    cut = log[: place % len(log)]

    assert verify(cut).ok
    assert first_failure(verify(cut, expected_heads={NODES[0]: head})) == (NODES[0], len(cut) + 1)


@given(logs)
def test_an_entry_moved_to_another_nodes_chain_is_noticed(log: list[StoredEntry]) -> None:
    moved = [StoredEntry(node=NODES[1], nseq=entry.nseq, data=entry.data) for entry in log]

    assert first_failure(verify(moved)) == (NODES[1], 1)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_verifier_fail(data: bytes) -> None:
    assert not verify([StoredEntry(node=NODES[0], nseq=1, data=data)]).ok
