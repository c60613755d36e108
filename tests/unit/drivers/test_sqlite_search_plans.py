"""However many applications there are, each search goes by an index, in its order."""

from pathlib import Path

import pytest

from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_sqlite import applications
from gateway.drivers.journal_sqlite.database import open_database

_LANES = {
    "all": applications._ALL,
    "named": applications._NAMED,
    "group": applications._IN_GROUP,
    "place": applications._IN_PLACE,
    "code": applications._WITH_CODE,
    "feedback": applications._WITH_FEEDBACK,
}


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("lane", _LANES)
def test_candidates_are_read_from_an_index_in_order(tmp_path: Path, lane: str, *, descending: bool):
    connection = open_database(tmp_path / "journal.db", NodeName("gw-1"))
    query = _LANES[lane] + applications._ORDER[descending]

    names = ("municipality", "procedure", "client", "destination", "state", "code")
    parameters = dict.fromkeys((*names, "feedback", "application", "low", "high"), "")
    plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", {**parameters, "limit": 1})

    steps = [row["detail"] for row in plan]
    assert all(step.startswith("SEARCH") for step in steps), steps
