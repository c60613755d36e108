from typing import Any

import pytest

from adapters.http import HTTPConfig
from gateway.bootstrap.field_mapping import require_fitting_mapping
from gateway.domain.errors import ConfigError
from gateway.formats.batch_config import BatchConfig
from gateway.formats.layout_config import CSVConfig
from gateway.formats.record_config import RecordConfig
from gateway.schema.catalogue import Catalogue, load_catalogue, shipped_schemas
from gateway.settings.model import Settings

CATALOGUE = load_catalogue(shipped_schemas())
REASONS = {"birth": "1", "moved_in": "2", "custody": "3", "left_public_service": "4", "other": "5"}


def settings(*procedures: str) -> Settings:
    return Settings.model_validate(
        {
            "municipalities": {"131016": {"name": "千代田区"}},
            "destinations": {
                "jido": {"municipality": "131016", "adapter": "file", "config": {"folder": "drop"}}
            },
            "routes": [
                {"municipality": "131016", "procedure": procedure, "to": ["jido"]}
                for procedure in procedures
            ],
        }
    )


def config(**column: Any) -> RecordConfig:
    columns = [{"name": "a", "literal": "1"}, {"name": "値", **column}]
    return RecordConfig.model_validate({"format": "csv", "csv": {"columns": columns}})


def catalogue() -> Catalogue:
    return CATALOGUE


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (
            {"pointer": "/content/reazon"},
            "/content/reazon leads nowhere in childcare/allowance-claim v1",
        ),
        (
            {"pointers": ["/content/reason", "/content/children/99/sex"]},
            "/content/children/99/sex leads nowhere in childcare/allowance-claim v1",
        ),
        ({"pointer": "/receipt_number/x"}, "/receipt_number/x leads nowhere"),
        (
            {"pointer": "/content/reason", "codes": {"birth": "1", "moved_in": "2"}},
            (
                "codes without custody, left_public_service, other of childcare/allowance-claim "
                "v1 need codes_default"
            ),
        ),
        (
            {"pointer": "/applicant/person/name/family", "codes": {"山田": "1"}},
            "codes need codes_default; childcare/allowance-claim v1 does not list the values",
        ),
        (
            {"pointer": "/receipt_number", "codes": {"1": "2"}},
            "codes need codes_default; the values are not known",
        ),
    ],
)
def test_a_mapping_that_no_application_can_fill_is_refused_with_the_fields_path(
    column: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        require_fitting_mapping("jido", config(**column), settings("childcare/*"), catalogue)

    assert caught.value.args == (f"destinations.jido.config.csv.columns.1 (値): {said}",)


@pytest.mark.parametrize(
    "column",
    [
        {"pointer": "/content/reason", "codes": REASONS},
        {"pointer": "/content/reason", "codes": {"birth": "1"}, "codes_default": "9"},
        {"pointer": "/content/reason", "codes": {"birth": "1"}, "codes_default": None},
        {"pointer": "/content/has_spouse", "codes": {"true": "1", "false": "0"}},
        {"pointer": "/idempotency_key", "required": True},
        {"pointer": "/content/children/1/birth_date", "date": "era7"},
    ],
)
def test_a_mapping_that_fits_is_taken(column: dict[str, object]) -> None:
    require_fitting_mapping("jido", config(**column), settings("childcare/*"), catalogue)


def test_of_several_procedures_one_must_have_a_value_and_all_a_required_one() -> None:
    both = settings("childcare/*", "care/*")

    require_fitting_mapping("jido", config(pointer="/content/reason"), both, catalogue)
    with pytest.raises(ConfigError, match="required, but /content/reason leads nowhere in care"):
        require_fitting_mapping(
            "jido", config(pointer="/content/reason", required=True), both, catalogue
        )


def test_without_a_route_or_a_layout_nothing_is_asked() -> None:
    def never() -> Catalogue:
        raise AssertionError

    require_fitting_mapping("jido", RecordConfig(), settings("childcare/*"), never)
    require_fitting_mapping("jido", object(), settings("childcare/*"), never)
    require_fitting_mapping("jido", config(pointer="/content/x"), settings(), catalogue)


@pytest.mark.parametrize("part", ["columns", "batch_trailer"])
def test_codes_of_what_only_the_batch_knows_need_a_default(part: str) -> None:
    coded: dict[str, object] = {
        "name": "番号",
        "pointer": "/batch/count",
        "codes": {"0": "0", "1": "1"},
    }
    column: dict[str, object] = {"name": "a", "literal": "1"}
    parts: dict[str, list[dict[str, object]]] = {"columns": [column], part: [column, coded]}
    loaded = RecordConfig.model_construct(
        format="csv",
        csv=CSVConfig.model_validate(parts),
        batch=BatchConfig(),
    )

    with pytest.raises(ConfigError, match="codes need codes_default; the values are not known"):
        require_fitting_mapping("jido", loaded, settings("childcare/*"), catalogue)


def of_http(*members: dict[str, object]) -> HTTPConfig:
    return HTTPConfig.model_validate({"url": "https://core.example.jp/", "members": members})


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (
            {"pointer": "/content/reazon"},
            "/content/reazon leads nowhere in childcare/allowance-claim v1",
        ),
        (
            {"pointer": "/accepted/date", "codes": {"2026-11-20": "1"}},
            "codes need codes_default; the values are not known",
        ),
    ],
)
def test_members_of_a_request_are_checked_like_columns(
    member: dict[str, object], said: str
) -> None:
    config = of_http({"name": "a", "literal": "1"}, {"name": "値", **member})

    with pytest.raises(ConfigError) as caught:
        require_fitting_mapping("jido", config, settings("childcare/*"), catalogue)

    assert caught.value.args == (f"destinations.jido.config.members.1 (値): {said}",)


def test_members_may_name_what_the_adapter_adds() -> None:
    config = of_http(
        {"name": "日", "pointer": "/accepted/date", "required": True},
        {"name": "時", "pointers": ["/accepted/time", "/content/reason"]},
    )

    require_fitting_mapping("jido", config, settings("childcare/*"), catalogue)
