"""How long an upgrade keeps applications waiting: SQLite's stop, PostgreSQL's longest pause.

A journal is filled, and copied into the schemas of older releases. On SQLite a gateway is started
over each copy, as an upgrade does. On PostgreSQL, up to ``LAST_STOPPED`` the database is migrated
with nobody beside it; from there on a journal that knows the old schema only goes on accepting and
deciding at a fixed rate while another one opens the database.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks import machine
from benchmarks.migrate_page import page
from benchmarks.paced import spread
from benchmarks.populate import IN_USE, Filling
from benchmarks.postgres_copy import copy, drop
from benchmarks.processes import ROOT, Others, Process
from benchmarks.site import Say, Site
from benchmarks.systems import KAKEHASHI
from gateway import __version__
from gateway.domain.identifiers import NodeName
from gateway.domain.lifecycle import State
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.journal_postgres import schema as postgres
from gateway.drivers.journal_sqlite import schema as sqlite
from gateway.testing.builders import an_acceptance
from gateway.testing.contracts.journal import becomes

RESULTS: Final = ROOT / "benchmarks" / "results" / "migrations.json"
PAGE: Final = ROOT / "docs" / "reference" / "migrations.md"
STOPPED_FROM: Final = (3, 7)
"""Schemas of which every row of a table is read or written anew (4), or indexed anew (8)."""
PER_S: Final = 50.0
"""Applications a second beside the migration, each with three steps."""
_SPAN: Final = timedelta(days=30)
_AROUND_S: Final = 15.0
"""How long is measured before the migration, and how long after it."""
_LONGEST_S: Final = 3600.0
_SEALED_BYTES: Final = 3_412
"""As ``python -m benchmarks sizes`` measured."""
_LOOK_S: Final = 0.02
_LOADING: Final = ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144")
_OLDER: Final = """
CREATE TABLE schema_migrations (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL
) STRICT
"""
_TABLES: Final = """
SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
    AND name NOT IN ('schema_migrations', 'delivery_counts', 'application_groups')
    AND name IN (SELECT name FROM filled.sqlite_master)
