"""A process goes on where its own chain ended, and nowhere else."""

from gateway.audit.head import End, Position

FIRST, SECOND, FOREIGN = (Position(nseq, bytes([nseq]) * 32) for nseq in (1, 2, 3))


def test_what_is_read_first_is_believed_and_is_not_our_own() -> None:
    end = End()

    assert end.position is None
    assert end.read(FIRST)
    assert (end.position, end.stored) == (FIRST, None)


def test_what_was_committed_is_gone_on_from_without_reading() -> None:
    end = End()
    end.read(FIRST)

    end.reach(SECOND)

    assert (end.position, end.stored) == (SECOND, SECOND)


def test_an_end_in_doubt_is_read_and_only_what_was_known_is_taken() -> None:
    end = End()
    end.read(FIRST)
    end.doubt()

    assert end.position is None
    assert not end.read(SECOND)
    assert end.position is None
    assert end.read(FIRST)
    assert (end.position, end.stored) == (FIRST, None)


def test_a_commit_of_unknown_outcome_leaves_two_ends_to_take() -> None:
    for found, stored in ((FIRST, None), (SECOND, SECOND)):
        end = End()
        end.read(FIRST)
        end.doubt(SECOND)
        end.doubt()

        assert not end.read(FOREIGN)
        assert end.read(found)
        assert (end.position, end.stored) == (found, stored)
        end.doubt()
        assert not end.read(FIRST if found == SECOND else SECOND)
