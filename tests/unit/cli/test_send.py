import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Terminal

BODY = {"applicant": {"destination": {"municipality_code": "131016"}}}
ACCEPTED = {"id": "01a20000-0000-7000-8000-000000000000", "accepted_at": "2026-11-20T00:30:00Z"}
REFUSED = {
    "code": "application.invalid",
    "detail": "Nothing was accepted.",
    "errors": [{"pointer": "#/content", "code": "field.required", "detail": "Required."}],
}


class Door(HTTPServer):
    """Answers as it is told, and remembers what it was asked."""

    status = 202
    answer: object = ACCEPTED

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Asked(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers), body))
        raw = self.server.answer
        answer = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Idempotency-Replayed", "true")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def door(terminal: Terminal) -> Iterator[Door]:  # noqa: ARG001 - its folder
    Path("body.json").write_text(json.dumps(BODY))
    with Door() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_file_is_sent_as_it_is_to_whom_it_is_addressed(terminal: Terminal, door: Door) -> None:
    text = terminal.run("send", "body.json", "--key", "kkh_x", "--url", door.url)

    ((path, headers, body),) = door.asked
    assert path == "/v1/municipalities/131016/applications"
    assert headers["Authorization"] == "Bearer kkh_x"
    assert headers["Accept-Language"] == "en"
    assert body == Path("body.json").read_bytes()
    assert "2026-11-20 09:30:00 JST" in text
    assert "kept already" in text


def test_the_same_file_has_the_same_key_and_another_has_another(
    terminal: Terminal, door: Door
) -> None:
    Path("other.json").write_text(json.dumps({**BODY, "x": 1}))

    for name in ("body.json", "body.json", "other.json"):
        assert terminal.ask("send", name, "--key", "k", "--url", door.url) == ACCEPTED

    keys = [headers["Idempotency-Key"] for _, headers, _ in door.asked]
    assert keys[0] == keys[1] != keys[2]


def test_what_is_said_goes_before_what_is_guessed(terminal: Terminal, door: Door) -> None:
    Path("key").write_text("kkh_file\n")
    said = ("--municipality", "132012", "--idempotency-key", "mine", "--key", "@key")

    terminal.run("send", "body.json", "--url", door.url, *said)

    ((path, headers, _),) = door.asked
    assert "/132012/" in path
    assert headers["Idempotency-Key"] == "mine"
    assert headers["Authorization"] == "Bearer kkh_file"


def test_a_refusal_is_told_in_words_with_exit_code_1(terminal: Terminal, door: Door) -> None:
    door.status, door.answer = 422, REFUSED
    command = ["send", "body.json", "--key", "k", "--url", door.url]

    text = terminal.run(*command, code=1)

    assert "#/content  field.required" in text
    assert "Required." in text
    assert terminal.ask(*command, code=1) == REFUSED


def test_an_answer_of_something_else_is_not_taken_for_a_gateways(
    terminal: Terminal, door: Door
) -> None:
    door.status, door.answer = 502, b"<html>"

    text = terminal.run("send", "body.json", "--key", "k", "--url", door.url, code=3)

    assert "not a gateway's answer" in text


def test_a_door_that_does_not_answer_is_told_with_exit_code_3(
    terminal: Terminal, door: Door
) -> None:
    del door

    text = terminal.run("send", "body.json", "--key", "k", "--url", "http://127.0.0.1:1", code=3)

    assert "not accepted twice" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["body.json"], "--key"),
        (["body.json", "--key", "k", "--url", "ftp://x"], "--url"),
        (["body.json", "--key", "a\nb"], "--key"),
        (["empty.json", "--key", "k"], "--municipality"),
        (["missing.json", "--key", "k"], "missing.json"),
    ],
)
def test_what_cannot_be_sent_is_a_usage_error(
    terminal: Terminal, door: Door, words: list[str], expected: str
) -> None:
    Path("empty.json").write_text("{}")

    assert expected in terminal.run("send", *words, code=2)
    assert door.asked == []
