import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from gateway.schema.catalogue import Catalogue, load_catalogue
from gateway.schema.envelope import Checked, UnknownProcedure, check
from gateway.schema.errors import SENTENCES, FieldError
from gateway.schema.parse import parse_json
from gateway.schema.procedure import Procedure

Body = dict[str, Any]

NAME = "childcare/allowance-claim"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def body(catalogue: Catalogue) -> Body:
    procedure = catalogue.get(NAME, 1)
    assert procedure is not None
    return parse_json(json.dumps(procedure.example).encode())


def codes(found: object) -> list[tuple[str, str]]:
    assert isinstance(found, tuple), found
    return [(error.pointer, error.code) for error in found]


def test_a_body_without_errors_says_what_it_is(body: Body, catalogue: Catalogue) -> None:
    body["supersedes"] = "01939D4E-6F2A-7C3B-9D51-0F8F4C2AB101"

    checked = check(body, catalogue)

    assert isinstance(checked, Checked)
    assert checked.procedure is catalogue.get(NAME, 1)
    assert checked.version == 1
    assert checked.receipt_number == "A-2026-000123"
    assert checked.supersedes == UUID("01939d4e-6f2a-7c3b-9d51-0f8f4c2ab101")
    assert checked.submitted_at == datetime.fromisoformat("2026-11-20T09:30:00+09:00")


def test_supersedes_may_be_left_out(body: Body, catalogue: Catalogue) -> None:
    del body["supersedes"]

    checked = check(body, catalogue)

    assert isinstance(checked, Checked)
    assert checked.supersedes is None


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("procedure", 1, "field.type"),
        ("procedure", "Childcare", "procedure.format"),
        ("procedure", "../../etc/passwd", "procedure.format"),
        ("procedure", "a/b\n", "procedure.format"),
        ("procedure", "a/" + "b" * 99, "text.too_long"),
        ("version", "1", "field.type"),
        ("version", True, "field.type"),
        ("version", 1.0, "field.type"),
        ("version", 0, "number.too_small"),
        ("version", 10_000, "number.too_large"),
        ("version", 2**53 - 1, "number.too_large"),
    ],
)
def test_a_wrong_name_or_version_is_an_error_of_the_envelope(
    body: Body, catalogue: Catalogue, member: str, value: object, code: str
) -> None:
    body[member] = value

    assert codes(check(body, catalogue)) == [(f"#/{member}", code)]


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("receipt_number", 123, "field.type"),
        ("receipt_number", None, "field.type"),
        ("receipt_number", "", "receipt_number.format"),
        ("receipt_number", "x" * 65, "receipt_number.format"),
        ("receipt_number", "A\u00001", "receipt_number.format"),
        ("supersedes", "A-1", "application_id.format"),
        ("supersedes", "{01939d4e-6f2a-7c3b-9d51-0f8f4c2ab101}", "application_id.format"),
        ("supersedes", "01939d4e6f2a7c3b9d510f8f4c2ab101", "application_id.format"),
        ("supersedes", 1, "field.type"),
        ("submitted_at", "2026-11-20T09:30:00", "timestamp.format"),
        ("submitted_at", "0001-01-01T00:00:00+09:00", "timestamp.format"),
        ("submitted_at", 1_790_000_000, "field.type"),
        ("applicant", None, "field.type"),
        ("content", [], "field.type"),
    ],
)
def test_a_wrong_member_of_the_envelope_is_pointed_at(
    body: Body, catalogue: Catalogue, member: str, value: object, code: str
) -> None:
    body[member] = value

    assert codes(check(body, catalogue)) == [(f"#/{member}", code)]


def test_an_empty_body_lacks_everything_that_is_required(catalogue: Catalogue) -> None:
    members = ["applicant", "content", "procedure", "receipt_number", "submitted_at", "version"]

    assert codes(check({}, catalogue)) == [(f"#/{name}", "field.required") for name in members]


def test_errors_of_envelope_and_forms_come_at_once(body: Body, catalogue: Catalogue) -> None:
    del body["submitted_at"]
    body["applicant"]["person"]["my_number"] = "614106526006"
    body["content"]["children"][1]["sex"] = "3"

    assert codes(check(body, catalogue)) == [
        ("#/applicant/person/my_number", "my_number.check_digit"),
        ("#/content/children/1/sex", "value.not_in_list"),
        ("#/submitted_at", "field.required"),
    ]


@pytest.mark.parametrize(
    ("name", "version", "latest"), [(NAME, 2, 1), ("no/such-procedure", 1, None)]
)
def test_an_unknown_procedure_is_not_an_error_of_fields(
    body: Body, catalogue: Catalogue, name: str, version: int, latest: int | None
) -> None:
    body |= {"procedure": name, "version": version}

    assert check(body, catalogue) == UnknownProcedure(latest)


