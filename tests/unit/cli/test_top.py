"""``kakehashi top`` and ``kakehashi doctor``, without a running gateway."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.domain.lifecycle import State
from gateway.drivers import kernel_clock
from tests.unit.cli.conftest import Terminal

_DAY = timedelta(days=1)


@pytest.fixture
def journal(terminal: Terminal, keep: Callable[..., object]) -> Terminal:
    """A terminal where a journal is, with something parked."""
    keep("A-1", state=State.PARKED, code="core.refused")
    keep("A-2")
    return terminal


def a_certificate(path: Path, *, ends_in: timedelta) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - 400 * _DAY).not_valid_after(now + ends_in)
    signed = builder.sign(key, hashes.SHA256())
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def a_configuration(**broker: str) -> None:
    document = {"home": "var", "broker": broker, "keys": {"folder": "var/keys"}}
    Path("kakehashi.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def test_top_shows_what_waits_and_what_is_stuck_in_80_columns(journal: Terminal) -> None:
    shown = journal.run("top")
    document = journal.ask("top")

    told = [line.rstrip() for line in shown.splitlines() if line.startswith("●")]
    assert told[0] == "● No gateway runs here."
    assert "● Parked deliveries: 1." in told
    assert "no worker" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert (document["verdict"], document["gateway_runs"]) == ("bad", False)
    [line] = document["destinations"]
    assert (line["waiting"], line["parked"], line["in_per_min"]) == (1, 1, 0)


def test_doctor_says_what_is_parked_and_what_to_do(journal: Terminal) -> None:
    found = journal.ask("doctor", code=1)

    levels = {line["level"] for line in found["lines"] if line["subject"] == "operation"}
    parked = [line for line in found["lines"] if "Parked deliveries: " in line["said"]]
    assert levels >= {"bad"}
    assert parked[0]["action"].startswith("Find the cause")
    assert "None runs here" in journal.run("doctor", code=1)


def test_doctor_is_content_where_nothing_was_started_yet(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_clock, "synchronised", lambda: True)

    found = terminal.ask("doctor")

    assert found["ok"]
    assert {line["subject"] for line in found["lines"]} >= {"configuration", "clock", "broker"}
    assert any("no journal yet" in line["said"] for line in found["lines"])


def test_doctor_warns_of_a_clock_that_nobody_keeps(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_clock, "synchronised", lambda: False)

    [clock] = [line for line in terminal.ask("doctor")["lines"] if line["subject"] == "clock"]

    assert (clock["level"], "NTP" in clock["action"]) == ("warn", True)


def test_doctor_ends_with_a_configuration_that_cannot_be_read(terminal: Terminal) -> None:
    Path("kakehashi.yaml").write_text("unknown: 1\n", encoding="utf-8")

    found = terminal.ask("doctor", "--config", "kakehashi.yaml", code=1)

    assert {line["subject"] for line in found["lines"]} == {"configuration"}
    assert "kakehashi config check" in found["lines"][0]["action"]


def test_doctor_tells_of_a_broker_that_is_not_there(terminal: Terminal) -> None:
    a_configuration(url="amqp://guest:secret-word@127.0.0.1:1/")

    found = terminal.ask("doctor", "--config", "kakehashi.yaml", code=1)

    [broker] = [line for line in found["lines"] if line["subject"] == "broker"]
    assert (broker["level"], broker["said"]) == ("bad", "The broker cannot be reached.")
    assert "secret-word" not in str(found)


@pytest.mark.parametrize(
    ("ends_in", "level"), [(90 * _DAY, "ok"), (20 * _DAY, "warn"), (-_DAY, "bad")]
)
def test_doctor_tells_when_a_certificate_expires(
    terminal: Terminal, ends_in: timedelta, level: str
) -> None:
    a_certificate(Path("ca.pem"), ends_in=ends_in)
    a_configuration(url="amqps://127.0.0.1:1/?cafile=ca.pem")

    found = terminal.ask("doctor", "--config", "kakehashi.yaml", code=1)

    [line] = [line for line in found["lines"] if line["subject"] == "certificate"]
    assert (line["level"], line["said"].partition(":")[0]) == (level, "broker.url cafile")
