"""The front-end API as an OpenAPI 3.1 document, from the models that check and answer."""

from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway import __version__
from gateway.http import answers
from gateway.http.problems import CONTENT_TYPE, DETAILS, OPERATORS_ONLY, TITLES
from gateway.schema.catalogue import Catalogue
from gateway.schema.envelope import ApplicationRequest
from gateway.schema.procedure import Procedure

Node = dict[str, object]

_REF: Final = "#/components/schemas/{model}"
_ANSWERS: Final[tuple[type[BaseModel], ...]] = (
    answers.AcceptedApplication,
    answers.ApplicationStatus,
    answers.AcceptanceProof,
    answers.ProcedureList,
    answers.ProcedureDocument,
    answers.Problem,
)
_RETRY_AFTER: Final = ("Retry-After", "Seconds.", {"type": "integer", "minimum": 1})
_ANYWHERE: Final = (400, 404, 405, 417)
"""What a request can come to whatever it asks for."""
_KNOWN_CLIENT: Final = (401, 429, 503)
_SUBMISSION: Final = (403, 408, 413, 415, 422)
_HEADERS: Final[Mapping[int, tuple[str, str, Node]]] = {
    401: ("WWW-Authenticate", "`Bearer` (RFC 6750, 3).", {"type": "string"}),
    405: ("Allow", "The methods that can be used.", {"type": "string"}),
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
"""Status to the header that every refusal with it has: name, description, schema."""
_NAME: Final[Node] = {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}
_VERSION: Final[Node] = {"type": "integer", "minimum": 1, "maximum": 9999}
_DIALECT_KEYWORDS: Final = frozenset({"$id", "$schema"})


def document(catalogue: Catalogue) -> Node:
    """Return the OpenAPI document of the front door with these procedures.

    Every procedure's versions stand in it as a schema with an example each.
    """
    procedures = catalogue.procedures()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kakehashi front-end API",
            "version": __version__,
            "summary": "Post applications, learn what became of them.",
            "description": "申請を送り、その後の状況を知るための API です。"
            "202 は、申請が失われない形で記録されたことを意味します。 "
            "A 202 means that the application is kept.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": _paths(procedures),
        "components": {
            "schemas": _schemas(procedures),
            "responses": {_name(status): _refusal(status) for status in TITLES},
            "securitySchemes": {"api_key": _bearer()},
        },
    }


def _bearer() -> Node:
    return {
        "type": "http",
        "scheme": "bearer",
        "description": "API key, made by `kakehashi client add`.",
    }


def _paths(procedures: Iterable[Procedure]) -> Node:
    identifier = _path_parameter(
        "id", "The application's id.", {"type": "string", "format": "uuid"}
    )
    return {
        "/v1/municipalities/{code}/applications": {"post": _submit(procedures)},
        "/v1/applications/{id}": {
            "get": _operation(
                "get_application",
                "Status of an application, for the client that sent it.",
                ok=(200, _content("ApplicationStatus")),
                refusals=_KNOWN_CLIENT,
                parameters=[identifier],
            )
        },
        "/v1/applications/{id}/proof": {
            "get": _operation(
                "get_proof",
                "Proof of acceptance, for the client that sent it; 404 with `Retry-After` "
                "until the acceptance is sealed, some 200 ms.",
                ok=(200, _content("AcceptanceProof")),
                refusals=_KNOWN_CLIENT,
                parameters=[identifier],
            )
        },
        "/v1/procedures": {
            "get": _operation(
                "list_procedures",
                "The procedures that can be applied for.",
                ok=(200, _content("ProcedureList")),
            )
        },
        "/v1/procedures/{area}/{name}/v{version}": {
            "get": _operation(
                "get_procedure",
                "One version of a procedure: JSON Schema and example.",
                ok=(200, _content("ProcedureDocument")),
                parameters=[
                    _path_parameter("area", "Its area.", _NAME),
                    _path_parameter("name", "Its name.", _NAME),
                    _path_parameter("version", "Its version.", _VERSION),
                ],
            )
        },
    }


