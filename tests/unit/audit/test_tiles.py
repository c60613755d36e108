"""Tiles are cut and named as C2SP's specification shows."""

import pytest

from gateway.audit.tiles import edge_of, grow, inclusion_path, parse_path, path, root
from gateway.audit.tree import MAX_SIZE, leaf_hash
from gateway.ports.audit_log import TileId

LEAF = leaf_hash(b"entry")


@pytest.mark.parametrize(
    ("tile", "width", "expected"),
    [
        (TileId(0, 0), 256, "tile/0/000"),
        (TileId(0, 1_234_067), 256, "tile/0/x001/x234/067"),
        (TileId(0, 1_234_067), 8, "tile/0/x001/x234/067.p/8"),
        (TileId(12, 1000), 255, "tile/12/x001/000.p/255"),
    ],
)
def test_a_position_is_written_in_groups_of_three(tile: TileId, width: int, expected: str) -> None:
    assert path(tile.level, tile.position, width) == expected
    assert parse_path(expected) == (tile, width)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tile/0/000\n",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/0001",
        "tile/0/000.p/0",
        "tile/0/000.p/08",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/x009/x223/x372/x036/x854/x775/808",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/entries/000",
        "tile/0/\u0660\u0660\u0660",
        "../tile/0/000",
    ],
)
def test_another_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the path of a tile"):
        parse_path(text)


@pytest.mark.parametrize(
    ("level", "position", "width"),
    [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, MAX_SIZE + 1, 1), (0, 0, 0), (0, 0, 257)],
)
def test_a_tile_that_cannot_be_has_no_name(level: int, position: int, width: int) -> None:
    with pytest.raises(ValueError, match="no such tile"):
        path(level, position, width)


def test_the_tree_of_the_specification_has_its_tiles() -> None:
    grown = grow(0, {}, [LEAF] * 70_000)

    widths = {tile: len(data) // 32 for tile, data in grown.tiles.items()}
    assert {tile: width for tile, width in widths.items() if width < 256} == {
        TileId(0, 273): 112,
        TileId(1, 1): 17,
        TileId(2, 0): 1,
    }
    assert len(widths) == 273 + 1 + 1 + 1 + 1
    assert edge_of(70_000) == (TileId(0, 273), TileId(1, 1), TileId(2, 0))
    assert edge_of(256) == (TileId(1, 0),)
    assert edge_of(0) == ()


def test_only_tiles_that_changed_are_returned() -> None:
    before = grow(0, {}, [LEAF] * 300)

    after = grow(300, before.tiles, [LEAF])

    assert after.tiles == {TileId(0, 1): LEAF * 45}


def test_a_tile_that_has_grown_since_still_holds_the_older_root() -> None:
    before, after = grow(0, {}, [LEAF] * 300), grow(0, {}, [LEAF] * 301)

    assert root(300, after.tiles) == before.root
    with pytest.raises(ValueError, match="another size"):
        grow(300, after.tiles, [LEAF])


def test_nothing_is_appended_by_no_leaves() -> None:
    grown = grow(0, {}, [LEAF] * 3)

    assert grow(3, grown.tiles, []).tiles == {}
    assert grow(3, grown.tiles, []).root == grown.root


@pytest.mark.parametrize("size", [-1, MAX_SIZE + 1])
def test_a_log_has_no_impossible_size(size: int) -> None:
    with pytest.raises(ValueError, match="no log has this size"):
        grow(size, {}, [LEAF])
    with pytest.raises(ValueError, match="no log has this size"):
        root(size, {})


def test_malformed_hashes_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        grow(0, {}, [LEAF, LEAF[1:]])
    with pytest.raises(ValueError, match="not a row of hashes"):
        inclusion_path(0, 3, {TileId(0, 0): LEAF * 2 + b"\x00"})
    with pytest.raises(ValueError, match="shorter"):
        inclusion_path(0, 3, {TileId(0, 0): LEAF * 2})
