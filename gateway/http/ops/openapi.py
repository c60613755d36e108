"""The operations API as an OpenAPI 3.1 document, from the table that the router reads."""

from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway import __version__
from gateway.http import problems
from gateway.http.ops import cursor
from gateway.http.ops.answers import Me, Problem, WaitsForApproval
from gateway.http.ops.caller import CSRF_HEADER
from gateway.http.ops.parameters import MEANINGS
from gateway.http.ops.problems import DETAILS, TITLES
from gateway.http.ops.route import IDS, PREFIX, First, Pages, Route, Whole
from gateway.http.ops.table import ROUTES
from gateway.http.problems import CONTENT_TYPE
from gateway.services.operate.permissions import PERMITTED

Node = dict[str, object]

SESSION_COOKIE: Final = "kakehashi_session"
_REF: Final = "#/components/schemas/{model}"
_ALWAYS: Final = (400, 401, 404, 405, 417, 421, 503)
_BODY: Final = (408, 413, 415)
_TEXT: Final[Node] = {"type": "string"}
_HEADERS: Final[Mapping[int, tuple[str, str, Node]]] = {
    401: ("WWW-Authenticate", "`Bearer` (RFC 6750, 3).", _TEXT),
    405: ("Allow", "The methods that can be used.", _TEXT),
    503: ("Retry-After", "Seconds.", {"type": "integer", "minimum": 1}),
}
_ETAG: Final[Node] = {"type": "string", "pattern": '^"(0|[1-9][0-9]*)"$'}
_IF_MATCH: Final[Node] = {"type": "string", "pattern": '^("(0|[1-9][0-9]{0,15})"|[*])$'}
_ONLY_AT_THE_FRONT: Final = (
    "application.",
    "client.",
    "idempotency.",
    "municipality.",
    "procedure.",
    "proof.",
)
"""Beginnings of codes that this API never answers."""


_OVER_THE_SOCKET: Final = frozenset({"operation.unknown", "operator.unknown"})


def document(cookie: str = SESSION_COOKIE) -> Node:
    """Return the OpenAPI document of the operations API.

    Args:
        cookie: What the cookie of the console's session is called; behind https it has a prefix.
    """
    paths: dict[str, Node] = {f"{PREFIX}/me": {"get": _me()}}
    for route in ROUTES:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kakehashi operations API",
            "version": __version__,
            "summary": "See every message, understand it, repair it.",
            "description": "コンソールでできることを、プログラムから行うための API です。"
            "`x-roles` のどれかの役割が必要で、操作も拒否も監査ログに残ります。 "
            "What the console does, for programs. One of the roles in `x-roles` is needed; what "
            "is done or denied stands in the audit log.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": {_name(status): _refusal(status) for status in TITLES},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An operations token.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookie,
                    "description": "The console's session; where something changes, with "
                    f"`{CSRF_HEADER}` as `GET {PREFIX}/me` says.",
                },
            },
        },
    }


def refusals(route: Route) -> list[int]:
    """Return the statuses with which a request may be refused."""
    found = {*_ALWAYS, 403, 422}
    if route.has_body:
        found |= {*_BODY}
    if route.version is not None and _changes(route):
        found |= {409, 412}
    if route.operation.startswith("approval.") and _changes(route):
        found |= {409}
    if route.needs_version:
        found |= {428}
    return sorted(found)


def _changes(route: Route) -> bool:
    return route.method != "GET"


def _me() -> Node:
    summary = "Who asks, and what they may do."
    answers: Node = {"200": {"description": summary, "content": _content(_ref("Me"))}}
    answers |= {str(status): _problem(status) for status in _ALWAYS}
    return {
        "operationId": "me",
        "summary": summary,
        "parameters": [_accept_language()],
        "responses": answers,
    }


def _operation(route: Route) -> Node:
    operation: Node = {
        "operationId": route.id,
        "summary": route.summary,
        "tags": [route.path.split("/")[1]],
        "x-roles": sorted(PERMITTED[route.operation]),
        "x-operation": route.operation,
        "parameters": [*_parameters(route), _accept_language()],
        "responses": {
            str(route.status): _success(route),
            **({"202": _waiting()} if route.may_wait else {}),
            **{str(status): _problem(status) for status in refusals(route)},
        },
    }
    if route.has_body:
        operation["requestBody"] = {
            "required": route.needs_body,
            "content": _content(_ref(_said(route))),
        }
    return operation


