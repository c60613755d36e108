"""What a release adds to the journal leaves in peace what the one before reads and writes."""

import re

import pytest

from gateway.drivers.journal_postgres import beside
from gateway.drivers.journal_postgres import schema as postgres
from gateway.drivers.journal_sqlite import schema as sqlite

FORBIDDEN = {
    "drops a table": r"DROP TABLE",
    "drops a column": r"DROP COLUMN",
    "renames": r"ALTER TABLE \S+ RENAME",
    "adds a column that older releases leave empty": (
        r"ADD COLUMN [^,;]*NOT NULL(?![^,;]*DEFAULT)[^,;]*"
    ),
    "changes a column": r"ALTER COLUMN|SET NOT NULL|(?<!FOR )ALTER TABLE \S+ ADD CONSTRAINT",
    "drops an index": r"DROP INDEX",
    "rewrites rows": r"(?m)^(?:UPDATE|DELETE FROM) \w+",
}
ALLOWED = {
    ("sqlite", 2, "drops an index"): "made again in the same script, with another condition",
    ("sqlite", 3, "drops an index"): "another takes its place",
    ("sqlite", 4, "drops a table"): "a temporary one",
    ("sqlite", 4, "rewrites rows"): "one process only has the file, and it is stopped",
    ("sqlite", 8, "drops an index"): "another takes its place",
    ("sqlite", 8, "rewrites rows"): "one process only has the file, and it is stopped",
    ("postgres", 2, "drops an index"): "gateways are stopped for it (LAST_STOPPED)",
    ("postgres", 3, "drops an index"): "gateways are stopped for it (LAST_STOPPED)",
    ("postgres", 4, "changes a column"): "gateways are stopped for it (LAST_STOPPED)",
    ("postgres", 5, "changes a column"): "gateways are stopped for it (LAST_STOPPED)",
    ("postgres", 8, "drops an index"): "gateways are stopped for it (LAST_STOPPED)",
    ("postgres", 8, "rewrites rows"): "gateways are stopped for it (LAST_STOPPED)",
}


def bare(sql: str) -> str:
    """Return a script without its comments and the bodies of its triggers."""
    without_comments = re.sub(r"--[^\n]*", "", sql)
    without_functions = re.sub(r"\$\$.*?\$\$", "", without_comments, flags=re.DOTALL)
    return re.sub(r"\bBEGIN\b.*?\bEND;", "", without_functions, flags=re.DOTALL)


def found(sql: str) -> set[str]:
    return {what for what, pattern in FORBIDDEN.items() if re.search(pattern, bare(sql))}


def test_migrations_take_nothing_away() -> None:
    seen = {
        (journal, script.version, what)
        for journal, module in (("sqlite", sqlite), ("postgres", postgres))
        for script in module.shipped()
        if script.version > 1
        for what in found(script.sql)
    }

    assert seen == ALLOWED.keys()


def test_indexes_of_tables_in_use_grow_beside_the_gateways() -> None:
    seen = []
    for script in postgres.shipped()[postgres.LAST_STOPPED :]:
        indexes, rest = beside.growing(script.sql)
        seen += [index.name for index in indexes]
        made = set(re.findall(r"CREATE TABLE (\w+)", rest))
        assert set(re.findall(r"\bINDEX \w+\s+ON (\w+)", rest)) <= made, script.name
        for index in indexes:
            # An index is made first: what it is of must be there by then.
            assert not re.search(rf"ALTER TABLE {index.table}\b", rest), script.name

    assert {"applications_supersedes", "webhooks_feedback"} <= set(seen)


def test_a_script_is_taken_apart_into_indexes_and_all_else() -> None:
    sql = """-- Says why.
CREATE TABLE more (id uuid);
CREATE INDEX more_ids ON more (id);
CREATE UNIQUE INDEX deliveries_more
    ON deliveries (more) WHERE more IS NOT NULL;
CREATE INDEX CONCURRENTLY feedback_more ON feedback (more);
"""

    indexes, rest = beside.growing(sql)

    assert "\n".join(each.statement for each in indexes) == (
        "CREATE UNIQUE INDEX CONCURRENTLY deliveries_more\n"
        "    ON deliveries (more) WHERE more IS NOT NULL;\n"
        "CREATE INDEX CONCURRENTLY feedback_more ON feedback (more);"
    )
    assert rest == "CREATE TABLE more (id uuid);\nCREATE INDEX more_ids ON more (id);"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DROP TABLE deliveries;", "drops a table"),
        ("ALTER TABLE deliveries DROP COLUMN code;", "drops a column"),
        ("ALTER TABLE deliveries RENAME COLUMN code TO reason;", "renames"),
        (
            "ALTER TABLE deliveries ADD COLUMN who text NOT NULL;",
            "adds a column that older releases leave empty",
        ),
        ("ALTER TABLE deliveries ALTER COLUMN code TYPE bytea;", "changes a column"),
        ("UPDATE deliveries SET code = NULL;", "rewrites rows"),
    ],
)
def test_what_takes_something_away_is_found(sql: str, what: str) -> None:
    assert found(f"-- A word first.\n{sql}") == {what}


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE deliveries ADD COLUMN who text;",
        "ALTER TABLE heartbeats ADD COLUMN a timestamptz, ADD COLUMN b text NOT NULL DEFAULT '';",
        "CREATE TABLE more (id text NOT NULL); -- DROP TABLE is what a comment says",
    ],
)
def test_what_only_adds_is_let_pass(sql: str) -> None:
    assert found(sql) == set()
