"""Everything under ``home`` after acceptance: nothing in the clear but what was delivered.

The same twice, as in ``test_production_canaries.py``: as shipped, and with a seal that
hides nothing, so that the search is proved.
"""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER, as_bytes
from tests.acceptance.harness.canary import Canaries, found_below, found_in, missing, patterns
from tests.acceptance.harness.cores import HTTPSink
from tests.acceptance.harness.embedded import Embedded
from tests.acceptance.harness.front import ACCEPTED, Sent, until
from tests.acceptance.harness.landscape import ASKED, NATIVE, Landscape

UNSEALED: Final = (sys.executable, "-m", "tests.acceptance.harness.unsealed")

Found = Mapping[str, set[tuple[str, str]]]


async def test_nothing_of_an_application_is_left_in_the_clear(
    tmp_path: Path, landscape: Landscape
) -> None:
    up = Embedded(tmp_path / "up", landscape.destinations(), log_level="debug")
    try:
        _, found = await _carry_canaries(up, landscape)
    finally:
        up.program.kill()

    assert found == {}


async def test_the_search_finds_everything_when_nothing_is_sealed(
    tmp_path: Path, landscape: Landscape
) -> None:
    up = Embedded(tmp_path / "up", landscape.destinations(), log_level="debug", command=UNSEALED)
    try:
        canaries, found = await _carry_canaries(up, landscape)
    finally:
        up.program.kill()

    hits = {
        hit
        for path, hits in found.items()
        if Path(path).name.startswith("journal.db")
        for hit in hits
    }
    assert missing(canaries, hits, cut=True) == {}
    assert missing(canaries, found["tables"]) == {}


async def _carry_canaries(up: Embedded, landscape: Landscape) -> tuple[list[Canaries], Found]:
    """Deliver, refuse, park and doubt canaries; return where any of them is found."""
    since = time.time()
    canaries = [Canaries(CHILDCARE, 1), Canaries(CARE, 2), Canaries(DISASTER, 4)]
    refused = Canaries(CARE, 3)
    insured = refused.document["content"]["insured"]
    insured["my_number"] = insured["my_number"][::-1]
    for name, mode in ((ASKED, "refuse"), (NATIVE, "garbled")):
        sink = landscape.sinks[name]
        assert isinstance(sink, HTTPSink)
        sink.behave(mode, times=1)
    up.start()
    async with up.front() as front:
        for canary in canaries:
            await front.submit(Sent(as_bytes(canary.document), key=canary.key))
        status, _, _ = await front.post(Sent(as_bytes(refused.document), key=refused.key))
        assert status != ACCEPTED
    await until(lambda: asyncio.to_thread(_is_through, up), timeout_s=30, what="not delivered")
    wanted = [
        *(pattern for canary in (*canaries, refused) for pattern in patterns(canary.values)),
        *patterns({"api_key": up.api_key}),
    ]
    folder = up.home.parent
    found = await asyncio.to_thread(found_below, [folder], wanted, since=since)
    up.program.stop()
    found |= await asyncio.to_thread(found_below, [folder], wanted, since=since)
    # What is long is cut into pages in the file, but not as the database itself sees it.
    if hits := set(found_in(_dump(up.home / "journal.db"), wanted)):
        found["tables"] = hits
    return canaries, found


def _dump(journal: Path) -> bytes:
    """Return every value of every table."""
    with closing(sqlite3.connect(journal)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return b"\n".join(
            value if isinstance(value, bytes) else str(value).encode()
            for (table,) in tables
            for row in database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - its own names
            for value in row
        )


def _is_through(up: Embedded) -> bool:
    states = up.operator.states()
    return states == {"delivered": 3, "parked": 1}
