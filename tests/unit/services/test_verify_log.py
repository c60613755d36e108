"""The log proves itself, and says where it was altered."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.entry import Actor, ActorKind
from gateway.testing.world import World

ME = Actor(ActorKind.OPERATOR, "sato")


async def test_an_untouched_log_is_well_and_that_it_was_read_is_in_it(world: World) -> None:
    await world.accepted()

    report: Any = await world.gateway.operate.verify_log(actor=ME)

    assert report["ok"]
    assert report["failures"] == []
    assert report["nodes"]["gw-1"]["nseq"] == report["entries"]
    entry: Any = (await world.log())[-1]
    assert (entry["action"], entry["actor"]["name"]) == ("log.read", "sato")
    assert entry["facts"] == {"purpose": "verify", "ok": True, "entries": report["entries"]}


@pytest.mark.parametrize(
    ("tampering", "nseq"),
    [
        ("UPDATE entries SET data = replace(data, 'portal', 'partal') WHERE nseq = 2", 3),
        ("DELETE FROM entries WHERE nseq = 2", 3),
        ("UPDATE entries SET data = X'00' WHERE nseq = 2", 2),
    ],
    ids=["altered", "removed", "destroyed"],
)
async def test_what_was_altered_behind_our_back_is_found_at_its_place(
    tmp_path: Path, tampering: str, nseq: int
) -> None:
    async with World.make(tmp_path, paused=True) as world:
        for _ in range(4):
            await world.accepted()
        with sqlite3.connect(tmp_path / "journal.db") as connection:
            connection.create_function("replace", 3, _replace)
            for (statement,) in connection.execute(
                "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                connection.execute(statement)
            assert connection.execute(tampering).rowcount == 1
        connection.close()

        report: Any = await world.gateway.operate.verify_log(actor=ME)

    assert not report["ok"]
    [failure] = report["failures"]
    assert (failure["node"], failure["nseq"]) == ("gw-1", nseq)
    assert failure["problem"]


def _replace(data: bytes, old: str, new: str) -> bytes:
    return data.replace(old.encode(), new.encode())
