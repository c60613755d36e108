"""A core system that takes applications over HTTP and answers with its own 整理番号.

===========================  ==========================================================
``POST /applications``       takes one; 201 ``{"reference"}``, or what it was told to do
``GET /applications/{key}``  200 ``{"reference"}`` if it has the key, else 404
``GET /health``              200; 503 or 401 while it is told to be down or unauthorised
``GET /stats``               ``{"arrived", "distinct", "doubled"}``
``POST /behaviour``          ``{"mode", "times", "seconds"}``: how the next ones are treated
===========================  ==========================================================
"""

import argparse
import asyncio
import signal
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from aiohttp import web

from gateway.testing.cores.ledger import Arrival, Ledger

KEY_HEADER: Final = "Idempotency-Key"
_HOST: Final = "127.0.0.1"
_HUGE_BYTES: Final = 8 * 1024 * 1024
_BODY_BYTES: Final = 4 * 1024 * 1024
_FOR_EVER: Final = 1_000_000_000


class Mode(StrEnum):
    """How an application is treated. Those marked + have taken it before they fail."""

    NORMAL = "normal"
    """+ 201 with a reference."""
    SLOW = "slow"
    """+ The same, after ``seconds``."""
    REFUSE = "refuse"
    """422 with a code and a pointer."""
    FAIL = "fail"
    """500 with a page of HTML."""
    FAIL_AFTER = "fail-after"
    """+ The same."""
    THROTTLE = "throttle"
    """429 with ``Retry-After: seconds``."""
    DOWN = "down"
    """503."""
    UNAUTHORISED = "unauthorised"
    """401."""
    CUT = "cut"
    """The connection is closed without an answer."""
    CUT_AFTER = "cut-after"
    """+ The same."""
    CUT_IN_ANSWER = "cut-in-answer"
    """+ The connection is closed in the middle of the answer's body."""
    GARBLED = "garbled"
    """+ 200 with something that is not JSON."""
    HUGE = "huge"
    """+ 200 with 8 MiB."""
    REDIRECT = "redirect"
    """302 to another address."""
    EMPTY = "empty"
    """+ 201 with an empty body."""
    NO_REFERENCE = "no-reference"
    """+ 201 with an empty object."""


_WITHOUT_EFFECT: Final = frozenset(
    {
        Mode.REFUSE,
        Mode.FAIL,
        Mode.THROTTLE,
        Mode.DOWN,
        Mode.UNAUTHORISED,
        Mode.CUT,
        Mode.REDIRECT,
    }
)


