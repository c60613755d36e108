"""The tree is RFC 6962's, however it is computed, and a proof proves one thing only."""

import hashlib
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.audit.tiles import (
    consistency_path,
    edge_of,
    grow,
    inclusion_path,
    parse_path,
    path,
    root,
    tiles_for_consistency,
    tiles_for_inclusion,
    width_at,
)
from gateway.audit.tree import (
    EMPTY_ROOT,
    MAX_SIZE,
    Frontier,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)
from gateway.ports.audit_log import TileId

LARGEST = 1100
LEAVES = [leaf_hash(b"entry %d" % index) for index in range(LARGEST)]

sizes = st.integers(1, LARGEST)


@cache
def mth(start: int, end: int) -> bytes:
    """RFC 6962, 2.1, word for word."""
    n = end - start
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + b"entry %d" % start).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return hashlib.sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()


def audit_path(m: int, start: int, end: int) -> list[bytes]:
    """RFC 6962, 2.1.1: PATH(m, D[start:end])."""
    n = end - start
    if n == 1:
        return []
    k = 1
    while k * 2 < n:
        k *= 2
    if m < k:
        return [*audit_path(m, start, start + k), mth(start + k, end)]
    return [*audit_path(m - k, start + k, end), mth(start, start + k)]


def subproof(m: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    """RFC 6962, 2.1.2: SUBPROOF(m, D[start:end], whole)."""
    n = end - start
    if m == n:
        return [] if whole else [mth(start, end)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*subproof(m, start, start + k, whole=whole), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, whole=False), mth(start, start + k)]


@cache
def tiles_at(size: int) -> dict[TileId, bytes]:
    return dict(grow(0, {}, LEAVES[:size]).tiles)


def flips(hashes: tuple[bytes, ...], bit: int) -> Iterator[tuple[bytes, ...]]:
    """Each of the hashes changed in one bit, the others as they are."""
    for place, value in enumerate(hashes):
        changed = (int.from_bytes(value) ^ (1 << bit)).to_bytes(32)
        yield (*hashes[:place], changed, *hashes[place + 1 :])


def test_every_size_has_the_root_of_the_standard() -> None:
    frontier, size = Frontier(), 0
    tiles: dict[TileId, bytes] = {}
    assert frontier.root() == root(0, {}) == mth(0, 0)

    for leaf in LEAVES:
        frontier.append(leaf)
        grown = grow(size, tiles, [leaf])
        tiles.update(grown.tiles)
        size = grown.size

        assert frontier.root() == grown.root == root(size, tiles) == mth(0, size)
    assert tiles == tiles_at(LARGEST)


@given(st.lists(st.integers(0, 400), max_size=8))
def test_growing_in_batches_is_growing_at_once(batches: list[int]) -> None:
    size, stored = 0, dict[TileId, bytes]()
    for count in batches:
        taken = LEAVES[size : size + count]
        edge = {tile: stored[tile] for tile in edge_of(size)}

        grown = grow(size, edge, taken)

        stored.update(grown.tiles)
        size += len(taken)
        assert grown.size == size
        assert grown.root == mth(0, size)
    assert stored == (tiles_at(size) if size else {})


