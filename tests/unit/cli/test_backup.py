"""``kakehashi backup``: a copy that is whole, and nothing in its way."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from gateway.ports.journal import Acceptance
from tests.unit.cli.conftest import Terminal

Keep = Callable[..., Acceptance]
Grow = Callable[[int], None]


def test_a_backup_is_one_private_file_that_holds_the_journal(
    terminal: Terminal, keep: Keep, grow: Grow
) -> None:
    keep()
    grow(3)

    done = terminal.ask("backup", "copy.db")

    with closing(sqlite3.connect("copy.db")) as copy:
        [held] = copy.execute("SELECT count(*) FROM applications").fetchone()
        [entries] = copy.execute("SELECT count(*) FROM entries").fetchone()
    assert (held, entries) == (1, done["entries"])
    assert done["size"] == done["entries"]
    assert Path("copy.db").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in Path().iterdir()) == ["copy.db", "var"]
    [entry] = terminal.ask("audit", "search", "--action", "journal.backed_up")["entries"]
    assert entry["facts"]["root"] == done["root"]


def test_a_folder_gets_a_file_with_the_time_in_its_name(terminal: Terminal, keep: Keep) -> None:
    keep()

    told = terminal.run("backup", ".")

    [copy] = Path().glob("journal-*Z.db")
    assert copy.name in told
    assert "Keys are not in it" in told


def test_a_folder_that_is_not_there_does_not_become_a_file(terminal: Terminal, keep: Keep) -> None:
    keep()

    assert "there is no such folder" in terminal.run("backup", "backups/", code=2)
    assert not Path("backups").exists()


def test_nothing_is_overwritten(terminal: Terminal, keep: Keep) -> None:
    keep()
    Path("copy.db").write_text("mine", "utf-8")
    Path("other.db.part").write_text("somebody's", "utf-8")

    assert "is there already" in terminal.run("backup", "copy.db", code=1)
    assert "is there already" in terminal.run("backup", "other.db", code=1)

    assert Path("copy.db").read_text("utf-8") == "mine"
    assert Path("other.db.part").read_text("utf-8") == "somebody's"


def test_a_copy_whose_log_is_not_what_was_signed_does_not_stay(
    terminal: Terminal, keep: Keep, grow: Grow
) -> None:
    keep()
    grow(3)
    with closing(sqlite3.connect("var/journal.db")) as journal, journal:
        journal.execute("UPDATE log_tiles SET hashes = zeroblob(length(hashes))")

    terminal.run("backup", "copy.db", code=2)

    assert [path.name for path in Path().iterdir()] == ["var"]
