"""What a journal is made of: rows and bytes by table, what an index takes, on both footings."""

import argparse
import asyncio
import json
import sqlite3
import sys
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks import machine
from benchmarks.applications import DESTINATIONS, bodies
from benchmarks.populate import IN_USE, Filling
from benchmarks.processes import ROOT
from benchmarks.site import Say, Site
from benchmarks.sizes_page import page
from gateway import __version__
from gateway.bootstrap.log_signing import log_signing
from gateway.bootstrap.stores import open_journal, open_keys
from gateway.drivers.system_clock import SystemClock
from gateway.services.seal_log import SealLog
from gateway.settings.load import load

RESULTS: Final = ROOT / "benchmarks" / "results" / "sizes.json"
PAGE: Final = ROOT / "docs" / "reference" / "sizes.md"
_SPAN: Final = timedelta(days=30)
_SQLITE_PARTS: Final = """
SELECT coalesce(m.tbl_name, s.name) AS of, m.type = 'index' AS is_index,
    sum(s.pgsize) AS bytes
FROM dbstat s LEFT JOIN sqlite_master m ON m.name = s.name
WHERE s.aggregate = TRUE GROUP BY 1, 2
"""
_POSTGRES_PARTS: Final = """
SELECT c.relname AS of, pg_table_size(c.oid) AS rows_bytes, pg_indexes_size(c.oid) AS index_bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = current_schema()
"""


def measure_and_keep(arguments: argparse.Namespace, say: Say) -> None:
    """Measure; print the page, or with ``--keep`` keep the figures and write it.

    Raises:
        FailedError: A server did not do its work.
    """
    began = time.monotonic()
    count = arguments.applications or 100_000
    found = {
        "figures": _measure(count, say),
        "date": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "machine": machine.describe(ROOT),
        "seconds": time.monotonic() - began,
    }
    if not arguments.keep:
        print(page(found))
        return
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(found), "utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


def _measure(count: int, say: Say) -> dict[str, Any]:
    with ExitStack() as stack:
        site = Site(stack, say)
        config = site.embedded("embedded", lambda _: None)
        site.fill(config, Filling(count=count, shares=IN_USE, span=_SPAN))
        say("sealing its log")
        asyncio.run(_sealed(config))
        journal = config.with_name("journal.db")
        embedded, rows = _of_sqlite(journal)
        production = asyncio.run(_of_postgres(site.copied(config)))
        before, after = next(iter(bodies(DESTINATIONS).values()))
        with closing(sqlite3.connect(journal)) as database:
            [payload] = database.execute("SELECT avg(length(sealed)) FROM payloads").fetchone()
        return {
            "count": count,
            "body_bytes": len(before) + len("P-0000000") + len(after),
            "sealed_bytes": payload,
            "file_bytes": journal.stat().st_size,
            "rows": rows,
            "embedded": embedded,
            "production": production,
        }


async def _sealed(config: Path) -> None:
    settings = load(config)
    journal = open_journal(settings)
    await journal.open()
    seal = SealLog(
        journal=journal,
        signing=log_signing(open_keys(settings)),
        origin="kakehashi/benchmark",
        new_origin="kakehashi/benchmark",
        clock=SystemClock(),
    )
    await seal.check()
    await seal.finish()
    await journal.close()


def _of_sqlite(journal: Path) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    with closing(sqlite3.connect(journal)) as database:
        for of, is_index, size in database.execute(_SQLITE_PARTS):
            part = found.setdefault(of, {"rows": 0, "indexes": 0})
            part["indexes" if is_index else "rows"] += size
        names = [
            n for (n,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        counts = {
            name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 - our own names
            for name in names
        }
    return found, counts


async def _of_postgres(url: str) -> dict[str, dict[str, int]]:
    connection = await asyncpg.connect(url)
    parts = await connection.fetch(_POSTGRES_PARTS)
    await connection.close()
    return {row["of"]: {"rows": row["rows_bytes"], "indexes": row["index_bytes"]} for row in parts}
