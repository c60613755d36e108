"""The operations door: health, metrics, and operators' commands over a Unix socket."""

import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from aiohttp import web
from pydantic import TypeAdapter

from gateway.domain.entry import Actor, ActorKind
from gateway.domain.errors import KakehashiError, TransientError
from gateway.http.how_far import LINES, TELLING, HowFar, looking
from gateway.http.metrics import Metrics
from gateway.http.problems import CODE, CONTENT_TYPE, refused
from gateway.http.protocol import OPERATED, naming_its_route
from gateway.http.tracing import traced_for_operators
from gateway.http.whole_log import WHOLE_LOG, OneAtATime
from gateway.schema.parse import JSONRefusedError, parse_json
from gateway.services.observe import Observed
from gateway.services.spans import Spans

Ready = Callable[[], Awaitable[Mapping[str, bool]]]
"""Checks by name: whether the gateway can accept as far as each of them can tell."""

Looking = Callable[[], Awaitable[Observed]]

Operation = Callable[[Actor, Mapping[str, object]], Awaitable[object]]
"""One command: who asks, its arguments; returns anything pydantic can write as JSON."""

_JSON: Final = TypeAdapter(object)
_PEER_CREDENTIALS: Final = struct.Struct("3i")
"""``struct ucred``: pid, uid, gid (unix(7))."""


def operations_app(
    *,
    ready: Ready,
    observe: Looking,
    metrics: Metrics,
    operations: Mapping[str, Operation],
    spans: Spans | None = None,
) -> web.Application:
    """Return the operations door; serve it with ``FrontRunner``.

    Args:
        ready: What ``/readyz`` asks.
        observe: Destinations as they are, asked at every scrape of ``/metrics``.
        metrics: What the front door's answers are counted in.
        operations: Commands by name, for the Unix socket. Empty on the TCP port, which
            knows nobody: what it serves may be seen by all who reach it.
        spans: Where what operators ask is traced.
    """
    door = _Operations(ready, observe, metrics, operations)
    app = web.Application(middlewares=[naming_its_route, traced_for_operators(spans or Spans())])
    app.router.add_get("/livez", door.live)
    app.router.add_get("/readyz", door.ready)
    app.router.add_get("/metrics", door.metrics)
    if operations:
        app.router.add_post("/ops/v1/{operation}", door.operate)
    return app


class _Operations:
    def __init__(
        self, ready: Ready, observe: Looking, metrics: Metrics, operations: Mapping[str, Operation]
    ) -> None:
        self._ready = ready
        self._observe = observe
        self._metrics = metrics
        self._operations = operations
        self._one_at_a_time = OneAtATime()

    async def live(self, _request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def ready(self, _request: web.Request) -> web.Response:
        checks = dict(await self._ready())
        ready = all(checks.values())
        return web.json_response({"ready": ready, "checks": checks}, status=200 if ready else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        accept = request.headers.get("Accept", "")
        body, content_type = self._metrics.exposition(await self._observe(), accept)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def operate(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["operation"]
        operation = self._operations.get(name)
        if operation is None:
            raise refused("operation.unknown")
        request[OPERATED] = name
        try:
            arguments = parse_json(await request.read() or b"{}")
        except JSONRefusedError as error:
            raise refused(error.code) from None
        if name in TELLING and request.headers.get("Accept") == LINES:
            return await self._told(request, name, operation, arguments)
        try:
            work = partial(operation, peer(request), arguments)
            is_long = name in WHOLE_LOG
            answer = await (self._one_at_a_time.run(request, work) if is_long else work())
        except KakehashiError as error:
            members = _members(error)
            status = int(members["status"])
            failed = web.json_response(members, status=status, content_type=CONTENT_TYPE)
            failed[CODE] = error.code
            return failed
        return web.Response(body=_JSON.dump_json(answer), content_type="application/json")

    async def _told(
        self,
        request: web.Request,
        name: str,
        operation: Operation,
        arguments: Mapping[str, object],
    ) -> web.StreamResponse:
        """Answer line by line how far it is."""
        how_far = HowFar()
        work = partial(operation, peer(request), {**arguments, "told": how_far.note})
        await how_far.begin(request)
        try:
            if name in WHOLE_LOG:
                answer = await self._one_at_a_time.run(request, work, how_far.tell)
            else:
                # What was begun is done, whoever hangs up.
                answer = await looking(work, how_far.tell)
        except KakehashiError as error:
            await how_far.end({"problem": _members(error)})
        else:
            await how_far.end({"answer": answer})
        return how_far.response


def _members(error: KakehashiError) -> dict[str, int | str]:
    """Return a refusal; its text is ours: a code and a subject, for the operator here."""
    status = 503 if isinstance(error, TransientError) else 422
    return {"status": status, "code": error.code, "detail": str(error)}


def peer(request: web.Request) -> Actor:
    """Return who is at the other end of the Unix socket, as the kernel says (``SO_PEERCRED``).

    Raises:
        RefusedError: The request did not come over a Unix socket, or from another user
            than the gateway's own and root, whatever the socket's file mode is.
    """
    transport = request.transport
    connection = None if transport is None else transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        raise refused("operator.unknown")
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size
    )
    _pid, uid, _gid = _PEER_CREDENTIALS.unpack(credentials)
    if uid not in (0, os.geteuid()):
        raise refused("operator.unknown")
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid-{uid}"
    return Actor(ActorKind.OPERATOR, name)
