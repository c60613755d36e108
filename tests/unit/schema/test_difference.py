"""What a form asks, field by field, and what a version changed."""

from dataclasses import replace

import pytest

from gateway.schema.catalogue import load_catalogue
from gateway.schema.describe import Description, FormField, describe
from gateway.schema.difference import changes

FIELD = FormField(
    pointer="/content/a", depth=1, title={"ja": "甲", "en": "A"}, type="string", required=False
)


def described(*fields: FormField) -> Description:
    return Description(fields, (), ())


def test_groups_come_before_what_is_in_them_and_lists_tell_of_their_items():
    procedure = load_catalogue().get("childcare/allowance-claim", 1)
    assert procedure is not None

    fields = {each.pointer: each for each in describe(procedure).fields}

    places = list(fields)
    assert places.index("/content/children") < places.index("/content/children/*/birth_date")
    assert fields["/applicant/person/my_number"].required
    assert fields["/applicant/person/my_number"].sensitivity == "my-number"
    assert fields["/content/reason"].choices["birth"] == "出生"


def test_a_condition_says_when_and_what():
    procedure = load_catalogue().get("childcare/allowance-claim", 1)
    assert procedure is not None

    found = [each for each in describe(procedure).conditions if "/content/has_spouse" in each.when]

    assert [(each.when, each.required, each.forbidden) for each in found] == [
        ({"/content/has_spouse": ("true",)}, ("/content/spouse",), ()),
        ({"/content/has_spouse": ("false",)}, (), ("/content/spouse",)),
    ]


def test_every_shipped_procedure_is_described_and_differs_from_itself_in_nothing():
    for procedure in load_catalogue().procedures():
        assert describe(procedure).fields
        assert changes(describe(procedure), describe(procedure)) == ()


@pytest.mark.parametrize(
    ("after", "kind", "breaking"),
    [
        (replace(FIELD, required=True), "required", True),
        (replace(FIELD, type="integer"), "type", True),
        (replace(FIELD, format="date"), "format", True),
        (replace(FIELD, limits={"maxLength": 5}), "limits", True),
        (replace(FIELD, choices={"x": ""}), "choices", True),
        (replace(FIELD, sensitivity="personal"), "sensitivity", False),
        (replace(FIELD, title={"ja": "乙", "en": "B"}), "title", False),
    ],
)
def test_what_changed_of_a_field_is_told_with_whom_it_breaks(
    after: FormField, kind: str, *, breaking: bool
):
    [change] = changes(described(FIELD), described(after))

    assert (change.pointer, change.kind, change.breaking) == ("/content/a", kind, breaking)


@pytest.mark.parametrize(("before", "after", "breaking"), [(5, 6, False), (6, 5, True)])
def test_a_limit_breaks_only_when_it_is_tighter(before: int, after: int, *, breaking: bool):
    was, now = (replace(FIELD, limits={"maxLength": each}) for each in (before, after))

    assert [each.breaking for each in changes(described(was), described(now))] == [breaking]


def test_a_field_may_come_but_not_go():
    assert [each.breaking for each in changes(described(), described(FIELD))] == [False]
    assert [each.breaking for each in changes(described(FIELD), described())] == [True]
    needed = replace(FIELD, required=True)
    assert [each.breaking for each in changes(described(), described(needed))] == [True]


def test_a_check_that_is_new_may_refuse_what_was_right():
    more = Description((), (), (("/content", "period-in-order"),))

    assert [each.breaking for each in changes(described(), more)] == [True]
    assert [each.breaking for each in changes(more, described())] == [False]
