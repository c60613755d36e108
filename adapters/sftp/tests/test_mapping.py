import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from pydantic import ValidationError

from adapters.sftp.config import SFTPConfig
from adapters.sftp.mapping import file_bytes, file_name, preview, refusal, spelled
from gateway.sdk import (
    Application,
    DestinationUnavailableError,
    RejectedError,
    TransientError,
)

SAMPLES = Path(__file__).parent.parent / "samples"
NAMES = sorted(path.name.removesuffix(".message.json") for path in SAMPLES.glob("*.message.json"))
KEY = "0193453a-0000-7000-8000-000000000001"
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()

Build = Callable[..., Application]


def a_config(**over: Any) -> SFTPConfig:
    return SFTPConfig.model_validate(
        {
            "host": "sftp.example.jp",
            "host_keys": [HOST_KEY],
            "username": "kakehashi",
            "password": "kogai-kinshi-2026",
            "folder": "/jido/inbox",
            **over,
        }
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_becomes_the_bytes_beside_it(name: str, application: Build) -> None:
    config = a_config(**json.loads((SAMPLES / f"{name}.config.json").read_bytes()))

    content = file_bytes(application(name), KEY, config)

    assert content == (SAMPLES / f"{name}.native.cp932").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_with_another_codec_sees_one_record_with_every_column(
    name: str, application: Build
) -> None:
    config = a_config(**json.loads((SAMPLES / f"{name}.config.json").read_bytes()))

    content = file_bytes(application(name), KEY, config)

    header, record = csv.reader(io.StringIO(content.decode("cp932"), newline=""), strict=True)
    assert config.csv is not None
    assert header == [column.name for column in config.csv.columns]
    assert record[0] == KEY


def test_an_unmappable_name_is_rejected_with_its_field_and_code_point(application: Build) -> None:
    config = a_config(
        **json.loads((SAMPLES / "childcare-allowance-claim.config.json").read_bytes())
    )
    body = application()
    person = {**body.applicant["person"], "name": {"family": "𠮷田", "given": "真由美"}}  # type: ignore[dict-item]

    with pytest.raises(RejectedError) as error:
        file_bytes(application(applicant={**body.applicant, "person": person}), KEY, config)

    assert (error.value.reason, error.value.pointer) == (
        "text.unmappable:U+20BB7",
        "/applicant/person/name/family",
    )


def test_a_name_has_the_key_in_it_and_is_spelled_as_the_server_wants_it() -> None:
    config = a_config(file_name="申請_髙_{key}.csv", name_encoding="cp932")

    name = file_name(KEY, config)

    assert name == f"申請_髙_{KEY}.csv"
    assert spelled(name, config) == b"\x90\\\x90\xbf_\xfb\xfc_" + KEY.encode() + b".csv"
    assert file_name(KEY, a_config()) == f"{KEY}.json"


def test_a_preview_shows_the_trigger_file_too() -> None:
    shown = preview("a.json", b"{}", a_config(trigger_suffix=".end"))

    assert shown == "/jido/inbox/a.json:\n{}\na.json.end: (empty)"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (2, "sftp.folder_missing"),
        (3, "sftp.permission_denied"),
        (8, "sftp.unsupported"),
        (12, "sftp.read_only"),
        (14, "sftp.disk_full"),
        (15, "sftp.quota_exceeded"),
        (20, "sftp.name_refused"),
    ],
)
def test_what_meets_every_delivery_alike_makes_the_server_unavailable(
    status: int, reason: str
) -> None:
    error = refusal(status)

    assert isinstance(error, DestinationUnavailableError)
    assert error.reason == reason


def test_a_failure_without_a_reason_is_counted_unless_the_disk_is_full() -> None:
    counted, full, other = refusal(4), refusal(4, is_full=True), refusal(9)

    assert (type(counted), counted.reason) == (TransientError, "sftp.refused")
    assert (type(full), full.reason) == (DestinationUnavailableError, "sftp.disk_full")
    assert (type(other), other.reason) == (TransientError, "sftp.failed")


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"host_keys": []}, "host_keys"),
        ({"host_keys": ["SHA256:abc"]}, "not a public key"),
        ({"password": None}, "give a password"),
        ({"password_file": "/run/secrets/x"}, "not both"),
        ({"private_key_passphrase": "x"}, "without private_key_file"),
        ({"folder": "../else"}, "not a path"),
        ({"file_name": "a/{key}.csv"}, "not a file name"),
        ({"file_name": "fixed.csv"}, "{key} once"),
        ({"file_name": "字" * 80 + "{key}"}, "longer"),
        ({"file_name": "𠮷{key}", "name_encoding": "cp932"}, "text.unmappable:U+20BB7"),
        ({"file_mode": "rw-"}, "file_mode"),
        ({"results": [{"status_of_all": "returned"}]}, "columns.status"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_loaded(over: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as error:
        a_config(**over)

    assert says in str(error.value)
    assert "kogai-kinshi" not in str(error.value)
