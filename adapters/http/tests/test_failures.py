import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme

from adapters.http import HTTPConfig, HTTPDestination
from gateway.sdk import (
    Application,
    ConfigError,
    Context,
    Delivery,
    DestinationUnavailableError,
    Health,
    LooksUp,
    Receipt,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.testing.cores.http_core import Mode

KEY = "0193453a-0000-7000-8000-000000000001"
REFERENCE = {"reference_pointer": "/reference", "reference_required": True}

Open = Callable[..., Awaitable[HTTPDestination]]
Build = Callable[..., Application]
Deliver = Callable[..., Delivery]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def a_server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Run a server that treats each connection as ``talk`` does."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answering(raw: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)
        await writer.drain()

    return talk


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    length = next(
        (
            int(line[15:])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length")
        ),
        0,
    )
    return head, await reader.readexactly(length)


async def test_an_application_is_posted_with_its_key_and_comes_back_with_a_reference(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    destination = await opened(
        url=f"{core.url}/applications",
        bearer_token="s3cret",
        headers={"X-Office": "1"},
        **REFERENCE,
    )

    receipt = await destination.send(application(), delivery(traceparent=trace))

    assert receipt == Receipt(reference="整000001")
    [headers] = core.core.requests
    assert headers["idempotency-key"] == KEY
    assert headers["traceparent"] == trace
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["x-office"] == "1"
    assert headers["content-type"] == "application/json"


async def test_sent_again_it_is_the_core_system_that_ignores_the_double(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(url=f"{core.url}/applications", **REFERENCE)

    receipts = [await destination.send(application(), delivery()) for _ in range(3)]

    assert set(receipts) == {Receipt(reference="整000001")}
    assert core.arrived == 1


async def test_a_dry_run_shows_the_request_and_sends_none(
    opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(url="http://127.0.0.1:1/")

    receipt = await destination.send(application(), delivery(dry_run=True))

    assert json.loads(receipt.preview or "")["idempotency_key"] == KEY


@pytest.mark.parametrize(
    ("mode", "kind", "reason", "arrived"),
    [
        (Mode.REFUSE, RejectedError, "E0012", 0),
        (Mode.THROTTLE, ThrottledError, "http.429", 0),
        (Mode.DOWN, UnknownOutcomeError, "http.503", 0),
        (Mode.UNAUTHORISED, DestinationUnavailableError, "http.401", 0),
        (Mode.FAIL, UnknownOutcomeError, "http.500", 0),
        (Mode.FAIL_AFTER, UnknownOutcomeError, "http.500", 1),
        (Mode.CUT, UnknownOutcomeError, "http.answer_lost", 0),
        (Mode.CUT_AFTER, UnknownOutcomeError, "http.answer_lost", 1),
        (Mode.CUT_IN_ANSWER, UnknownOutcomeError, "http.answer_cut_off", 1),
        (Mode.GARBLED, UnknownOutcomeError, "http.answer_malformed", 1),
        (Mode.HUGE, UnknownOutcomeError, "http.answer_too_large", 1),
        (Mode.REDIRECT, UnknownOutcomeError, "http.302", 0),
        (Mode.NO_REFERENCE, UnknownOutcomeError, "http.reference_missing", 1),
        (Mode.SLOW, UnknownOutcomeError, "http.answer_late", 1),
    ],
)
async def test_a_failure_of_the_core_system_becomes_the_right_error(
    mode: Mode,
    kind: type[Exception],
    reason: str,
    arrived: int,
    core: Any,
    opened: Open,
    application: Build,
    delivery: Deliver,
) -> None:
    destination = await opened(
        url=f"{core.url}/applications", error_code_pointer="/code", read_timeout_s=0.2, **REFERENCE
    )
    core.core.behave(mode, times=1, seconds=1)

    with pytest.raises(kind) as caught:
        await destination.send(application(), delivery())

    assert type(caught.value) is kind
    assert getattr(caught.value, "reason", None) == reason
    assert core.arrived == arrived
    assert (await destination.send(application(), delivery())).reference == "整000001"


async def test_the_lookup_asks_the_core_system(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(
        url=f"{core.url}/applications", lookup_url=f"{core.url}/applications/{{key}}", **REFERENCE
    )

    before = await destination.lookup(KEY)
    await destination.send(application(), delivery())

    assert before is None
    assert await destination.lookup(KEY) == Receipt(reference="整000001")
    assert isinstance(destination, LooksUp)


async def test_a_lookup_that_is_not_configured_or_not_answered_cannot_tell(opened: Open) -> None:
    silent = await opened(url="http://127.0.0.1:1/")
    unreachable = await opened(
        url="http://127.0.0.1:1/", lookup_url=f"http://127.0.0.1:{closed_port()}/{{key}}"
    )

    for destination in (silent, unreachable):
        with pytest.raises(TransientError):
            await destination.lookup(KEY)


async def test_nobody_listening_makes_it_unavailable(
    opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(url=f"http://127.0.0.1:{closed_port()}/")

    with pytest.raises(DestinationUnavailableError, match="not_connected"):
        await destination.send(application(), delivery())
    assert not (await destination.check()).ok


async def test_a_name_that_does_not_resolve_makes_it_unavailable(
    opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(url="https://core.invalid/")  # RFC 6761, 6.4

    with pytest.raises(DestinationUnavailableError):
        await destination.send(application(), delivery())


async def test_a_connection_that_is_never_taken_up_makes_it_unavailable(
    opened: Open, application: Build, delivery: Deliver
) -> None:
    # TLS never answers: the connection is there, but nothing of HTTP was sent.
    ended = asyncio.Queue[bool]()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        await ended.put(True)

    async with a_server(silent) as port:
        slow = await opened(url=f"https://127.0.0.1:{port}/", connect_timeout_s=0.2)
        hurried = await opened(url=f"https://127.0.0.1:{port}/", total_timeout_s=0.2)

        for destination in (slow, hurried):
            with pytest.raises(DestinationUnavailableError):
                await destination.send(application(), delivery())
            assert await ended.get()  # and is not left open
            await destination.close()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "http.answer_lost"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "http.answer_lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", "http.answer_cut_off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "http.answer_cut_off"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 500_000, "http.answer_lost"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            "http.answer_encoded",
        ),
    ],
)
async def test_an_answer_that_is_not_http_or_not_whole_leaves_a_doubt(
    raw: bytes, reason: str, opened: Open, application: Build, delivery: Deliver
) -> None:
    async with a_server(answering(raw)) as port:
        destination = await opened(url=f"http://127.0.0.1:{port}/")

        with pytest.raises(UnknownOutcomeError) as caught:
            await destination.send(application(), delivery())

        assert caught.value.reason == reason
        await destination.close()


async def test_a_refusal_counts_although_its_body_is_cut_off(
    opened: Open, application: Build, delivery: Deliver
) -> None:
    raw = b"HTTP/1.1 422 Unprocessable\r\nContent-Length: 500\r\n\r\n{"
    async with a_server(answering(raw)) as port:
        destination = await opened(url=f"http://127.0.0.1:{port}/", error_code_pointer="/code")

        with pytest.raises(RejectedError) as caught:
            await destination.send(application(), delivery())

        assert caught.value.reason == "http.422"
        await destination.close()


async def test_an_answer_that_drips_for_ever_ends_with_the_total_timeout(
    opened: Open, application: Build, delivery: Deliver
) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with a_server(drip) as port:
        destination = await opened(url=f"http://127.0.0.1:{port}/", total_timeout_s=0.3)

        with pytest.raises(UnknownOutcomeError, match="late"):
            await destination.send(application(), delivery())

        await destination.close()


async def test_a_cancelled_send_stays_cancelled_and_the_next_one_works(
    core: Any, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(url=f"{core.url}/applications", **REFERENCE)
    core.core.behave(Mode.SLOW, times=1, seconds=5)
    sending = asyncio.create_task(destination.send(application(), delivery()))
    while core.arrived == 0:  # noqa: ASYNC110 - the core system tells nobody
        await asyncio.sleep(0.01)

    sending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sending
    assert (await destination.send(application(), delivery())).reference == "整000001"


@pytest.mark.parametrize(
    ("mode", "health"),
    [(Mode.NORMAL, Health(ok=True)), (Mode.DOWN, Health(ok=False, detail="http.503"))],
)
async def test_the_check_asks_the_health_address(
    mode: Mode, health: Health, core: Any, opened: Open
) -> None:
    destination = await opened(url=f"{core.url}/applications", health_url=f"{core.url}/health")
    core.core.behave(mode)

    assert await destination.check() == health
    assert core.arrived == 0


async def test_without_a_health_address_the_check_only_connects(core: Any, opened: Open) -> None:
    destination = await opened(url=f"{core.url}/applications")

    assert await destination.check() == Health(ok=True)
    assert core.core.requests == []


async def test_an_exchanged_token_is_read_again_when_the_old_one_is_refused(
    core: Any, opened: Open, application: Build, delivery: Deliver, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    destination = await opened(url=f"{core.url}/applications", bearer_token_file=token)
    token.write_text("new\n")
    core.core.behave(Mode.UNAUTHORISED, times=1)

    with pytest.raises(DestinationUnavailableError):
        await destination.send(application(), delivery())
    await destination.send(application(), delivery())

    sent = [headers["authorization"] for headers in core.core.requests]
    assert sent == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff", b"a\nb"])
async def test_a_token_file_without_a_token_is_an_error_of_the_configuration(
    content: bytes | None, opened: Open, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    with pytest.raises(ConfigError, match="bearer_token"):
        await opened(url="http://127.0.0.1:1/", bearer_token_file=tmp_path / "token")


async def test_mutual_tls_is_spoken_and_a_stranger_is_not_talked_to(
    opened: Open, application: Build, delivery: Deliver, tmp_path: Path
) -> None:
    ours, strange = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(tmp_path / "ca.pem")
    strange.cert_pem.write_to_path(tmp_path / "strange.pem")
    client = ours.issue_cert("gateway.example.jp")
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    client.private_key_pem.write_to_path(tmp_path / "client.key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    ours.configure_trust(context)
    ours.issue_cert("127.0.0.1").configure_cert(context)
    talk = answering(b"HTTP/1.1 204 No Content\r\n\r\n")
    files = {
        "client_certificate_file": tmp_path / "client.pem",
        "client_key_file": tmp_path / "client.key",
    }
    async with a_server(talk, context) as port:
        url = f"https://127.0.0.1:{port}/"
        good = await opened(url=url, ca_file=tmp_path / "ca.pem", **files)
        distrustful = await opened(url=url, ca_file=tmp_path / "strange.pem", **files)

        assert await good.send(application(), delivery()) == Receipt()
        assert await good.check() == Health(ok=True)
        with pytest.raises(DestinationUnavailableError):
            await distrustful.send(application(), delivery())
        await good.close()
        await distrustful.close()


async def test_tls_files_that_are_none_are_an_error_of_the_configuration(
    opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("nothing")

    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ConfigError, match="tls files"):
            await opened(url="https://127.0.0.1/", ca_file=tmp_path / name)


async def test_nothing_of_an_answer_or_an_application_is_logged(
    core: Any, opened: Open, application: Build, delivery: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    destination = await opened(url=f"{core.url}/applications", bearer_token="s3cret")
    core.core.behave(Mode.REFUSE, times=1)

    with (
        caplog.at_level("INFO"),
        structlog.testing.capture_logs() as logs,
        pytest.raises(RejectedError),
    ):
        await destination.send(application(), delivery())

    said = caplog.text + str(logs)
    assert not [word for word in ("髙﨑", "614106526000", "対象外", "s3cret") if word in said]


async def test_it_can_be_closed_twice_and_before_it_was_opened(
    tmp_path: Path, application: Build, delivery: Deliver
) -> None:
    destination = HTTPDestination(HTTPConfig.model_validate({"url": "http://127.0.0.1:1/"}))

    await destination.close()
    with pytest.raises(DestinationUnavailableError, match="not_open"):
        await destination.send(application(), delivery())
    await destination.open(Context(destination="x", municipality="131016", folder=tmp_path))
    await destination.open(Context(destination="x", municipality="131016", folder=tmp_path))
    await destination.close()
    await destination.close()


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
