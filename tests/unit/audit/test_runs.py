"""Runs that are not those of the head are not gone on from."""

import pytest

from gateway.audit.runs import LastRun, check_ends
from gateway.domain.identifiers import NodeName
from gateway.ports.audit_log import Run


def a_run(first_index: int, node: str, first_nseq: int, length: int) -> Run:
    return Run(first_index=first_index, node=NodeName(node), first_nseq=first_nseq, length=length)


TWO = [LastRun(a_run(4, "gw-1", 3, 2), 6), LastRun(a_run(6, "gw-2", 5, 3), None)]
"""gw-1 wrote 4 entries and gw-2 7, of which the first 4 stand at the beginning of its run."""


def test_runs_of_all_entries_are_gone_on_from() -> None:
    check_ends([], 0)
    check_ends([LastRun(a_run(0, "gw-1", 1, 5), None)], 5)
    check_ends(TWO, 9)


def test_entries_that_were_removed_before_they_were_sealed_leave_a_gap_and_no_more() -> None:
    check_ends([LastRun(a_run(3, "gw-1", 6, 2), None)], 5)


@pytest.mark.parametrize(
    ("last", "size"),
    [
        ([LastRun(a_run(0, "gw-1", 1, 2), None)], 5),
        ([LastRun(a_run(0, "gw-1", 1, 7), None)], 5),
        ([LastRun(a_run(4, "gw-1", 3, 1), 6), TWO[1]], 9),
        ([LastRun(a_run(4, "gw-1", 3, 3), 6), TWO[1]], 9),
        ([LastRun(a_run(4, "gw-1", 1, 2), 6), TWO[1]], 10),
        ([TWO[0]], 9),
        ([], 5),
        (TWO, 0),
    ],
    ids=[
        "the last one shortened",
        "the last one lengthened",
        "another node's shortened",
        "another node's lengthened",
        "one of them removed",
        "a node removed",
        "all of them removed",
        "the head removed",
    ],
)
def test_runs_that_somebody_changed_are_refused(last: list[LastRun], size: int) -> None:
    with pytest.raises(ValueError, match="run"):
        check_ends(last, size)
