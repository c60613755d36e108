"""What a process stands on: disks and certificates, and what is not there is not told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.bootstrap.machine import certificate_files, look_at_machine
from gateway.crypto.certificate import expires_at
from gateway.services.machine import LookAtMachine
from gateway.settings.load import build
from gateway.testing.world import document

SOON = datetime(2027, 1, 1, tzinfo=UTC)


def a_certificate(until: datetime) -> bytes:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker.example.lg.jp")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(until - timedelta(days=90))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def test_of_several_certificates_the_first_to_expire_counts() -> None:
    assert expires_at(a_certificate(SOON + timedelta(days=9)) + a_certificate(SOON)) == SOON


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="PEM"):
        expires_at(b"not a certificate")


async def test_what_is_there_is_told_and_what_is_not_is_missing(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_bytes(a_certificate(SOON))
    bad.write_bytes(b"")
    look = LookAtMachine(
        {"home": tmp_path, "journal": tmp_path / "nowhere"},
        {"broker.url cafile": good, "broker.url certfile": bad, "x": tmp_path / "none.pem"},
        expires_at,
    )

    machine = await look()

    assert machine.certificates == {"broker.url cafile": SOON}
    assert machine.disks.keys() == {"home"}
    assert 0 < machine.disks["home"].free_bytes <= machine.disks["home"].size_bytes


async def test_the_files_and_folders_of_the_configuration_are_looked_at(tmp_path: Path) -> None:
    settings = build(
        {
            **document(tmp_path),
            "broker": {"url": "amqps://u:p@h/v?cafile=/ca.pem&heartbeat=9&certfile=/own.pem"},
            "keys": {"folder": str(tmp_path)},
        }
    )

    assert certificate_files(settings) == {
        "broker.url cafile": Path("/ca.pem"),
        "broker.url certfile": Path("/own.pem"),
    }
    assert (await look_at_machine(settings)()).disks.keys() == {"home", "keys", "journal"}