@dataclass(slots=True)
class Behaviour:
    """What it was told to do.

    Attributes:
        mode: With the next ``times`` applications.
        times: Then it is normal again.
        seconds: For the modes that wait.
    """

    mode: Mode = Mode.NORMAL
    times: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What one arrival consisted of.

    Attributes:
        key: The delivery's idempotency key.
        body: Byte for byte.
        headers: With lower-case names.
    """

    key: str
    body: bytes
    headers: dict[str, str]


class HTTPCore:
    """The core system. It is not careful about doubles unless told to be."""

    def __init__(
        self, ledger: Ledger, *, deduplicates: bool = True, keeps_bodies: bool = False
    ) -> None:
        """Keep the ledger.

        Args:
            ledger: Where arrivals are written down.
            deduplicates: Answer a known key as before.
            keeps_bodies: Remember in ``taken`` what each arrival consisted of.
        """
        self._ledger = ledger
        self._deduplicates = deduplicates
        self._keeps_bodies = keeps_bodies
        self._in_hand = 0
        self._behaviour = Behaviour()
        self._lock = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self.requests: list[dict[str, str]] = []
        """Headers of every request to ``/applications``, with lower-case names."""
        self.taken: list[Taken] = []
        """What arrived, in order, with ``keeps_bodies``."""
        self.most_at_once = 0
        """How many applications it had in hand at one moment at most."""

    @property
    def ledger(self) -> Ledger:
        """What arrived."""
        return self._ledger

    def behave(self, mode: Mode, *, times: int = _FOR_EVER, seconds: float = 0.0) -> None:
        """Treat the next ``times`` applications so."""
        self._behaviour = Behaviour(mode, times, seconds)

    async def start(self, port: int = 0) -> int:
        """Listen on loopback and return the port."""
        app = web.Application(client_max_size=_BODY_BYTES)
        app.add_routes(
            [
                web.post("/applications", self._take),
                web.get("/applications/{key}", self._find),
                web.get("/health", self._health),
                web.get("/stats", self._stats),
                web.post("/behaviour", self._tell),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, port).start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self._in_hand += 1
        self.most_at_once = max(self.most_at_once, self._in_hand)
        try:
            return await self._treat(request)
        finally:
            self._in_hand -= 1

    async def _treat(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(headers)
        document = await request.json()
        key = request.headers.get(KEY_HEADER) or str(document["idempotency_key"])
        mode, seconds = self._next()
        if mode in _WITHOUT_EFFECT:
            return await _answer_without(mode, seconds, request)
        async with self._lock:
            known = self._ledger.known(key) if self._deduplicates else None
            if known is None:
                facts = {"receipt_number": str(document["receipt_number"])}
                if "traceparent" in headers:
                    facts["traceparent"] = headers["traceparent"]
                known = await asyncio.to_thread(self._ledger.add, key, facts)
                if self._keeps_bodies:
                    self.taken.append(Taken(key, await request.read(), headers))
        return await _answer(mode, seconds, request, known)

    def _next(self) -> tuple[Mode, float]:
        behaviour = self._behaviour
        if behaviour.times <= 0:
            return Mode.NORMAL, 0.0
        behaviour.times -= 1
        return behaviour.mode, behaviour.seconds

    async def _find(self, request: web.Request) -> web.Response:
        arrival = self._ledger.known(request.match_info["key"])
        if arrival is None:
            return web.json_response({"code": "UNKNOWN"}, status=404)
        return web.json_response({"reference": arrival.reference})

    async def _health(self, _: web.Request) -> web.Response:
        mode = self._behaviour.mode if self._behaviour.times > 0 else Mode.NORMAL
        return web.Response(status={Mode.DOWN: 503, Mode.UNAUTHORISED: 401}.get(mode, 200))

    async def _stats(self, _: web.Request) -> web.Response:
        arrivals = self._ledger.arrivals
        return web.json_response(
            {
                "arrived": len(arrivals),
                "distinct": len({arrival.key for arrival in arrivals}),
                "doubled": len(self._ledger.doubled),
            }
        )

    async def _tell(self, request: web.Request) -> web.Response:
        told = await request.json()
        self.behave(
            Mode(told["mode"]),
            times=int(told.get("times", _FOR_EVER)),
            seconds=float(told.get("seconds", 0)),
        )
        return web.Response(status=204)


async def _answer_without(mode: Mode, seconds: float, request: web.Request) -> web.StreamResponse:
    """Answer without having taken the application."""
    match mode:
        case Mode.REFUSE:
            refusal = {"code": "E0012", "field": "/content/claim_date", "message": "対象外"}
            return web.json_response(refusal, status=422)
        case Mode.THROTTLE:
            return web.Response(status=429, headers={"Retry-After": f"{seconds:.0f}"})
        case Mode.DOWN:
            return web.Response(status=503)
        case Mode.UNAUTHORISED:
            return web.Response(status=401)
        case Mode.REDIRECT:
            return web.Response(status=302, headers={"Location": "/login"})
        case Mode.CUT:
            return _cut(request)
        case _:
            return _page_of_html(500)


async def _answer(
    mode: Mode, seconds: float, request: web.Request, arrival: Arrival
) -> web.StreamResponse:
    """Answer, well or badly, having taken the application."""
    body = {"reference": arrival.reference}
    match mode:
        case Mode.SLOW:
            await asyncio.sleep(seconds)
        case Mode.FAIL_AFTER:
            return _page_of_html(500)
        case Mode.CUT_AFTER:
            return _cut(request)
        case Mode.CUT_IN_ANSWER:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b'{"reference": "')
            return _cut(request)
        case Mode.GARBLED:
            return _page_of_html(200)
        case Mode.HUGE:
            return web.Response(body=b" " * _HUGE_BYTES)
        case Mode.EMPTY:
            return web.Response(status=201)
        case Mode.NO_REFERENCE:
            body = {}
        case _:
            pass
    return web.json_response(body, status=201)


def _page_of_html(status: int) -> web.Response:
    return web.Response(status=status, text="<html>障害</html>", content_type="text/html")


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _serve(arguments: argparse.Namespace) -> None:
    ledger = Ledger(arguments.log, synced=not arguments.no_sync)
    core = HTTPCore(ledger, deduplicates=not arguments.no_dedup)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    port = await core.start(arguments.port)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await stop.wait()
    await core.close()
    ledger.close()


def main() -> None:
    """Run it until it is told to stop; the first line of its output is its port."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", type=Path, required=True, help="the ledger, JSON Lines")
    parser.add_argument("--no-dedup", action="store_true", help="take a repeated key again")
    parser.add_argument("--no-sync", action="store_true", help="do not fsync; for benchmarks")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
