"""However many applications there are, each search goes by an index, in its order."""

from pathlib import Path

import pytest

from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_sqlite import changes, finding
from gateway.drivers.journal_sqlite.database import open_database

_LANES = {
    "all": finding._ALL,
    "named": finding._NAMED,
    "group": finding._IN_GROUP,
    "place": finding._IN_PLACE,
    "code": finding._WITH_CODE,
    "feedback": finding._WITH_FEEDBACK,
}


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("lane", _LANES)
def test_candidates_are_read_from_an_index_in_order(tmp_path: Path, lane: str, *, descending: bool):
    connection = open_database(tmp_path / "journal.db", NodeName("gw-1"))
    query = _LANES[lane] + finding._ORDER[descending]

    names = ("municipality", "procedure", "client", "destination", "state", "code")
    parameters = dict.fromkeys((*names, "feedback", "application", "low", "high"), "")
    plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", {**parameters, "limit": 1})

    steps = [row["detail"] for row in plan]
    assert all(step.startswith("SEARCH") for step in steps), steps


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("statement", [changes._WINDOW_ENDS, changes._IN_WINDOW])
def test_changes_are_read_from_their_index_in_order(
    tmp_path: Path, statement: str, *, descending: bool
):
    connection = open_database(tmp_path / "journal.db", NodeName("gw-1"))
    query = statement.format(**changes._DIRECTIONS[descending], condition="")

    names = ("at", "application", "end_at", "end_application", "earliest", "low", "high")
    parameters = {**dict.fromkeys(names, ""), "looked_at": 1, "limit": 1}
    plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", parameters)

    steps = [row["detail"] for row in plan]
    assert steps[0].startswith("SEARCH d USING COVERING INDEX deliveries_by_change ("), steps
    assert not any(step.startswith("SCAN") for step in steps), steps
    assert not any("ORDER BY" in step for step in steps), steps