def _submit(procedures: Iterable[Procedure]) -> Node:
    operation = _operation(
        "submit_application",
        "Submit one application. 202 is sent once it is durable.",
        ok=(202, _content("AcceptedApplication")),
        refusals=(*_KNOWN_CLIENT, *_SUBMISSION),
        parameters=[
            _path_parameter(
                "code", "全国地方公共団体コード", {"type": "string", "pattern": "^[0-9]{6}$"}
            ),
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": "A new one per application, the same when it is sent again.",
                "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
            },
            {
                "name": "traceparent",
                "in": "header",
                "description": "W3C trace context.",
                "schema": {"type": "string"},
            },
        ],
    )
    named = {_component(procedure): procedure for procedure in procedures}
    media: Node = {
        "schema": {"oneOf": [_ref(name) for name in named]} if named else _ref("ApplicationRequest")
    }
    if named:
        media["examples"] = {
            name: {"summary": procedure.title["ja"], "value": dict(procedure.example)}
            for name, procedure in named.items()
        }
    operation["requestBody"] = {"required": True, "content": {"application/json": media}}
    return operation


def _operation(
    name: str,
    summary: str,
    *,
    ok: tuple[int, Node],
    refusals: tuple[int, ...] = (),
    parameters: Iterable[Node] = (),
) -> Node:
    status, content = ok
    responses: Node = {str(status): {"description": summary, "content": content}}
    if status == 202:  # noqa: PLR2004 - the one answer with headers of its own
        responses[str(status)] = {
            "description": summary,
            "headers": _accepted_headers(),
            "content": content,
            "links": _accepted_links(),
        }
    for status in sorted({*refusals, *_ANYWHERE}):
        responses[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    operation: Node = {"operationId": name, "summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = [*parameters, _accept_language()]
    operation["security"] = [{"api_key": []}] if refusals else []
    return operation


def _accepted_headers() -> Node:
    return {
        "Location": {
            "description": "Path of its status.",
            "required": True,
            "schema": {"type": "string"},
        },
        "Idempotency-Replayed": {
            "description": "`true` when the answer repeats an earlier one.",
            "schema": {"const": "true"},
        },
    }


def _accepted_links() -> Node:
    identifier = {"id": "$response.body#/id"}
    return {
        "status": {"operationId": "get_application", "parameters": identifier},
        "proof": {"operationId": "get_proof", "parameters": identifier},
    }


def _accept_language() -> Node:
    return {
        "name": "Accept-Language",
        "in": "header",
        "description": "Language of problems: Japanese, or English when that is preferred.",
        "schema": {"type": "string", "default": "ja"},
    }


def _refusal(status: int) -> Node:
    codes = ", ".join(
        f"`{code}`"
        for code, detail in DETAILS.items()
        if detail[0] == status and code not in OPERATORS_ONLY
    )
    japanese, english = TITLES[status]
    refusal: Node = {
        "description": f"{english} {japanese} {codes}",
        "content": {CONTENT_TYPE: {"schema": _ref("Problem")}},
    }
    if status in _HEADERS:
        name, meaning, schema = _HEADERS[status]
        refusal["headers"] = {name: {"description": meaning, "required": True, "schema": schema}}
    return refusal


def _schemas(procedures: Iterable[Procedure]) -> Node:
    _, requests = models_json_schema([(ApplicationRequest, "validation")], ref_template=_REF)
    _, written = models_json_schema(
        [(model, "serialization") for model in _ANSWERS], ref_template=_REF
    )
    return {
        **requests["$defs"],
        **written["$defs"],
        **{_component(procedure): _application(procedure) for procedure in procedures},
    }


def _application(procedure: Procedure) -> Node:
    named: Node = {
        "properties": {
            "procedure": {"const": procedure.name},
            "version": {"const": procedure.version},
        }
    }
    return {
        "title": procedure.title["ja"],
        "description": f"{procedure.title['en']}. {procedure.source}",
        "allOf": [_ref("ApplicationRequest"), named, _embedded(procedure.json_schema)],
    }


def _embedded(schema: object) -> object:
    """Return a schema without what would make it a resource of its own in the document."""
    if isinstance(schema, Mapping):
        return {
            key: _embedded(value) for key, value in schema.items() if key not in _DIALECT_KEYWORDS
        }
    return [_embedded(item) for item in schema] if isinstance(schema, list) else schema


def _component(procedure: Procedure) -> str:
    return f"{procedure.name.replace('/', '.')}.v{procedure.version}"


def _path_parameter(name: str, description: str, schema: Node) -> Node:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def _content(model: str) -> Node:
    return {"application/json": {"schema": _ref(model)}}


def _ref(component: str) -> Node:
    return {"$ref": _REF.format(model=component)}


def _name(status: int) -> str:
    return f"Problem{status}"
