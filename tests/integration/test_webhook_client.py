"""What a real endpoint can do to the gateway that posts a webhook to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme
from aiohttp import web

from gateway.drivers import webhook_client
from gateway.drivers.webhook_client import WebhookClient
from gateway.ports.webhooks import PostAnswer
from gateway.testing.ports import held_ports

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start an endpoint and return its URL."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler, *, tls: ssl.SSLContext | None = None) -> str:
            app = web.Application()
            app.router.add_route("*", "/{tail:.*}", handler)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
            return f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}/hooks"

        yield start


@pytest.fixture
async def client() -> AsyncIterator[WebhookClient]:
    client = WebhookClient()
    yield client
    await client.close()
    await client.close()


def answers(status: int, **headers: str) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, headers=named)

    return answer


async def post(client: WebhookClient, url: str) -> PostAnswer:
    return await client.post(url, b'{"a": 1}', {"webhook-id": "id-1"})


async def test_body_and_headers_arrive_as_they_were_given(
    client: WebhookClient, serve: Serve
) -> None:
    seen: list[tuple[str, bytes, str]] = []

    async def note(request: web.Request) -> web.Response:
        seen.append((request.method, await request.read(), request.headers["webhook-id"]))
        return web.Response(status=202)

    answer = await post(client, await serve(note))

    assert answer == PostAnswer(status=202, code=None)
    assert seen == [("POST", b'{"a": 1}', "id-1")]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, None),
        (204, None),
        (400, "webhook.refused"),
        (401, "webhook.refused"),
        (408, "webhook.timeout"),
        (410, "webhook.gone"),
        (429, "webhook.busy"),
        (500, "webhook.failed"),
        (503, "webhook.busy"),
    ],
)
async def test_each_status_has_a_meaning(
    client: WebhookClient, serve: Serve, status: int, code: str | None
) -> None:
    assert await post(client, await serve(answers(status))) == PostAnswer(status=status, code=code)


async def test_a_redirect_is_not_followed(client: WebhookClient, serve: Serve) -> None:
    visits: list[str] = []

    async def inside(request: web.Request) -> web.Response:
        visits.append(request.path)
        return web.Response()

    elsewhere = await serve(inside)
    for status in (301, 302, 303, 307, 308):
        answer = await post(client, await serve(answers(status, Location=elsewhere)))
        assert answer == PostAnswer(status=status, code="webhook.redirected")

    assert visits == []


@pytest.mark.parametrize(
    ("value", "least_s", "most_s"),
    [
        ("120", 120, 120),
        ("0", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("9" * 400, 1e8, 1e10),
    ],
)
async def test_retry_after_is_read_whatever_it_says(
    client: WebhookClient, serve: Serve, value: str, least_s: float, most_s: float
) -> None:
    answer = await post(client, await serve(answers(503, Retry_After=value)))

    assert answer.retry_after_s is not None
    assert least_s <= answer.retry_after_s <= most_s


async def test_retry_after_may_be_a_date(client: WebhookClient, serve: Serve) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)

    answer = await post(client, await serve(answers(503, Retry_After=later)))

    assert answer.retry_after_s is not None
    assert 7000 <= answer.retry_after_s <= 7200


@pytest.mark.parametrize("value", ["soon", "-1", "１２０", "1.5", ""])
async def test_a_retry_after_that_cannot_be_read_says_nothing(
    client: WebhookClient, serve: Serve, value: str
) -> None:
    answer = await post(client, await serve(answers(429, Retry_After=value)))

    assert answer == PostAnswer(status=429, code="webhook.busy")


async def test_an_endless_answer_is_not_read(client: WebhookClient, serve: Serve) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(65_536))

    async with asyncio.timeout(5):
        assert (await post(client, await serve(flood))).code is None


async def test_an_endpoint_that_never_answers_is_given_up(
    client: WebhookClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_client, "_TOTAL_S", 0.1)

    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        raise AssertionError

    assert await post(client, await serve(hang)) == PostAnswer(status=None, code="webhook.timeout")


async def test_nobody_there_is_unreachable(client: WebhookClient) -> None:
    [port] = held_ports(1)

    answer = await post(client, f"http://127.0.0.1:{port}/hooks")

    assert answer == PostAnswer(status=None, code="webhook.unreachable")


async def test_what_is_not_http_is_unreachable(client: WebhookClient) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await post(client, f"http://127.0.0.1:{port}/hooks")

    assert answer == PostAnswer(status=None, code="webhook.unreachable")


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    client: WebhookClient, serve: Serve
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    answer = await post(client, await serve(answers(200), tls=context))

    assert answer == PostAnswer(status=None, code="webhook.tls")


async def test_proxies_and_cookies_of_the_surroundings_are_not_used(
    client: WebhookClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookies: list[str | None] = []

    async def bake(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    url = (await serve(bake)).replace("127.0.0.1", "localhost")

    assert [(await post(client, url)).code for _ in range(2)] == [None, None]
    assert cookies == [None, None]
