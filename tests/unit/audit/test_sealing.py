"""What a sequencer makes of what it finds, and what it refuses to go on from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.audit import checkpoint, tiles
from gateway.audit.chain import GENESIS, encode, leaf
from gateway.audit.sealing import Break, Signing, seal
from gateway.audit.tree import EMPTY_ROOT, joined
from gateway.crypto import keys
from gateway.crypto.log_keys import LogKeys, verify
from gateway.domain.entry import StoredEntry
from gateway.domain.errors import LogUnusableError
from gateway.domain.identifiers import NodeName
from gateway.ports.audit_log import LogHead, Run, Seal, Unsealed
from gateway.testing.builders import NOW, an_entry

ORIGIN = "audit.example.lg.jp/kakehashi"
A, B = NodeName("gw-a"), NodeName("gw-b")
FIRST, SECOND = keys.new_signing_key(), keys.new_signing_key()
OLD, NEW = LogKeys(FIRST), LogKeys(SECOND, [keys.public_half(FIRST)])


def signing(of: LogKeys) -> Signing:
    names = tuple(f"log/{number}" for number in range(1, len(of.public) + 1))
    return Signing(names=names, public=of.public, sign=of.sign, verify=verify)


def a_chain(node: NodeName, length: int) -> list[StoredEntry]:
    last, chain = GENESIS, []
    for nseq in range(1, length + 1):
        entry = an_entry(facts={"node": "gw-b", "nprev": "0" * 64, "nseq": 1})
        data = encode(entry, node=node, nseq=nseq, nprev=last)
        chain.append(StoredEntry(node=node, nseq=nseq, data=data))
        last = leaf(data)
    return chain


def found(
    entries: Sequence[StoredEntry],
    *,
    after: Seal | None = None,
    before: Sequence[StoredEntry] = (),
    edge: dict[object, bytes] | None = None,
) -> Unsealed:
    stored = {} if after is None else dict(after.tiles)
    return Unsealed(
        head=None if after is None else after.head,
        edge=stored if edge is None else edge,  # type: ignore[arg-type]
        before={entry.node: entry for entry in before},
        entries=entries,
    )


def sealed(what: Unsealed, of: LogKeys = OLD) -> tuple[Seal, tuple[Break, ...]]:
    done = seal(what, signing=signing(of), origin=ORIGIN, at=NOW)
    return done.seal, done.breaks


def test_a_first_batch_becomes_runs_tiles_and_a_head_that_the_log_s_key_signed() -> None:
    a, b = a_chain(A, 3), a_chain(B, 2)

    first, breaks = sealed(found([a[0], b[0], b[1], a[1], a[2]]))

    assert breaks == ()
    assert first.runs == (
        Run(first_index=0, node=A, first_nseq=1, length=1),
        Run(first_index=1, node=B, first_nseq=1, length=2),
        Run(first_index=3, node=A, first_nseq=2, length=2),
    )
    assert (first.head.size, first.head.sealed_at) == (5, NOW)
    said = signing(OLD).read(first.head)
    assert (said.origin, said.size, said.root) == (ORIGIN, 5, first.head.root)
    assert tiles.root(5, first.tiles) == first.head.root


def test_a_later_batch_goes_on_from_the_head_whatever_origin_is_configured() -> None:
    chain = a_chain(A, 4)
    first, _ = sealed(found(chain[:1]))

    second = seal(
        found(chain[1:], after=first, before=chain[:1]),
        signing=signing(OLD),
        origin="another",
        at=NOW + timedelta(seconds=1),
    )

    assert second.breaks == ()
    assert second.seal.runs == (Run(first_index=1, node=A, first_nseq=2, length=3),)
    leaves = [leaf(entry.data) for entry in chain]
    assert second.seal.head.root == tiles.grow(0, {}, leaves).root
    assert signing(OLD).read(second.seal.head).origin == ORIGIN


def test_the_highest_key_signs_and_goes_on_from_what_an_earlier_one_signed() -> None:
    chain = a_chain(A, 2)
    first, _ = sealed(found(chain[:1]))

    second, _ = sealed(found(chain[1:], after=first, before=chain[:1]), NEW)

    assert signing(NEW).read(second.head).size == 2
    with pytest.raises(LogUnusableError, match="checkpoint"):
        signing(OLD).read(second.head)


@pytest.mark.parametrize("altered", ["nothing", "edit", "delete", "swap", "other node", "garbage"])
def test_a_chain_that_does_not_go_on_is_sealed_and_told(altered: str) -> None:
    chain = a_chain(A, 5)
    edited = replace(chain[1], data=chain[1].data.replace(b"gw-b", b"gw-c"))
    entries, at = {
        "nothing": (chain, []),
        "edit": ([chain[0], edited, *chain[2:]], [3]),
        "delete": ([*chain[:2], *chain[3:]], [4]),
        "swap": ([chain[0], chain[2], chain[1], *chain[3:]], [3, 2, 4]),
        "other node": ([replace(entry, node=B) for entry in chain[:1]], [1]),
        "garbage": ([*chain[:2], replace(chain[2], data=b"{}"), *chain[3:]], [3, 4]),
    }[altered]

    done, breaks = sealed(found(entries))

    assert [broken.nseq for broken in breaks] == at
    assert done.head.size == len(entries)


def test_what_was_sealed_of_a_chain_must_be_there_to_go_on_from() -> None:
    chain = a_chain(A, 3)
    first, _ = sealed(found(chain[:1]))
    rewritten = replace(chain[0], data=chain[0].data.replace(b"gw-b", b"gw-c"))

    _, lost = sealed(found(chain[1:], after=first))
    _, edited = sealed(found(chain[1:], after=first, before=[rewritten]))

    assert lost == edited == (Break(A, 2),)


def test_a_head_that_none_of_our_keys_signed_is_not_gone_on_from() -> None:
    chain = a_chain(A, 2)
    foreign, _ = sealed(found(chain[:1]), LogKeys(keys.new_signing_key()))

    with pytest.raises(LogUnusableError, match="not signed by a known key"):
        sealed(found(chain[1:], after=foreign, before=chain[:1]))


def test_a_checkpoint_of_another_head_is_not_gone_on_from() -> None:
    chain = a_chain(A, 3)
    first, _ = sealed(found(chain[:1]))
    second, _ = sealed(found(chain[1:2], after=first, before=chain[:1]))
    replayed = replace(second, head=replace(second.head, checkpoint=first.head.checkpoint))

    with pytest.raises(LogUnusableError, match="another head's"):
        sealed(found(chain[2:], after=replayed, before=chain[1:2]))


@pytest.mark.parametrize("kind", ["missing", "shorter", "changed"])
def test_tiles_that_are_not_those_of_the_head_are_not_gone_on_from(kind: str) -> None:
    chain = a_chain(A, 3)
    first, _ = sealed(found(chain[:2]))
    [(tile, data)] = first.tiles.items()
    edge = {"missing": {}, "shorter": {tile: data[32:]}, "changed": {tile: bytes(64)}}[kind]

    with pytest.raises(LogUnusableError, match="tiles"):
        sealed(found(chain[2:], after=first, before=chain[1:2], edge=edge))  # type: ignore[arg-type]


def test_a_head_that_is_no_note_is_told_as_such() -> None:
    head = LogHead(size=0, root=EMPTY_ROOT, checkpoint="checkpoint", sealed_at=NOW)

    with pytest.raises(LogUnusableError, match="not a signed note"):
        signing(OLD).read(head)


def test_a_good_signature_under_another_log_s_name_is_none() -> None:
    root = joined([leaf(b"x")])
    text = checkpoint.Checkpoint(ORIGIN, 1, root).text()
    line = seal(found(a_chain(A, 1)), signing=signing(OLD), origin="other", at=NOW)
    signature = line.seal.head.checkpoint.split("\n\n")[1]
    head = LogHead(size=1, root=root, checkpoint=f"{text}\n{signature}", sealed_at=NOW)

    with pytest.raises(LogUnusableError):
        signing(OLD).read(head)
