"""The OpenAPI document and the page made of it."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.domain.values import receipt_number
from gateway.http.openapi import document
from gateway.http.page import page, page_policy
from gateway.http.problems import DETAILS, OPERATORS_ONLY, TITLES
from gateway.schema.catalogue import Catalogue, load_catalogue

PROCEDURE = """
$id: "urn:test:sample"
x-title: {ja: 見本の届出, en: "Sample <notice>"}
x-source: invented
required: [applicant, content]
properties:
  applicant:
    x-title: {ja: 申請者, en: Applicant}
    type: object
    additionalProperties: false
    required: [name]
    properties:
      name: {x-title: {ja: 氏名, en: Name}, type: string, maxLength: 20}
  content:
    x-title: {ja: 内容, en: Content}
    type: object
    additionalProperties: false
"""
EXAMPLE = {
    "procedure": "test/sample",
    "version": 1,
    "receipt_number": "A-1",
    "submitted_at": "2026-11-20T09:30:00+09:00",
    "applicant": {"name": "見本 太郎"},
    "content": {},
}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    examples = tmp_path / "test" / "sample" / "examples" / "valid"
    examples.mkdir(parents=True)
    (tmp_path / "test" / "sample" / "v1.yaml").write_text(PROCEDURE, "utf-8")
    (examples / "plain.json").write_text(json.dumps(EXAMPLE), "utf-8")
    return load_catalogue(tmp_path)


def test_the_document_is_valid_openapi_3_1(catalogue: Catalogue) -> None:
    OpenAPIV31SpecValidator(document(catalogue)).validate()


def test_it_is_valid_without_any_procedure() -> None:
    OpenAPIV31SpecValidator(document(Catalogue([]))).validate()


def test_it_is_valid_with_the_shipped_procedures() -> None:
    OpenAPIV31SpecValidator(document(load_catalogue())).validate()


def body_validator(catalogue: Catalogue) -> jsonschema_rs.Draft202012Validator:
    made = document(catalogue)
    submit = made["paths"]["/v1/municipalities/{code}/applications"]["post"]
    schema = submit["requestBody"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": made["components"]}
    return jsonschema_rs.Draft202012Validator(whole)


def test_the_schema_of_the_body_accepts_a_procedures_example(catalogue: Catalogue) -> None:
    assert body_validator(catalogue).is_valid(EXAMPLE)


@pytest.mark.parametrize(
    "over",
    [{"applicant": {}}, {"version": 2}, {"procedure": "test/other"}, {"unknown": 1}],
)
def test_the_schema_of_the_body_refuses_what_the_door_refuses(
    catalogue: Catalogue, over: dict[str, object]
) -> None:
    assert not body_validator(catalogue).is_valid(EXAMPLE | over)


@pytest.mark.parametrize("number", ["A-1", "受付・第1号", "𠮷"])
def test_the_schema_of_the_body_accepts_a_receipt_number_that_the_door_takes(
    catalogue: Catalogue, number: str
) -> None:
    assert receipt_number.fault(number) is None
    assert body_validator(catalogue).is_valid(EXAMPLE | {"receipt_number": number})


@pytest.mark.parametrize("number", ["", "A 1", "A\u30001", "A\n", "A\u200b1", "\ue000", "\u0378"])
def test_the_schema_of_the_body_refuses_a_receipt_number_that_the_door_refuses(
    catalogue: Catalogue, number: str
) -> None:
    assert receipt_number.fault(number) is not None
    assert not body_validator(catalogue).is_valid(EXAMPLE | {"receipt_number": number})


@pytest.mark.parametrize(
    ("status", "header"),
    [(401, "WWW-Authenticate"), (405, "Allow"), (429, "Retry-After"), (503, "Retry-After")],
)
def test_a_header_that_every_such_refusal_has_is_promised(
    catalogue: Catalogue, status: int, header: str
) -> None:
    headers = document(catalogue)["components"]["responses"][f"Problem{status}"]["headers"]

    assert headers[header]["required"] is True


def test_a_202_says_which_calls_its_id_is_for(catalogue: Catalogue) -> None:
    paths = document(catalogue)["paths"]
    submit = paths["/v1/municipalities/{code}/applications"]["post"]
    operations = {item["get"]["operationId"] for item in paths.values() if "get" in item}

    for link in submit["responses"]["202"]["links"].values():
        assert link["operationId"] in operations
        assert link["parameters"] == {"id": "$response.body#/id"}


def test_a_version_in_a_path_has_the_bounds_of_the_route(catalogue: Catalogue) -> None:
    get = document(catalogue)["paths"]["/v1/procedures/{area}/{name}/v{version}"]["get"]
    (schema,) = (each["schema"] for each in get["parameters"] if each["name"] == "version")
    validator = jsonschema_rs.Draft202012Validator(schema)

    assert [each for each in (0, 1, 9999, 10000) if validator.is_valid(each)] == [1, 9999]


def test_every_code_stands_in_the_response_of_its_status(catalogue: Catalogue) -> None:
    responses = document(catalogue)["components"]["responses"]

    for code, (status, _, _) in DETAILS.items():
        is_told = f"`{code}`" in responses[f"Problem{status}"]["description"]
        assert is_told is (code not in OPERATORS_ONLY)


def test_submitting_can_come_to_every_status_but_the_defect(catalogue: Catalogue) -> None:
    submit = document(catalogue)["paths"]["/v1/municipalities/{code}/applications"]["post"]

    # 421 is of the operators' door, which answers to its own names only.
    assert submit["responses"].keys() == {"202", *map(str, TITLES)} - {"500", "421"}


def test_the_page_loads_nothing_and_runs_nothing(catalogue: Catalogue) -> None:
    html = page(document(catalogue))

    assert "<script" not in html
    assert not re.search(r"(src|href)=\"(?!/openapi\.json\")", html)
    assert "url(" not in html
    assert "default-src 'none'" in page_policy()


def test_the_page_shows_every_call_and_escapes_what_procedures_say(catalogue: Catalogue) -> None:
    made = document(catalogue)
    html = page(made)

    assert all(path in html for path in made["paths"])
    assert "Sample &lt;notice&gt;" in html
    assert "Sample <notice>" not in html
