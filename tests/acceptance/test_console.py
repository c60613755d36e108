"""The console that ``kakehashi up`` starts: signed in to as printed, and gone in time."""

import http.cookiejar
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness.processes import KAKEHASHI, STOP_S, Program, ask

FREE_PORTS = ("--port", "0", "--operations-port", "0", "--json")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Program]:
    """``kakehashi up`` in an empty folder, not yet started."""
    program = Program("up", [*KAKEHASHI, "up", *FREE_PORTS], folder=tmp_path)
    yield program
    program.kill()


def browser() -> urllib.request.OpenerDirector:
    """Return something that follows redirects and keeps cookies."""
    jar = http.cookiejar.CookieJar()
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))


def test_the_printed_password_opens_the_console_and_open_pages_do_not_hold_up_its_end(
    up: Program, tmp_path: Path
) -> None:
    up.start()
    facts = json.loads(up.first_line())
    opened, console = browser(), facts["console"]
    form = {"name": facts["account"], "password": facts["password"], "then": "/"}
    data = urllib.parse.urlencode(form).encode()

    with opened.open(f"{console}/sign-in", data, timeout=30) as answer:
        page = answer.read().decode()
    assert "local としてサインイン中" in page
    # As the browser of somebody who leaves the page open.
    streams = [opened.open(f"{console}/live/overview", timeout=30) for _ in range(3)]
    assert all(stream.readline().startswith(b"data: ") for stream in streams)

    code, seconds = up.stop()

    assert code == 0, up.tail()
    assert seconds <= STOP_S
    assert facts["password"] not in (tmp_path / "up.err").read_text(encoding="utf-8")
    assert ask("account", "list", cwd=tmp_path) == []