def _parameters(route: Route) -> Iterable[Node]:
    for name in route.in_path:
        schema: Node = {**_TEXT, "minLength": 1}
        if name == "version":
            schema = {"type": "integer", "minimum": 1, "maximum": 9999}
        if name in IDS:
            schema = {**_TEXT, "format": "uuid"}
        yield _parameter(name, "path", MEANINGS.get(name, name), schema, required=True)
    if isinstance(route.shape, Pages):
        word = {**_TEXT, "pattern": cursor.PATTERN}
        yield _parameter(cursor.PARAMETER, "query", "`next` of the page before.", word)
    if route.version is not None and _changes(route):
        meaning = "The `ETag` that was seen; `*` for whatever it is now."
        yield _parameter("If-Match", "header", meaning, _IF_MATCH, required=route.needs_version)
    if not route.has_body:
        yield from _in_query(route.said)


def _in_query(model: type[BaseModel]) -> Iterable[Node]:
    schema = model.model_json_schema()
    required = schema.get("required", ())
    for name, member in schema["properties"].items():
        # What is not said is left out: a query has no null.
        *others, last = [each for each in member.get("anyOf", [member]) if each != {"type": "null"}]
        taken = {"anyOf": [*others, last]} if others else last
        taken = {key: value for key, value in taken.items() if key not in {"title", "description"}}
        yield _parameter(
            name, "query", member.get("description", name), taken, required=name in required
        )


def _parameter(
    name: str, place: str, meaning: str, schema: Node, *, required: bool = False
) -> Node:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": meaning,
        "schema": schema,
    }


def _success(route: Route) -> Node:
    headers: Node = {}
    if route.version is not None:
        headers["ETag"] = {"description": "Of what is answered.", "required": True, "schema": _ETAG}
    if isinstance(route.shape, Pages) and not _changes(route):
        headers["Link"] = {"description": '`rel="next"` (RFC 8288).', "schema": _TEXT}
    if route.created:
        headers["Location"] = {
            "description": "Path of what was made.",
            "required": True,
            "schema": _TEXT,
        }
    one = {} if route.answer is None else _ref(route.answer.__name__)
    answer: Node = {"description": route.summary, "content": _content(_shaped(route, one))}
    return {**answer, "headers": headers} if headers else answer


def _waiting() -> Node:
    return {
        "description": "Nothing was done yet: a second person must approve it.",
        "headers": {
            "Location": {
                "description": "Path of the request for approval.",
                "required": True,
                "schema": _TEXT,
            }
        },
        "content": _content(_ref("WaitsForApproval")),
    }


def _shaped(route: Route, one: Node) -> Node:
    if isinstance(route.shape, Whole | First):
        return one or {"type": "object"}
    following: Node = {"type": "null"}
    if isinstance(route.shape, Pages):
        following = {"type": ["string", "null"], "pattern": cursor.PATTERN}
    beside = {} if route.beside is None else route.beside.model_json_schema(ref_template=_REF)
    return {
        "type": "object",
        "required": ["items", "next", *beside.get("required", ())],
        "properties": {
            "items": {"type": "array", "items": one},
            "next": following,
            **beside.get("properties", {}),
        },
    }


def _accept_language() -> Node:
    meaning = "Language of problems: Japanese, or English when that is preferred."
    return _parameter("Accept-Language", "header", meaning, {**_TEXT, "default": "ja"})


def _refusal(status: int) -> Node:
    japanese, english = TITLES[status]
    refusal: Node = {
        "description": f"{english} {japanese} {', '.join(f'`{each}`' for each in codes(status))}",
        "content": {CONTENT_TYPE: {"schema": _ref("Problem")}},
    }
    if status in _HEADERS:
        name, meaning, schema = _HEADERS[status]
        refusal["headers"] = {name: {"description": meaning, "required": True, "schema": schema}}
    return refusal


def codes(status: int) -> list[str]:
    """Return the codes that this API answers with a status, but for an operation's own."""
    known = {
        code: detail
        for code, detail in problems.DETAILS.items()
        if not code.startswith(_ONLY_AT_THE_FRONT) and code not in _OVER_THE_SOCKET
    }
    return sorted(code for code, (at, _, _) in {**known, **DETAILS}.items() if at == status)


def _schemas() -> Node:
    requests = [route.said for route in ROUTES if route.has_body]
    _, asked = models_json_schema([(each, "validation") for each in requests], ref_template=_REF)
    answers: set[type[BaseModel]] = {Me, Problem, WaitsForApproval}
    for route in ROUTES:
        answers |= {each for each in (route.answer, route.beside) if each is not None}
    _, written = models_json_schema(
        [(each, "serialization") for each in sorted(answers, key=lambda each: each.__name__)],
        ref_template=_REF,
    )
    return {**asked["$defs"], **written["$defs"]}


def _said(route: Route) -> str:
    return route.said.__name__


def _content(schema: Node) -> Node:
    return {"application/json": {"schema": schema}}


def _ref(model: str) -> Node:
    return {"$ref": _REF.format(model=model)}


def _problem(status: int) -> Node:
    return {"$ref": f"#/components/responses/{_name(status)}"}


def _name(status: int) -> str:
    return f"Problem{status}"
