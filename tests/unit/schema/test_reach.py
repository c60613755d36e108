import pytest

from gateway.schema.catalogue import load_catalogue, shipped_schemas
from gateway.schema.reach import listed_values, reach

SCHEMA = load_catalogue(shipped_schemas()).latest("childcare/allowance-claim").json_schema  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("pointer", "parts"),
    [
        ("/applicant/person/name/family", "some"),
        ("/content/reason", "some"),
        ("/content/children/0/birth_date", "some"),
        ("/content/children/999/birth_date", "none"),
        ("/content/children/x/birth_date", "none"),
        ("/content/children/birth_date", "none"),
        ("/content/reazon", "none"),
        ("/content/reason/more", "none"),
        ("/content/payment/bank_account/holder", "some"),
        ("/elsewhere", "none"),
    ],
)
def test_a_pointer_leads_where_some_valid_document_has_something(pointer: str, parts: str) -> None:
    assert ("some" if reach(SCHEMA, pointer) else "none") == parts


@pytest.mark.parametrize(
    ("pointer", "values"),
    [
        ("/content/reason", {"birth", "moved_in", "custody", "left_public_service", "other"}),
        ("/content/has_spouse", {"true", "false"}),
        ("/content/reason_date", None),
        ("/applicant/person/name/family", None),
    ],
)
def test_the_values_a_field_may_have_are_known_when_the_schema_lists_them(
    pointer: str, values: set[str] | None
) -> None:
    assert listed_values(reach(SCHEMA, pointer)) == values


def test_references_inside_the_schema_are_followed() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/a"}},
        "$defs": {"a": {"properties": {"b": {"const": 1}}}},
    }

    assert listed_values(reach(schema, "/a/b")) == {"1"}  # type: ignore[arg-type]
    assert reach({"properties": {"a": {"$ref": "#/$defs/none"}}}, "/a/b") == ()