@given(sizes)
def test_the_tiles_are_those_of_the_standard(size: int) -> None:
    tiles = tiles_at(size)

    assert tiles.keys() == {
        TileId(level, position)
        for level in range(3)
        for position in range((size // 256**level + 255) // 256)
    }
    for tile, data in tiles.items():
        span = 256**tile.level
        assert len(data) == 32 * width_at(tile, size)
        for at in range(0, len(data), 32):
            first = (tile.position * 256 + at // 32) * span
            assert data[at : at + 32] == mth(first, first + span)


@given(sizes)
def test_a_frontier_goes_on_from_its_hashes(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[: size - 1]:
        frontier.append(leaf)

    resumed = Frontier(size - 1, frontier.hashes)
    resumed.append(LEAVES[size - 1])

    assert resumed.root() == mth(0, size)
    with pytest.raises(ValueError, match="edge"):
        Frontier(size, (*resumed.hashes, EMPTY_ROOT))


@given(sizes, st.data(), st.integers(0, 255))
def test_an_inclusion_proof_proves_one_entry_at_one_place(
    size: int, data: st.DataObject, bit: int
) -> None:
    index = data.draw(st.integers(0, size - 1))
    stored = tiles_at(data.draw(st.integers(size, LARGEST)))
    proof = inclusion_path(
        index, size, {tile: stored[tile] for tile in tiles_for_inclusion(index, size)}
    )

    assert list(proof) == audit_path(index, 0, size)
    verify_inclusion(index, size, LEAVES[index], proof, mth(0, size))
    for leaf, *rest in flips((LEAVES[index], *proof), bit):
        with pytest.raises(ValueError, match="does not lead"):
            verify_inclusion(index, size, leaf, rest, mth(0, size))
    other = data.draw(st.integers(0, size))
    if other != index:
        with pytest.raises(ValueError, match=r"proof|no such entry"):
            verify_inclusion(other, size, LEAVES[index], proof, mth(0, size))
    for wrong in (proof[1:], (*proof, EMPTY_ROOT), proof[:-1]):
        if wrong != proof:
            with pytest.raises(ValueError, match="too"):
                root_from_inclusion(index, size, LEAVES[index], wrong)


@given(sizes, st.data(), st.integers(0, 255))
def test_a_consistency_proof_proves_one_growth(size: int, data: st.DataObject, bit: int) -> None:
    old = data.draw(st.integers(0, size))
    stored = tiles_at(data.draw(st.integers(size, LARGEST)))
    proof = consistency_path(
        old, size, {tile: stored[tile] for tile in tiles_for_consistency(old, size)}
    )

    assert list(proof) == (subproof(old, 0, size, whole=True) if old else [])
    verify_consistency(old, size, mth(0, old), mth(0, size), proof)
    for before, after, *rest in flips((mth(0, old), mth(0, size), *proof), bit):
        if old == 0 and before == EMPTY_ROOT:
            continue  # Every log begins with the empty one.
        with pytest.raises(ValueError, match=r"does not lead|do not agree"):
            verify_consistency(old, size, before, after, rest)
    for wrong in (proof[1:], (*proof, EMPTY_ROOT), proof[:-1]):
        if wrong != proof:
            with pytest.raises(ValueError, match=r"too|does not lead"):
                verify_consistency(old, size, mth(0, old), mth(0, size), wrong)


@given(st.integers(2, LARGEST), st.data())
def test_a_log_that_lost_an_entry_did_not_grow(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    dropped = data.draw(st.integers(0, old - 1))
    leaves = LEAVES[:dropped] + LEAVES[dropped + 1 : size]
    grown = grow(0, {}, leaves)
    assume(old < grown.size)

    proof = consistency_path(old, grown.size, grown.tiles)

    with pytest.raises(ValueError, match="does not lead"):
        verify_consistency(old, grown.size, mth(0, old), grown.root, proof)


@given(
    st.integers(-1, MAX_SIZE + 1),
    st.integers(-1, MAX_SIZE + 1),
    st.lists(st.binary(min_size=31, max_size=32), max_size=70),
)
def test_a_hostile_proof_is_refused_in_words(one: int, two: int, hashes: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        verify_inclusion(one, two, LEAVES[0], hashes, LEAVES[1])
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        verify_consistency(one, two, LEAVES[0], LEAVES[1], hashes)


@given(st.integers(0, 63), st.integers(0, MAX_SIZE), st.integers(1, 256))
def test_a_tile_s_path_leads_back_to_it(level: int, position: int, width: int) -> None:
    assert parse_path(path(level, position, width)) == (TileId(level, position), width)


@given(
    st.text(max_size=60) | st.from_regex(r"\Atile/\d{1,3}/(x?\d{2,4}/){0,8}\d{2,4}(\.p/\d{1,4})?\Z")
)
def test_a_path_is_read_or_refused(text: str) -> None:
    try:
        tile, width = parse_path(text)
    except ValueError:
        return
    assert path(tile.level, tile.position, width) == text


@given(sizes, st.data())
def test_tiles_that_do_not_fit_are_refused_in_words(size: int, data: st.DataObject) -> None:
    edge = {tile: tiles_at(size)[tile] for tile in edge_of(size)}
    if not edge:
        return
    tile = data.draw(st.sampled_from(sorted(edge)))
    bad = {**edge, tile: data.draw(st.binary(max_size=100))}
    missing = {each: edge[each] for each in edge if each != tile}

    for wrong in (bad, missing):
        if len(wrong.get(tile, b"")) != len(edge[tile]):
            with pytest.raises(ValueError, match="a tile"):
                grow(size, wrong, LEAVES[:1])
    with pytest.raises(ValueError, match="a tile is missing"):
        root(size, missing)


def test_a_node_is_not_a_leaf() -> None:
    assert node_hash(EMPTY_ROOT, EMPTY_ROOT) != leaf_hash(EMPTY_ROOT * 2)
