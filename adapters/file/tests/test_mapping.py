import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.file.config import FileConfig
from adapters.file.mapping import file_bytes, preview
from gateway.sdk import Application, RejectedError

SAMPLES = Path(__file__).parent.parent / "samples"
NAMES = sorted(path.name.removesuffix(".message.json") for path in SAMPLES.glob("*.message.json"))
OTHERS = ("jsonl/care-certification-claim", "xml/disaster-damage-certificate")
KEY = "0193453a-0000-7000-8000-000000000001"

Build = Callable[..., Application]


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_a_sample_becomes_the_bytes_beside_it(name: str, application: Build) -> None:
    config = FileConfig.model_validate_json((SAMPLES / f"{name}.config.json").read_bytes())
    folder, _, sample = f"./{name}".rpartition("/")
    [native] = (SAMPLES / folder).glob(f"{sample}.native.*")

    content = file_bytes(application(name), KEY, config)

    assert content == native.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_with_another_codec_sees_one_record_with_every_column(
    name: str, application: Build
) -> None:
    config = FileConfig.model_validate_json((SAMPLES / f"{name}.config.json").read_bytes())

    content = file_bytes(application(name), KEY, config)

    header, record = csv.reader(io.StringIO(content.decode("cp932"), newline=""), strict=True)
    assert config.csv is not None
    assert header == [column.name for column in config.csv.columns]
    assert record[0] == KEY
    assert content.decode("cp932") == preview(content, config)


def test_json_keeps_names_as_they_were_sent(application: Build) -> None:
    content = file_bytes(application(), KEY, FileConfig(folder="drop"))

    document = json.loads(content)
    assert document["applicant"]["person"]["name"]["family"] == "髙﨑"
    assert "髙﨑".encode() in content
    assert document["idempotency_key"] == KEY
    assert document["accepted_at"] == "2026-11-20T09:30:00+09:00"


def test_an_unmappable_name_is_rejected_with_its_field_and_code_point(application: Build) -> None:
    config = FileConfig.model_validate_json(
        (SAMPLES / "childcare-allowance-claim.config.json").read_bytes()
    )
    body = application()
    person = {**body.applicant["person"], "name": {"family": "𠮷田", "given": "真由美"}}  # type: ignore[dict-item]

    with pytest.raises(RejectedError) as caught:
        file_bytes(application(applicant={**body.applicant, "person": person}), KEY, config)

    assert caught.value.reason == "text.unmappable:U+20BB7"
    assert caught.value.pointer == "/applicant/person/name/family"
    assert "田" not in str(caught.value)


def test_a_lone_surrogate_is_rejected_in_json_too(application: Build) -> None:
    with pytest.raises(RejectedError) as caught:
        file_bytes(application(content={"name": "\ud842"}), KEY, FileConfig(folder="drop"))

    assert caught.value.reason == "text.unmappable:U+D842"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"folder": "d", "format": "csv"}, "csv is needed"),
        ({"folder": "d", "csv": {"columns": [{"name": "a", "literal": ""}]}}, "csv is needed"),
        ({"folder": "d", "colour": 1}, "Extra inputs"),
        ({"folder": "d", "format": "csv", "csv": {"columns": []}}, "at least 1"),
        ({"folder": "d", "format": "csv", "csv": {"columns": [{"name": "a"}]}}, "one of pointer"),
        (
            {"folder": "d", "format": "csv", "csv": {"columns": [{"name": "𠮷", "literal": ""}]}},
            "text.unmappable",
        ),
        (
            {"folder": "d", "format": "csv", "csv": {"columns": [{"name": "a", "pointer": "x"}]}},
            "pattern",
        ),
        ({"folder": "d", "results": {"header": False}}, "numbers from 1"),
        ({"folder": "d", "results": {"decided_at_format": "date"}}, "strptime"),
        ({"folder": "d", "results": {"decided_at_format": "%Y%m%Q"}}, "reads nothing"),
        ({"folder": "d", "results": {"decided_at_format": "%Y%m%d%H%d"}}, "reads nothing"),
        ({"folder": "d", "results": {"decided_at_format": "%H:%M:%S"}}, "without a day"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(config: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FileConfig.model_validate(config)


def test_every_field_of_the_configuration_is_described() -> None:
    schema = json.dumps(FileConfig.model_json_schema())

    for definition in (FileConfig.model_json_schema(), *json.loads(schema)["$defs"].values()):
        for name, field in definition.get("properties", {}).items():
            assert "description" in field, name
