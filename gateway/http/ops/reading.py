"""From a request to an operation's arguments: strictly, and every mistake with its place."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_origin
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ValidationError

from gateway.http import headers
from gateway.http.body import Bodies
from gateway.http.ops import cursor
from gateway.http.ops.problems import OpsProblem, OpsRefusedError, refuse
from gateway.http.ops.route import IDS, Pages, Route
from gateway.http.problems import refused
from gateway.http.protocol import BODY_BYTES
from gateway.schema.errors import FieldError, in_order
from gateway.schema.parse import JSONRefusedError, parse_json

_CODES: Final[Mapping[str, tuple[str, str | None]]] = {
    "missing": ("field.required", None),
    "extra_forbidden": ("field.unknown", None),
    "string_too_short": ("text.too_short", "min_length"),
    "string_too_long": ("text.too_long", "max_length"),
    "string_pattern_mismatch": ("text.pattern", None),
    "string_unicode": ("text.lone_surrogate", None),
    "greater_than_equal": ("number.too_small", "ge"),
    "less_than_equal": ("number.too_large", "le"),
    "too_short": ("list.too_short", "min_length"),
    "too_long": ("list.too_long", "max_length"),
    "literal_error": ("value.not_in_list", None),
    "enum": ("value.not_in_list", None),
}
"""pydantic's type of an error to our code, and which of its facts is the limit."""
_TYPE: Final = re.compile(r"(\w+_(type|parsing)|int_from_float)")
_TELLABLE: Final = re.compile(r"[a-z0-9_.-]{1,64}")
"""Names that may be repeated; what else somebody typed is not."""
_ETAG: Final = re.compile(r'"(0|[1-9][0-9]{0,15})"')


async def read(request: web.Request, route: Route, bodies: Bodies) -> dict[str, object]:
    """Return the arguments that a request stands for.

    Raises:
        OpsRefusedError: It says something wrong (422), or its condition cannot be (400, 428).
        RefusedError: Its body cannot be read (400, 408, 413, 415, 503).
    """
    parts = {name: _path_part(request, name) for name in route.in_path}
    arguments: dict[str, object] = {
        name: "/".join(map(parts.pop, names)) for name, names in route.joined.items()
    }
    arguments |= {route.renamed.get(name, name): part for name, part in parts.items()}
    query = {name: request.query.getall(name) for name in request.query}
    if isinstance(route.shape, Pages) and cursor.PARAMETER in query:
        (*others, word) = query.pop(cursor.PARAMETER)
        if others:
            raise _invalid(FieldError(cursor.PARAMETER, "field.invalid"))
        arguments[route.shape.after] = cursor.read(word)
    if route.version is not None and (version := _condition(request, route)) is not None:
        arguments["version"] = version
    if not route.has_body:
        return {**arguments, **route.arguments(_checked_query(route.said, query))}
    if query:
        raise _invalid(*(FieldError(_name(name, "query"), "field.unknown") for name in query))
    return {**arguments, **route.arguments(await _checked_body(request, route, bodies))}


def _path_part(request: web.Request, name: str) -> str:
    """Return what a path names; what cannot be anything's name is nowhere."""
    value = request.match_info[name]
    if not value.isprintable() or (name in IDS and not _is_id(value)):
        raise refused("resource.unknown")
    return value


def _is_id(text: str) -> bool:
    """Tell whether it is an id as it is written everywhere: a 受付番号 stands in no URL."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _condition(request: web.Request, route: Route) -> int | None:
    """Return the version that must still be, as ``If-Match`` says (RFC 9110, 13.1.1)."""
    values = request.headers.getall("If-Match", ())
    if not values:
        if route.needs_version:
            raise refuse("request.precondition_required")
        return None
    if len(values) > 1:
        raise refuse("request.if_match")
    value = values[0].strip()
    if value == "*":
        return None
    if value.startswith("W/"):
        # A weak one never matches (RFC 9110, 8.8.3.2).
        raise refuse("request.precondition_failed")
    if not (match := _ETAG.fullmatch(value)):
        raise refuse("request.if_match")
    return int(match[1])


def _checked_query(model: type[BaseModel], query: Mapping[str, list[str]]) -> dict[str, Any]:
    said: dict[str, object] = {}
    for name, values in query.items():
        field = model.model_fields.get(name)
        if field is not None and get_origin(field.annotation) is tuple:
            said[name] = values
        elif len(values) > 1:
            raise _invalid(FieldError(_name(name, "query"), "list.too_long", (("limit", 1),)))
        else:
            said[name] = values[0]
    try:
        return model.model_validate(said).model_dump(exclude_unset=True)
    except ValidationError as error:
        found = (
            FieldError(_name(str(one["loc"][0]), "query"), *_code(one))
            for one in error.errors(include_url=False, include_input=False)
        )
        raise _invalid(*found) from None


async def _checked_body(request: web.Request, route: Route, bodies: Bodies) -> dict[str, Any]:
    if request.can_read_body or route.needs_body:
        headers.require_json(request.headers)
    with bodies.room_for(request):
        raw = await bodies.read(request)
        request[BODY_BYTES] = len(raw)
        try:
            parsed = parse_json(raw or b"{}")
        except JSONRefusedError as error:
            raise refused(error.code) from None
    try:
        # As JSON: there a list is a list, and a number in quotes is none.
        said = route.said.model_validate_json(json.dumps(parsed), strict=True)
    except ValidationError as error:
        found = (
            FieldError(_pointer(one["loc"]), *_code(one))
            for one in error.errors(include_url=False, include_input=False)
        )
        raise _invalid(*found) from None
    return said.model_dump(exclude_unset=True)


def _invalid(*errors: FieldError) -> OpsRefusedError:
    return OpsRefusedError(OpsProblem(422, "request.invalid", errors=in_order(errors)))


def _code(error: Any) -> tuple[str, tuple[tuple[str, str | int], ...]]:
    code, limit = _CODES.get(error["type"], ("field.invalid", None))
    if _TYPE.fullmatch(error["type"]):
        code = "field.type"
    if limit is None:
        return code, ()
    return code, (("limit", error["ctx"][limit]),)


def _name(name: str, otherwise: str) -> str:
    return name if _TELLABLE.fullmatch(name) else otherwise


def _pointer(place: tuple[str | int, ...]) -> str:
    return "/".join(["#", *_tellable(place)])


def _tellable(place: tuple[str | int, ...]) -> Iterator[str]:
    """Yield the parts of a place up to the first that is not to be repeated."""
    for part in place:
        if not _TELLABLE.fullmatch(str(part)):
            return
        yield str(part)
