import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme
from cryptography.hazmat.primitives import serialization

from adapters.http import HTTPDestination
from gateway.sdk import (
    Application,
    ConfigError,
    Delivery,
    DestinationUnavailableError,
    Health,
    Receipt,
    UnknownOutcomeError,
)

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"

Open = Callable[..., Awaitable[HTTPDestination]]
Build = Callable[..., Application]
Deliver = Callable[..., Delivery]


class MutualTLS:
    """A server that talks to one client authority's certificates only, and keeps their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.names: list[str] = []
        self.held = asyncio.Event()
        self.held.set()
        self.port = 0

    def context(self, trusted: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = ssl.CERT_REQUIRED
        trusted.configure_trust(context)
        self.ca.issue_cert("127.0.0.1").configure_cert(context)
        return context

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert")
        names = [value for kind, value in certificate["subjectAltName"] if kind == "DNS"]
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.names += names
                await self.held.wait()
                writer.write(ANSWER)
                await writer.drain()
                break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def issue(self, name: str, authority: trustme.CA | None = None) -> dict[str, Any]:
        """Write a client certificate in the place of the one before, as a renewal does."""
        certificate = (authority or self.ca).issue_cert(name)
        for path, pem in (
            ("client.pem", certificate.cert_chain_pems[0]),
            ("client.key", certificate.private_key_pem),
            ("ca.pem", self.ca.cert_pem),
        ):
            pem.write_to_path(self.folder / f"{path}.new")
            (self.folder / f"{path}.new").replace(self.folder / path)
        return {
            "url": f"https://127.0.0.1:{self.port}/",
            "client_certificate_file": self.folder / "client.pem",
            "client_key_file": self.folder / "client.key",
            "ca_file": self.folder / "ca.pem",
        }


@pytest.fixture
async def mutual(tmp_path: Path) -> AsyncIterator[MutualTLS]:
    one = MutualTLS(tmp_path)
    server = await asyncio.start_server(one.talk, "127.0.0.1", 0, ssl=one.context(one.ca))
    async with server:
        one.port = server.sockets[0].getsockname()[1]
        yield one


async def test_a_renewed_certificate_is_shown_after_the_next_check_without_a_restart(
    mutual: MutualTLS, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**mutual.issue("first.example.jp"))
    await destination.send(application(), delivery())
    mutual.issue("second.example.jp")

    assert await destination.check() == Health(ok=True)
    await destination.send(application(), delivery())

    assert mutual.names == ["first.example.jp", "second.example.jp"]
    await destination.close()


async def test_what_is_under_way_during_a_renewal_ends_on_its_old_connection(
    mutual: MutualTLS, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**mutual.issue("first.example.jp"))
    mutual.held.clear()
    sending = asyncio.create_task(destination.send(application(), delivery()))
    while not mutual.names:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)
    mutual.issue("second.example.jp")

    await destination.check()
    mutual.held.set()

    assert await sending == Receipt()
    await destination.send(application(), delivery())
    assert mutual.names == ["first.example.jp", "second.example.jp"]
    await destination.close()


async def test_half_of_a_renewal_changes_nothing_and_is_told_once(
    mutual: MutualTLS, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**mutual.issue("first.example.jp"))
    (mutual.folder / "client.key").write_text("half")

    with structlog.testing.capture_logs() as logs:
        assert await destination.check() == Health(ok=True)
        assert await destination.check() == Health(ok=True)
    await destination.send(application(), delivery())
    mutual.issue("second.example.jp")
    await destination.check()
    await destination.send(application(), delivery())

    assert [log["event"] for log in logs] == ["http.certificates_unusable"]
    assert mutual.names == ["first.example.jp", "second.example.jp"]
    await destination.close()


async def test_without_a_change_the_connections_are_kept(mutual: MutualTLS, opened: Open) -> None:
    destination = await opened(**mutual.issue("first.example.jp"))

    with structlog.testing.capture_logs() as logs:
        await destination.check()
        (mutual.folder / "ca.pem").touch()
        await destination.check()

    assert [log["event"] for log in logs] == ["http.certificates_renewed"]
    await destination.close()


async def test_it_can_be_closed_in_the_middle_of_a_renewal(
    mutual: MutualTLS, opened: Open, application: Build, delivery: Deliver
) -> None:
    destination = await opened(**mutual.issue("first.example.jp"))
    mutual.held.clear()
    sending = asyncio.create_task(destination.send(application(), delivery()))
    while not mutual.names:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)
    mutual.issue("second.example.jp")
    await destination.check()

    await destination.close()

    async with asyncio.timeout(5):
        results = await asyncio.gather(sending, return_exceptions=True)
    assert isinstance(results[0], Exception)
    mutual.held.set()
    with pytest.raises(DestinationUnavailableError):
        await destination.send(application(), delivery())


async def test_a_certificate_of_a_stranger_is_unavailable_and_not_in_doubt(
    mutual: MutualTLS, opened: Open, application: Build, delivery: Deliver
) -> None:
    stranger = trustme.CA()
    destination = await opened(**mutual.issue("first.example.jp"))
    stranger.cert_pem.write_to_path(mutual.folder / "ca.pem")
    await destination.check()

    with pytest.raises(DestinationUnavailableError):
        await destination.send(application(), delivery())

    await destination.close()


async def test_our_certificate_refused_after_a_handshake_of_tls_1_3_leaves_a_doubt(
    mutual: MutualTLS, opened: Open, application: Build, delivery: Deliver
) -> None:
    # The server speaks its refusal only when the request is on its way (RFC 8446, 4.4.2.4).
    stranger = trustme.CA()
    destination = await opened(**mutual.issue("stranger.example.jp", stranger))

    with pytest.raises(UnknownOutcomeError):
        await destination.send(application(), delivery())

    assert not mutual.names
    await destination.close()


async def test_an_encrypted_key_without_its_password_asks_nobody_and_is_refused(
    mutual: MutualTLS, opened: Open, tmp_path: Path
) -> None:
    given = mutual.issue("first.example.jp")
    encrypted = tmp_path / "encrypted.key"
    _encrypt(tmp_path / "client.key", encrypted, b"aikotoba")

    with pytest.raises(ConfigError, match="tls files"):
        await opened(**{**given, "client_key_file": encrypted})
    good = {**given, "client_key_file": encrypted, "client_key_password": "aikotoba"}
    destination = await opened(**good)

    assert await destination.check() == Health(ok=True)
    await destination.close()


def _encrypt(source: Path, target: Path, password: bytes) -> None:
    key = serialization.load_pem_private_key(source.read_bytes(), None)
    target.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password),
        )
    )