"""
_TRIGGERS: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_COUNTED: Final = """
INSERT INTO delivery_counts (municipality, destination, state, deliveries)
SELECT municipality, destination, state, count(*) FROM deliveries GROUP BY 1, 2, 3
"""


def measure_and_keep(arguments: argparse.Namespace, say: Say) -> None:
    """Measure; print the page, or with ``--keep`` keep the figures and write it.

    Raises:
        FailedError: A gateway did not start.
    """
    began, others = time.monotonic(), Others()
    found = {
        "figures": _measure(arguments.applications or 1_000_000, say),
        "date": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "machine": machine.describe(ROOT),
        "others_cores": others.cores(),
        "seconds": time.monotonic() - began,
    }
    if not arguments.keep:
        print(page(found))
        return
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(found), "utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


def _measure(count: int, say: Say) -> dict[str, Any]:
    versions = (*STOPPED_FROM, postgres.LAST_STOPPED)
    with ExitStack() as stack:
        site = Site(stack, say)
        filled = site.embedded("filled", _paused)
        site.fill(filled, Filling(count=count, shares=IN_USE, span=_SPAN))
        journal = filled.with_name("journal.db")
        found: dict[str, Any] = {
            "count": count,
            "bytes": journal.stat().st_size,
            "latest": sqlite.shipped()[-1].version,
            "sqlite": {"latest": _upgraded(site, filled, say)},
            "stopped": {},
        }
        for version in versions:
            say(f"SQLite from schema {version}")
            older = _older(site, filled, version)
            found["sqlite"][str(version)] = _upgraded(site, older, say)
            older.with_name("journal.db").unlink()
        for version in versions:
            url = asyncio.run(copy(journal, site.postgres, "gw-1", say, version=version))
            say(f"PostgreSQL from schema {version}")
            # What was written before reaches the disk before anything is measured.
            os.sync()
            if version < postgres.LAST_STOPPED:
                found["stopped"][str(version)] = asyncio.run(_migrated(url))
            else:
                found["beside"] = asyncio.run(_migrated_beside(url, version))
            asyncio.run(drop(url))
        return found


def _paused(configuration: dict[str, Any]) -> None:
    for destination in configuration["destinations"].values():
        destination["paused"] = True


# SQLite


def _older(site: Site, filled: Path, version: int) -> Path:
    """Return a configuration whose journal holds the same, as an older release has it."""
    keys = str(filled.parent / "keys")

    def configure(configuration: dict[str, Any]) -> None:
        configuration["keys"] = {"folder": keys}
        _paused(configuration)

    config = site.embedded(f"schema-{version}", configure)
    database = sqlite3.connect(config.with_name("journal.db"), isolation_level=None)
    with closing(database):
        for setting in _LOADING:
            database.execute(f"PRAGMA {setting}")
        database.execute(_OLDER)
        for script in sqlite.shipped()[:version]:
            database.executescript(script.sql)
            row = (script.version, script.name, script.sha256)
            database.execute("INSERT INTO schema_migrations VALUES (?, ?, ?)", row)
        _copy_rows(database, filled.with_name("journal.db"))
    return config


def _copy_rows(database: sqlite3.Connection, filled: Path) -> None:
    database.execute("ATTACH ? AS filled", (str(filled),))
    # Their work has been done in what is copied.
    triggers = database.execute(_TRIGGERS).fetchall()
    for name, _ in triggers:
        database.execute(f"DROP TRIGGER {name}")
    database.execute("BEGIN")
    for (table,) in database.execute(_TABLES).fetchall():
        theirs = {row[1] for row in database.execute(f"PRAGMA filled.table_info({table})")}
        names = [row[1] for row in database.execute(f"PRAGMA main.table_info({table})")]
        columns = ", ".join(name for name in names if name in theirs)
        database.execute(
            f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM filled.{table}"  # noqa: S608 - our own names
        )
    database.execute(_COUNTED)
    database.execute("COMMIT")
    for _, statement in triggers:
        database.execute(statement)
    database.execute("DETACH filled")
    database.execute("PRAGMA journal_mode = WAL")


def _upgraded(site: Site, config: Path, say: Say) -> dict[str, float]:
    """Start a gateway over a journal, stop it, and return how long either took."""
    os.sync()
    began = time.monotonic()
    command = (KAKEHASHI, "up", "--json", "--config", str(config))
    process = Process("up", command, folder=config.parent, core=site.core)
    try:
        process.first_line(_LONGEST_S)
        start_s = time.monotonic() - began
        began = time.monotonic()
    finally:
        process.stop()
    stop_s = time.monotonic() - began
    say(f"  started in {start_s:.1f} s")
    return {"start_s": start_s, "stop_s": stop_s}


# PostgreSQL


async def _migrated(url: str) -> float:
    """Migrate with nobody beside it; return the seconds."""
    journal = PostgresJournal(url, node=NodeName("gw-2"))
    began = time.monotonic()
    await journal.open()
    spent_s = time.monotonic() - began
    await journal.close()
    return spent_s


@dataclass
class _Traffic:
    """Accepts and decides at a fixed rate, whatever becomes of what came before.

    Attributes:
        began: When each step was due, and when it was committed.
    """

    journal: PostgresJournal
    steps: list[tuple[float, float]] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            number = 0
            while not stop.is_set():
                due = began + number / PER_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                tasks.create_task(self._one(due))
                number += 1

    async def _one(self, due: float) -> None:
        made = an_acceptance()
        sealed = tuple(replace(one, sealed=os.urandom(_SEALED_BYTES)) for one in made.deliveries)
        await self.journal.accept(replace(made, deliveries=sealed))
        self.steps.append((due, time.monotonic()))
        for state in (State.QUEUED, State.SENDING, State.DELIVERED):
            due = time.monotonic()
            await self.journal.decide(sealed[0].record.id, becomes(state))
            self.steps.append((due, time.monotonic()))

    def figures(self, since: float, until: float) -> dict[str, Any]:
        """Return how long the steps took that were due between two instants, in milliseconds."""
        there = [(due, ended) for due, ended in self.steps if since <= due < until]
        commits = sorted({since, until, *(e for _, e in self.steps if since <= e < until)})
        pauses = [after - before for before, after in pairwise(commits)]
        return {
            "steps": len(there),
            "seconds": until - since,
            "took": spread([ended - due for due, ended in there]),
            "pause_ms": 1000 * max(pauses),
        }


@contextmanager
def _shipped_until(version: int) -> Iterator[None]:
    """Be an older release: it knows nothing of the scripts after ``version``."""
    shipped = postgres.shipped
    known = shipped()[:version]
    postgres.shipped = lambda: known  # what a release knows is nothing that it is told
    try:
        yield
    finally:
        postgres.shipped = shipped


async def _migrated_beside(url: str, version: int) -> dict[str, Any]:
    """Migrate while another gateway goes on; return what it noticed."""
    with _shipped_until(version):
        old = PostgresJournal(url, node=NodeName("gw-1"))
        await old.open()
    new = PostgresJournal(url, node=NodeName("gw-2"))
    seen: dict[int, float] = {}
    traffic, stop = _Traffic(old), asyncio.Event()
    running = asyncio.create_task(traffic.run(stop))
    looking = asyncio.create_task(_look(url, lambda each: seen.setdefault(each, time.monotonic())))
    began = time.monotonic()
    await asyncio.sleep(_AROUND_S)
    migrating = time.monotonic()
    await new.open()
    migrated = time.monotonic()
    await asyncio.sleep(_AROUND_S)
    stop.set()
    await running
    looking.cancel()
    await old.close()
    await new.close()
    applied = [each for each in sorted(seen) if each > version]
    ended = [migrating, *(seen[each] for each in applied)]
    return {
        "before": traffic.figures(began, migrating),
        "meanwhile": traffic.figures(migrating, migrated),
        "around": traffic.figures(migrating - 1, migrated + 1),
        "seconds": migrated - migrating,
        "scripts": {
            str(each): after - before
            for each, (before, after) in zip(applied, pairwise(ended), strict=True)
        },
    }


async def _look(url: str, saw: Callable[[int], object]) -> None:
    connection = await asyncpg.connect(url)
    while True:
        for row in await connection.fetch("SELECT version FROM schema_migrations"):
            saw(row["version"])
        await asyncio.sleep(_LOOK_S)
