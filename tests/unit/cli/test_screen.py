"""What comes from elsewhere commands no terminal."""

import io
import json
from contextlib import redirect_stdout

from rich.text import Text

from gateway.cli import screen

SAID = "down\x1b]0;owned\x07\x9b31m\u202egnorw\r"


def shown(renderable: object) -> str:
    with redirect_stdout(io.StringIO()) as written:
        screen.Terminal().print(renderable)
    return written.getvalue()


def test_a_text_for_people_has_commands_spelt_out_wherever_it_stands() -> None:
    table = screen.table("destination")
    table.add_row(Text(SAID))

    for text in (shown(SAID), shown(Text(SAID)), shown(table), shown(screen.fields([("a", SAID)]))):
        assert not set("\x1b\x07\x9b\u202e\r") & set(text)
        assert "down\\u001b]0;owned" in text


def test_japanese_is_as_it_was_and_lines_stay_lines() -> None:
    assert shown(Text("児童手当\u3000髙﨑\n続き\t終")).replace("\t", " ").split() == [
        "児童手当",
        "髙﨑",
        "続き",
        "終",
    ]


def test_a_document_for_machines_stays_the_same_document() -> None:
    with redirect_stdout(io.StringIO()) as written:
        screen.print_json({"said": SAID, "line": "a\nb"})

    assert json.loads(written.getvalue()) == {"said": SAID, "line": "a\nb"}
    assert not set("\x1b\x07\x9b\u202e\r") & set(written.getvalue())
