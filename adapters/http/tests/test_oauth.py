import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from pydantic import ValidationError

from adapters.http import HTTPConfig, HTTPDestination
from adapters.http.oauth import CONFIGURATION_FAULTS
from gateway.sdk import (
    Application,
    ConfigError,
    Delivery,
    DestinationUnavailableError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.testing.cores.token_endpoint import TokenEndpoint

CLIENT = "0Gateway0Kakehashi0Client0000001"
SECRET = "kagi+no:himitsu/%20-&=0123456789abcdef"
SCOPE = "031:app_submit/v10/jutogaishaatenabangofuban:Create"
KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(20)]
WAYS = ["client_secret_jwt", "client_secret_basic", "client_secret_post"]

Open = Callable[..., Awaitable[HTTPDestination]]
Build = Callable[..., Application]
Deliver = Callable[..., Delivery]


class Guarded:
    """A core system that wants a token, and its token endpoint."""

    def __init__(self) -> None:
        self.tokens = TokenEndpoint(CLIENT, SECRET)
        self.tokens.scopes = frozenset({SCOPE})
        self.taken: list[str] = []
        self.refused = 0
        self.refuses_all = False
        self.takes_all = False
        self.base = ""

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        is_good = self.tokens.accepts(request.headers.get("Authorization"))
        if self.refuses_all or not (self.takes_all or is_good):
            self.refused += 1
            return web.Response(status=401)
        self.taken.append(request.headers.get("Idempotency-Key", "-"))
        return web.json_response({"reference": f"整{len(self.taken):03}"})

    def config(self, **oauth: Any) -> dict[str, Any]:
        given = {
            "token_url": f"{self.base}/token",
            "client_id": CLIENT,
            "client_secret": SECRET,
            **oauth,
        }
        return {
            "url": f"{self.base}/applications",
            "lookup_url": f"{self.base}/applications/{{key}}",
            "oauth": {name: value for name, value in given.items() if value is not None},
        }


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    one = Guarded()
    app = web.Application()
    app.add_routes(
        [
            web.post("/token", one.tokens.handle),
            web.post("/applications", one.take),
            web.get("/applications/{key}", one.take),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    one.tokens.audience = f"{one.base}/token"
    yield one
    await runner.cleanup()


@pytest.mark.parametrize("way", WAYS)
async def test_a_token_is_got_once_and_used_for_every_delivery(
    way: str, guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**guarded.config(client_authentication=way, scope=SCOPE))

    for key in KEYS[:3]:
        await destination.send(application(), delivery(idempotency_key=key))

    assert guarded.taken == KEYS[:3]
    assert guarded.tokens.seen == [way]


async def test_an_assertion_says_who_for_whom_and_until_when(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    guarded.tokens.audience = "https://as.example.jp/"
    config = guarded.config(audience="https://as.example.jp/", assertion_lifetime_s=90)
    destination = await opened(**config)

    await destination.send(application(), delivery())

    [claims] = guarded.tokens.assertions
    assert claims["iss"] == claims["sub"] == CLIENT
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 90


async def test_a_token_is_exchanged_before_it_expires_and_not_before_half_its_time(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    # Half of 0 s: each delivery fetches its own; of 600 s and 30 s: none does.
    destination = await opened(**guarded.config())
    guarded.tokens.lifetime_s = 0
    for _ in range(2):
        with pytest.raises(DestinationUnavailableError, match=r"http\.401"):
            await destination.send(application(), delivery())
    fetched = len(guarded.tokens.seen)
    guarded.tokens.lifetime_s = 600

    for _ in range(3):
        await destination.send(application(), delivery())

    assert fetched == 4  # each with its one refresh
    assert len(guarded.tokens.seen) == fetched + 1


async def test_many_deliveries_at_once_wait_for_one_token(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    guarded.tokens.pause_s = 0.1
    destination = await opened(**guarded.config())

    await asyncio.gather(
        *(destination.send(application(), delivery(idempotency_key=key)) for key in KEYS)
    )

    assert sorted(guarded.taken) == KEYS
    assert len(guarded.tokens.seen) == 1


async def test_many_deliveries_at_once_share_the_failure_to_get_a_token(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    guarded.tokens.pause_s = 0.1
    guarded.tokens.answer_with(lambda _: web.Response(status=502))
    destination = await opened(**guarded.config())

    results = await asyncio.gather(
        *(destination.send(application(), delivery(idempotency_key=key)) for key in KEYS),
        return_exceptions=True,
    )

    assert {type(result) for result in results} == {DestinationUnavailableError}
    assert len(guarded.tokens.seen) == 1


async def test_one_that_is_cancelled_leaves_the_token_to_those_who_wait(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    guarded.tokens.pause_s = 0.2
    destination = await opened(**guarded.config())
    first = asyncio.create_task(destination.send(application(), delivery()))
    while not guarded.tokens.seen:  # noqa: ASYNC110 - the endpoint tells nobody
        await asyncio.sleep(0.01)
    second = asyncio.create_task(destination.send(application(), delivery(idempotency_key=KEYS[2])))
    await asyncio.sleep(0)

    first.cancel()

    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await second).reference is None
    assert guarded.taken == [KEYS[2]]


async def test_a_token_that_was_revoked_is_exchanged_once_before_the_application_is_taken(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**guarded.config())
    await destination.send(application(), delivery(idempotency_key=KEYS[0]))
    guarded.tokens.revoke_all()

    await asyncio.gather(
        *(destination.send(application(), delivery(idempotency_key=key)) for key in KEYS[1:])
    )

    assert sorted(guarded.taken) == KEYS
    assert guarded.tokens.granted == 2


async def test_a_core_system_that_refuses_every_token_is_asked_twice_and_no_more(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    guarded.refuses_all = True
    destination = await opened(**guarded.config())

    with pytest.raises(DestinationUnavailableError, match=r"http\.401"):
        await destination.send(application(), delivery())

    assert guarded.refused == 2
    assert len(guarded.tokens.seen) == 2


async def test_where_a_401_may_have_had_an_effect_it_is_not_sent_again(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    guarded.refuses_all = True
    destination = await opened(**guarded.config(), status_meanings={401: "unknown"})

    with pytest.raises(UnknownOutcomeError):
        await destination.send(application(), delivery())

    assert guarded.refused == 1


async def test_a_lookup_has_a_token_too(guarded: Guarded, opened: Open) -> None:
    destination = await opened(**guarded.config())

    assert await destination.lookup(KEYS[0]) is not None
    guarded.tokens.revoke_all()
    assert await destination.lookup(KEYS[0]) is not None


def answer(status: int, body: object = None, **headers: str) -> Callable[[Any], web.Response]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: web.json_response(body, status=status, headers=names)


def a_token(**over: object) -> dict[str, object]:
    return {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 600, **over}


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


FAILURES: dict[str, tuple[Callable[[Any], web.Response], type[Exception], str]] = {
    "429": (answer(429, Retry_After="7"), ThrottledError, "oauth.429"),
    "503 with a time": (answer(503, Retry_After="7"), ThrottledError, "oauth.503"),
    "503": (answer(503), DestinationUnavailableError, "oauth.503"),
    "500 in HTML": (
        lambda _: web.Response(status=500, text="<html>", content_type="text/html"),
        DestinationUnavailableError,
        "oauth.500",
    ),
    "redirect": (answer(302, Location="/"), DestinationUnavailableError, "oauth.302"),
    "invalid_client": (
        answer(401, {"error": "invalid_client", "error_description": SECRET}),
        DestinationUnavailableError,
        "oauth.invalid_client",
    ),
    "an error of its own": (
        answer(400, {"error": SECRET}),
        DestinationUnavailableError,
        "oauth.400",
    ),
    "not JSON": (
        lambda _: web.Response(text="token"),
        DestinationUnavailableError,
        "oauth.answer_malformed",
    ),
    "not an object": (
        answer(200, ["t0ken"]),
        DestinationUnavailableError,
        "oauth.answer_malformed",
    ),
    "no token": (answer(200, {}), DestinationUnavailableError, "oauth.answer_malformed"),
    "a token with a line": (
        answer(200, a_token(access_token="a\r\nX: b")),
        DestinationUnavailableError,
        "oauth.answer_malformed",
    ),
    "a MAC token": (
        answer(200, a_token(token_type="mac")),
        DestinationUnavailableError,
        "oauth.token_type",
    ),
    "cut off": (_cut, DestinationUnavailableError, "oauth.answer_lost"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_without_a_token_nothing_is_sent_and_nothing_is_in_doubt(
    name: str, guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    answering, kind, reason = FAILURES[name]
    guarded.tokens.answer_with(answering)
    destination = await opened(**guarded.config())

    with pytest.raises(TransientError) as caught:
        await destination.send(application(), delivery())

    assert type(caught.value) is kind
    assert caught.value.reason == reason
    assert caught.value.retry_after_s == (7.0 if kind is ThrottledError else None)
    assert not guarded.taken
    health = await destination.check()
    assert not health.ok
    assert health.detail.endswith(reason)
    guarded.tokens.answer_with(None)
    await destination.send(application(), delivery())


@pytest.mark.parametrize("expires_in", [600, "600", None, "soon", -1, True, 1e999, "nan"])
async def test_a_token_of_unknown_life_is_used_for_a_while(
    expires_in: object, guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    body = json.dumps(a_token(expires_in=expires_in))
    guarded.tokens.answer_with(lambda _: web.Response(text=body))
    guarded.takes_all = True
    destination = await opened(**guarded.config())

    for _ in range(2):
        await destination.send(application(), delivery())

    assert len(guarded.tokens.seen) == 1


@pytest.mark.parametrize("code", sorted(CONFIGURATION_FAULTS))
async def test_what_no_waiting_mends_is_an_error_of_the_configuration_for_the_check(
    code: str, guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    guarded.tokens.answer_with(answer(400, {"error": code.removeprefix("oauth.")}))
    destination = await opened(**guarded.config())

    with pytest.raises(ConfigError, match=code):
        await destination.check()
    with pytest.raises(DestinationUnavailableError, match=code):
        await destination.send(application(), delivery())


async def test_a_scope_that_is_not_granted_is_told_in_words(guarded: Guarded, opened: Open) -> None:
    destination = await opened(**guarded.config(scope="031:elsewhere:Read"))

    with pytest.raises(ConfigError, match=r"oauth\.scope is refused"):
        await destination.check()


async def test_a_token_endpoint_that_nobody_serves_makes_it_unavailable(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**guarded.config(token_url="http://127.0.0.1:1/token"))

    with pytest.raises(DestinationUnavailableError, match=r"oauth\.not_connected"):
        await destination.send(application(), delivery())
    assert not guarded.taken


async def test_a_token_endpoint_that_is_silent_makes_it_unavailable_in_its_own_time(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver
) -> None:
    guarded.tokens.pause_s = 5
    destination = await opened(**guarded.config(timeout_s=0.2))

    with pytest.raises(DestinationUnavailableError, match=r"oauth\.answer_late"):
        await destination.send(application(), delivery())


async def test_an_exchanged_secret_is_read_from_its_file_without_a_restart(
    guarded: Guarded, opened: Open, application: Build, delivery: Deliver, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    destination = await opened(**guarded.config(client_secret=None, client_secret_file=file))
    await destination.send(application(), delivery())
    guarded.tokens.secret = SECRET[::-1]
    guarded.tokens.revoke_all()

    with pytest.raises(DestinationUnavailableError, match=r"oauth\.invalid_client"):
        await destination.send(application(), delivery())
    file.unlink()
    with pytest.raises(DestinationUnavailableError, match=r"oauth\.secret_unusable"):
        await destination.send(application(), delivery())
    file.write_text(SECRET[::-1])

    await destination.send(application(), delivery())


@pytest.mark.parametrize("content", [None, b"", b"short", b"\xff" * 40, b"two\nlines" * 9])
async def test_a_secret_file_without_a_secret_is_an_error_of_the_configuration(
    content: bytes | None, guarded: Guarded, opened: Open, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match="client_secret_file") as caught:
        await opened(**guarded.config(client_secret=None, client_secret_file=file))

    assert (
        content is None or len(content) < 6 or content.decode("latin-1") not in repr(caught.value)
    )


@pytest.mark.parametrize(
    ("over", "word"),
    [
        ({"client_secret": None}, "client_secret"),
        ({"client_secret_file": "/x"}, "one of them"),
        ({"client_secret": "short"}, "shorter than 32"),
        ({"scope": "a  b"}, "scope"),
        ({"token_url": "http://as.example.jp/token"}, r"oauth\.token_url: plain http"),
        ({"token_url": "https://a:b@as.example.jp/token"}, r"oauth\.token_url: credentials"),
    ],
)
def test_a_wrong_configuration_is_refused(over: dict[str, Any], word: str) -> None:
    one = Guarded()
    one.base = "http://127.0.0.1:1"

    with pytest.raises(ValidationError, match=word) as caught:
        HTTPConfig.model_validate(one.config(**over))

    assert SECRET not in str(caught.value)


def test_a_token_of_the_configuration_and_one_of_an_endpoint_exclude_each_other() -> None:
    one = Guarded()
    one.base = "http://127.0.0.1:1"

    with pytest.raises(ValidationError, match="not both"):
        HTTPConfig.model_validate({**one.config(), "bearer_token": "t0ken"})


async def test_secrets_and_tokens_are_in_no_error_and_no_log(
    guarded: Guarded,
    opened: Open,
    application: Build,
    delivery: Deliver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    destination = await opened(**guarded.config(client_authentication="client_secret_post"))
    said = []
    with caplog.at_level("INFO"), structlog.testing.capture_logs() as logs:
        await destination.send(application(), delivery())
        for answering in (_cut, answer(400, {"error": SECRET}), answer(200, a_token(token_type=1))):
            guarded.tokens.revoke_all()
            guarded.tokens.answer_with(answering)
            with pytest.raises(DestinationUnavailableError) as caught:
                await destination.send(application(), delivery())
            said.append(repr(caught.value) + repr(caught.value.__cause__))
    told = "".join(said) + caplog.text + str(logs) + repr(destination)

    words = [SECRET, "kagi", "t0ken", *guarded.tokens._grants]
    assert not [word for word in words if word in told]
