"""The table of routes: it offers every operation, and the document says the same."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.http.ops.openapi import document
from gateway.http.ops.parameters import MEANINGS
from gateway.http.ops.route import PREFIX, Route
from gateway.http.ops.table import NOT_OFFERED, ROUTES
from gateway.services.operate.by_name import operations
from gateway.services.operate.permissions import PERMITTED
from gateway.testing.world import World

DOCUMENT: Any = document()


def described(route: Route) -> dict[str, Any]:
    paths: Any = DOCUMENT["paths"]
    found: dict[str, Any] = paths[PREFIX + route.path][route.method.lower()]
    return found


async def test_every_operation_has_a_route_or_a_reason_for_none(tmp_path: Path) -> None:
    async with World.make(tmp_path) as world:
        known = operations(world.gateway.operate).keys()
        routed = {route.operation for route in ROUTES}

        assert known - routed == NOT_OFFERED.keys()
        assert routed <= known


async def test_every_route_knows_its_operation_by_the_same_function(tmp_path: Path) -> None:
    async with World.make(tmp_path) as world:
        by_name = operations(world.gateway.operate)

        for route in ROUTES:
            method = inspect.getclosurevars(by_name[route.operation]).nonlocals["method"]
            # Approving is put together from the request and the operations themselves.
            is_ours = route.operation == "approval.approve"
            assert is_ours or method.__func__ is route.does, route.operation


def test_every_route_has_a_name_of_its_own() -> None:
    names = [route.id for route in ROUTES]

    assert len(names) == len(set(names))
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_the_document_is_valid_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_document_names_the_roles_of_each_operation() -> None:
    for route in ROUTES:
        assert set(described(route)["x-roles"]) == PERMITTED[route.operation]


def test_every_parameter_is_described() -> None:
    said = {name for route in ROUTES for name in route.said.model_fields}
    nested = {
        name
        for schema in components().values()
        if "Wanted" in schema.get("title", "") or "Sought" in schema.get("title", "")
        for name in schema["properties"]
    }
    in_path = {name for route in ROUTES for name in route.in_path}

    assert said | nested | in_path == MEANINGS.keys()


def components() -> dict[str, Any]:
    found: Any = DOCUMENT["components"]
    schemas: dict[str, Any] = found["schemas"]
    return schemas


def test_a_page_has_a_cursor_and_a_limit() -> None:
    found = described(next(route for route in ROUTES if route.path == "/audit/entries"))
    parameters = {each["name"]: each["schema"] for each in found["parameters"]}

    assert parameters["limit"] == {"default": 50, "maximum": 500, "minimum": 1, "type": "integer"}
    assert {"cursor", "actions"} <= parameters.keys()
    assert not {"before", "receipt_number"} & parameters.keys()


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("PATCH", "/destinations/{destination}", {"409", "412", "428"}),
        ("POST", "/destinations/{destination}/pause", {"409", "412"}),
        ("GET", "/destinations/{destination}", set()),
    ],
)
def test_what_can_be_conditional_says_what_then_may_be(
    method: str, path: str, statuses: set[str]
) -> None:
    [route] = [each for each in ROUTES if (each.method, each.path) == (method, path)]

    assert described(route)["responses"].keys() & {"409", "412", "428"} == statuses
