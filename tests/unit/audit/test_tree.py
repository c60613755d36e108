"""The tree's hashes are those that Certificate Transparency's reference code tests."""

import pytest

from gateway.audit.tree import (
    EMPTY_ROOT,
    MAX_SIZE,
    Frontier,
    consistency_subtrees,
    inclusion_subtrees,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)  # fmt: skip
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_reference_inputs_have_the_reference_roots(size: int) -> None:
    frontier = Frontier()

    for entry in ENTRIES[:size]:
        frontier.append(leaf_hash(bytes.fromhex(entry)))

    assert (frontier.size, frontier.root().hex()) == (size, ROOTS[size])


def test_a_proof_at_a_million_entries_has_twenty_hashes() -> None:
    assert len(inclusion_subtrees(0, 1_000_000)) == 20


def test_the_largest_log_can_be_proven() -> None:
    assert len(inclusion_subtrees(0, MAX_SIZE)) == 63


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (1, 1), (0, 0), (0, MAX_SIZE + 1)])
def test_an_entry_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such entry"):
        inclusion_subtrees(index, size)


@pytest.mark.parametrize(("old", "new"), [(-1, 1), (2, 1), (0, MAX_SIZE + 1)])
def test_a_log_does_not_shrink(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="did not grow"):
        consistency_subtrees(old, new)
    with pytest.raises(ValueError, match="did not grow"):
        verify_consistency(old, new, EMPTY_ROOT, EMPTY_ROOT, ())


def test_a_log_that_did_not_grow_needs_the_same_root() -> None:
    with pytest.raises(ValueError, match="do not agree"):
        verify_consistency(3, 3, bytes.fromhex(ROOTS[3]), bytes.fromhex(ROOTS[4]), ())


def test_a_byte_cannot_move_from_one_hash_to_the_next() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    root = node_hash(left, right)
    verify_inclusion(0, 2, left, [right], root)
    verify_consistency(1, 2, left, root, [right])

    shorter, longer = left[:-1], left[-1:] + right

    assert node_hash(shorter, longer) == root
    with pytest.raises(ValueError, match="32 bytes"):
        verify_inclusion(0, 2, shorter, [longer], root)
    with pytest.raises(ValueError, match="32 bytes"):
        verify_consistency(1, 2, shorter, root, [longer])
