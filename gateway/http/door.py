"""The front door: what front-end systems may ask (design 6.1)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel

from gateway.domain.identifiers import ApplicationId, ClientName
from gateway.http import answers, headers
from gateway.http.body import Bodies, BodyLimits, expectation
from gateway.http.openapi import document
from gateway.http.page import page, page_policy
from gateway.http.problems import RefusedError, refused
from gateway.http.protocol import (
    APPLICATION_ID,
    BODY_BYTES,
    CLIENT,
    TRACEPARENT,
    naming_its_route,
)
from gateway.http.tracing import traced
from gateway.schema.catalogue import Catalogue
from gateway.services.accept import AcceptanceReceipt, Refusal, Submission
from gateway.services.prove import ProvedEntry
from gateway.services.spans import Spans

_SEALED_WITHIN_S: Final = 1.0
"""Longer than sealing takes, and the shortest time that ``Retry-After`` can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontServices:
    """What stands behind the door.

    Attributes:
        accept: ``AcceptApplication``.
        authenticate: ``Authenticate``; gets the ``Authorization`` header, ASCII only.
        limit: ``Limit``.
        track: ``Track.status``: an application's status for the client that sent it, and
            ``None`` for anybody else.
        prove: ``Prove.acceptance``: the proof of an acceptance, ``None`` while there is none.
        catalogue: The procedures offered.
        spans: Where each request is traced.
    """

    accept: Callable[[Submission], Awaitable[AcceptanceReceipt | Refusal]]
    authenticate: Callable[[str | None], ClientName | Refusal]
    limit: Callable[[ClientName], Refusal | None]
    track: Callable[[ApplicationId, ClientName], Awaitable[Mapping[str, object] | None]]
    prove: Callable[[ApplicationId], Awaitable[ProvedEntry | None]]
    catalogue: Catalogue
    spans: Spans = field(default_factory=Spans)


def front_app(services: FrontServices, limits: BodyLimits | None = None) -> web.Application:
    """Return the front-end API; serve it with ``FrontRunner``, which it relies on."""
    door = _Door(services, limits or BodyLimits())
    app = web.Application(middlewares=[naming_its_route, traced(services.spans)])
    app.router.add_post(
        "/v1/municipalities/{code}/applications", door.submit, expect_handler=expectation
    )
    app.router.add_get("/v1/applications/{id}", door.status)
    app.router.add_get("/v1/applications/{id}/proof", door.proof)
    app.router.add_get("/v1/procedures", door.procedures)
    app.router.add_get("/v1/procedures/{area}/{name}/v{version:[1-9][0-9]{0,3}}", door.procedure)
    app.router.add_get("/openapi.json", door.openapi)
    app.router.add_get("/docs", door.docs)
    return app


class _Door:
    def __init__(self, services: FrontServices, limits: BodyLimits) -> None:
        self._services = services
        self._bodies = Bodies(limits)
        self._catalogue = services.catalogue

    async def submit(self, request: web.Request) -> web.Response:
        client = self._admit(request)
        key = headers.idempotency_key(request.headers)
        headers.require_json(request.headers)
        with self._bodies.room_for(request):
            raw = await self._bodies.read(request)
            request[BODY_BYTES] = len(raw)
            answer = await self._services.accept(
                Submission(
                    client=client,
                    municipality=request.match_info["code"],
                    idempotency_key=key,
                    raw=raw,
                    traceparent=request[TRACEPARENT],
                )
            )
        if isinstance(answer, Refusal):
            raise RefusedError(answer)
        body = answers.accepted(answer)
        request[APPLICATION_ID] = str(body.id)
        response = _json(body, status=202)
        response.headers["Location"] = body.links.self
        if answer.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    async def status(self, request: web.Request) -> web.Response:
        return _json(answers.status(await self._tracked(request)))

    async def proof(self, request: web.Request) -> web.Response:
        tracked = await self._tracked(request)
        proved = await self._services.prove(ApplicationId(UUID(str(tracked["id"]))))
        if proved is None:
            raise refused("proof.not_sealed_yet", retry_after_s=_SEALED_WITHIN_S)
        return _json(answers.proof(proved))

    async def procedures(self, _request: web.Request) -> web.Response:
        return _json(answers.procedure_list(self._catalogue))

    async def procedure(self, request: web.Request) -> web.Response:
        name = f"{request.match_info['area']}/{request.match_info['name']}"
        procedure = self._catalogue.get(name, int(request.match_info["version"]))
        if procedure is None:
            raise refused("procedure.unknown")
        return _json(answers.procedure_document(procedure))

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(self._document)

    async def docs(self, _request: web.Request) -> web.Response:
        return web.Response(
            text=page(self._document),
            content_type="text/html",
            headers={"Content-Security-Policy": page_policy()},
        )

    @cached_property
    def _document(self) -> dict[str, object]:
        return document(self._catalogue)

    def _admit(self, request: web.Request) -> ClientName:
        client = self._services.authenticate(headers.authorization(request.headers))
        if isinstance(client, Refusal):
            raise RefusedError(client)
        request[CLIENT] = client
        if refusal := self._services.limit(client):
            raise RefusedError(refusal)
        return client

    async def _tracked(self, request: web.Request) -> Mapping[str, object]:
        client = self._admit(request)
        application_id = _application_id(request.match_info["id"])
        tracked = application_id and await self._services.track(application_id, client)
        if not tracked:
            raise refused("application.unknown")
        request[APPLICATION_ID] = str(application_id)
        return tracked


def _application_id(text: str) -> ApplicationId | None:
    """Return the id, of which only the canonical spelling is taken (RFC 9562, 4)."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return ApplicationId(value) if str(value) == text.lower() else None


def _json(answer: BaseModel, *, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=answer.model_dump_json(by_alias=True).encode(),
        content_type="application/json",
    )
