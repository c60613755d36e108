"""By which names the operations door is asked for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from gateway.http.ops.hosts import is_ours
from gateway.testing.operators_site import operators_site
from gateway.testing.world import World

OURS = frozenset({"gw-1.example.lg.jp"})


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("127.0.0.1:8081", True),
        ("[::1]:8081", True),
        ("10.1.2.3", True),
        ("localhost:8081", True),
        ("LOCALHOST.", True),
        ("gw-1.example.lg.jp", True),
        ("GW-1.example.lg.jp.:443", True),
        ("evil.example", False),
        ("evil.example:8081", False),
        ("gw-1.example.lg.jp.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("evil.example@127.0.0.1", False),
        ("[::1", False),
        ("127.0.0.1:8081:1", False),
        ("gw-1.example.lg.jp/evil", False),
        ("", False),
    ],
)
def test_a_name_is_ours_or_an_address(host: str, *, is_known: bool) -> None:
    assert is_ours(host, OURS) is is_known


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[str]:
    configured = {"url": "https://ops.example.lg.jp", "hosts": ["gw-1.example.lg.jp"]}
    async with (
        World.make(tmp_path, console=configured) as world,
        operators_site(world.gateway) as url,
    ):
        yield url


async def test_a_page_whose_name_leads_here_is_told_nothing(site: str) -> None:
    async with ClientSession() as session:
        for path in ("/sign-in", "/ops/v1/openapi.json", "/ops/v1/me", "/static/site.css", "/x"):
            headers = {"Host": "evil.example", "Accept-Language": "en"}
            async with session.get(site + path, headers=headers) as answer:
                assert answer.status == 421, path
                assert (await answer.json(content_type=None))["code"] == "request.misdirected"
        form = {"name": "hanako", "password": "x"}
        headers = {"Host": "evil.example", "Origin": "http://evil.example"}
        async with session.post(f"{site}/sign-in", data=form, headers=headers) as answer:
            assert answer.status == 421


@pytest.mark.parametrize(
    ("language", "said"), [("ja", "この名前では"), ("en", "does not answer to the name")]
)
async def test_people_are_told_where_its_names_are_configured_and_no_name_at_all(
    site: str, language: str, said: str
) -> None:
    headers = {"Host": "evil.example", "Accept": "text/html", "Accept-Language": language}
    async with ClientSession(headers=headers) as session:
        async with session.get(f"{site}/sign-in?x=evil.example") as answer:
            text = await answer.text()
        assert (answer.status, answer.content_type) == (421, "text/html")
        async with session.get(f"{site}/ops/v1/me") as answer:
            assert answer.content_type == "application/problem+json"
    assert said in text
    assert "console.hosts" in text
    assert "example" not in text


async def test_configured_names_are_answered_and_the_document_names_their_cookie(site: str) -> None:
    async with ClientSession() as session:
        for host in ("ops.example.lg.jp", "gw-1.example.lg.jp:8081", "localhost"):
            async with session.get(f"{site}/sign-in", headers={"Host": host}) as answer:
                assert answer.status == 200, host
        async with session.get(f"{site}/ops/v1/openapi.json") as answer:
            document = await answer.json()
    session_scheme = document["components"]["securitySchemes"]["session"]
    assert session_scheme["name"] == "__Host-kakehashi_session"