def test_a_procedure_is_unknown_even_when_other_members_are_wrong(
    body: Body, catalogue: Catalogue
) -> None:
    body |= {"procedure": "no/such-procedure", "receipt_number": ""}

    assert check(body, catalogue) == UnknownProcedure()


def test_the_destination_must_be_the_municipality_the_request_was_sent_to(
    body: Body, catalogue: Catalogue
) -> None:
    assert isinstance(check(body, catalogue, municipality="131016"), Checked)
    assert codes(check(body, catalogue, municipality="141003")) == [
        ("#/applicant/destination/municipality_code", "destination.other_municipality")
    ]


def _in_every_text(value: Any) -> Any:  # any JSON
    if isinstance(value, dict):
        return {key: _in_every_text(member) for key, member in value.items()} | {"CANARY": "CANARY"}
    if isinstance(value, list):
        return [_in_every_text(item) for item in value]
    return "CANARY\x00"


@pytest.mark.parametrize("spoil", [_in_every_text, lambda _: "CANARY", lambda _: ["CANARY"]])
def test_no_error_contains_anything_of_the_body(
    catalogue: Catalogue, spoil: Callable[[object], object]
) -> None:
    for procedure in catalogue.procedures():
        spoilt = dict(procedure.example) | {"CANARY/~0": "CANARY", "receipt_number": "CANARY 1"}
        for member in ("applicant", "content", "submitted_at", "supersedes"):
            spoilt[member] = spoil(spoilt[member])  # type: ignore[assignment]

        errors = check(spoilt, catalogue)

        assert isinstance(errors, tuple)
        assert errors
        for error in errors:
            said = f"{error!r}{error.detail('ja')}{error.detail('en')}"
            assert "CANARY" not in said
            assert error.code in SENTENCES


def test_a_number_used_as_a_member_name_is_not_in_a_pointer(
    body: Body, catalogue: Catalogue
) -> None:
    body["content"]["763727588705"] = {"my_number": body["applicant"]["person"]["my_number"]}

    assert codes(check(body, catalogue)) == [
        ("#/content", "field.unknown"),
        ("#/content", "my_number.repeated"),
    ]


def _members(place: str, value: object) -> list[str]:
    if isinstance(value, dict):
        return [p for key, child in value.items() for p in _members(f"{place}/{key}", child)] + [
            place
        ]
    if isinstance(value, list):
        return [p for n, child in enumerate(value) for p in _members(f"{place}/{n}", child)] + [
            place
        ]
    return [place]


def _with(body: Body, pointer: str, value: object) -> Body:
    copy: Body = json.loads(json.dumps(body))
    *path, last = pointer.split("/")[1:]
    target: Any = copy
    for token in path:
        target = target[int(token) if isinstance(target, list) else token]
    target[int(last) if isinstance(target, list) else last] = value
    return copy


def test_a_wrong_type_anywhere_is_an_error_at_that_place(catalogue: Catalogue) -> None:
    for procedure in catalogue.procedures():
        example: Body = dict(procedure.example)
        for pointer in _members("", {k: example[k] for k in ("applicant", "content")}):
            if pointer:
                errors = check(_with(example, pointer, {"CANARY": 0.5}), catalogue)

                assert isinstance(errors, tuple), pointer
                assert any(error.pointer.startswith(f"#{pointer}") for error in errors), pointer
                assert "CANARY" not in repr(errors)


def test_of_a_list_that_is_far_too_long_only_the_first_items_are_looked_at(
    body: Body, catalogue: Catalogue
) -> None:
    body["content"]["children"] = [[]] * 4_900

    errors = check(body, catalogue)

    children = "#/content/children"
    assert codes(errors) == [
        (children, "list.too_long"),
        *((f"{children}/{item}", "field.type") for item in range(16)),
    ]
    assert FieldError(children, "list.too_long", (("limit", 15),)) in errors  # type: ignore[operator]


def test_at_most_a_hundred_errors_come_back(body: Body, catalogue: Catalogue) -> None:
    body["content"]["children"] = [{}] * 16

    errors = check(body, catalogue)

    assert isinstance(errors, tuple)
    assert len(errors) == 100


def test_the_same_body_gives_the_same_errors_in_the_same_order(
    body: Body, catalogue: Catalogue
) -> None:
    body["content"] = {"children": [{"CANARY": 1}, 5, {}]}
    reversed_body = dict(reversed(body.items()))

    assert check(body, catalogue) == check(reversed_body, catalogue)


def test_the_example_of_every_procedure_is_whole(catalogue: Catalogue) -> None:
    procedure: Procedure
    for procedure in catalogue.procedures():
        assert procedure.validate(procedure.example) == ()
