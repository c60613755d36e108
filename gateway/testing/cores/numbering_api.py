"""住登外者宛名番号付番API as its official specification (2.0) tells, and no more.

``POST app_submit/v10/jutogaishaatenabangofuban`` with a bearer token of the scope
``031:app_submit/v10/jutogaishaatenabangofuban:Create`` gives a person who is not in the resident
register a 宛名番号, and answers it. Where what we have of the specification is silent, this says
so at the place and does the least.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiohttp import web

from gateway.testing.cores.token_endpoint import TokenEndpoint

PATH: Final = "/app_submit/v10/jutogaishaatenabangofuban"
SCOPE: Final = "031:app_submit/v10/jutogaishaatenabangofuban:Create"

CONTENT_TYPE: Final = "application/json;charset=UTF-8"

_HOST: Final = "127.0.0.1"
_TOKEN_PATH: Final = "/token"  # noqa: S105 - a path; where the token endpoint lies is not told
_TITLE: Final = "住登外者宛名番号付番API"
"""What ``title`` holds is not told: the name of the API stands in for it."""

_DONE: Final = "登録が完了しました。"
_ERROR: Final = "エラーが発生しました。"
_BAD_TOKEN: Final = "アクセストークンが無効です。"  # noqa: S105 - a message
_UNEXPECTED: Final = "想定外のエラーが発生しました。"

REQUIRED: Final = ("shikuchosonkodo", "sosashaid", "sosanengappi", "sosajikoku")
"""操作者ID, 操作年月日 and 操作時刻 are in every request, and the answer names them so.
他業務参照不可フラグ is, too, but its name is not told: a core is told it (``also_required``)."""

_DIGITS: Final = re.compile(r"[0-9]*")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""DATE ``YYYY-MM-DD``; open ranges and unknown days (不詳日) are allowed, so no calendar."""

_TIME: Final = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
"""TIME ``HH:MM:SS``, the seconds optional."""

_FIXED: Final[Mapping[str, int]] = {
    "shikuchosonkodo": 6,
    "kojinbango": 12,
    "jusho_choazakodo": 7,
    "yubinbango": 7,
    "seibetsu": 1,
}
"""Digits, as many (E0003 桁数(固定)). Longest lengths of the others have no code of their own."""

_FULL_WIDTH: Final = ("shimei", "shimei_gaikokujinromaji", "furigana")
"""Type Ｎ: full-width characters only (E0002 指定文字)."""

_SEXES: Final = frozenset({"0", "1", "2"})


class Mode(StrEnum):
    """How a request is treated. Those marked + have given a number before they fail."""

    NORMAL = "normal"
    """+ As the specification says."""
    UNEXPECTED = "unexpected"
    """503 with 想定外のエラーが発生しました。; whether it had an effect is not told. Here: none."""
    UNEXPECTED_AFTER = "unexpected-after"
    """+ The same."""
    MAINTENANCE = "maintenance"
    """A 5xx that is not JSON, without an effect."""
    TIMEOUT = "timeout"
    """+ A 5xx that is not JSON: a gateway before it gave up waiting."""
    CORRELATION = "correlation"
    """400 with E0004 相関; which fields hang together is not told, so it is told when to."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """One person who was given a number.

    Attributes:
        number: 宛名番号, 15 digits.
        request: The request's members.
        content_type: Its ``Content-Type``.
    """

    number: str
    request: Mapping[str, object] = field(repr=False)
    content_type: str


class NumberingAPI:
    """The API and the token endpoint before it. It knows no idempotency: none is told.

    Attributes:
        tokens: The token endpoint, at ``/token``.
        also_required: Further members that a request must have.
        numbered: Everybody who was given a number, in order.
        pause_s: How long each answer takes.
    """

    def __init__(self, tokens: TokenEndpoint) -> None:
        """Let ``tokens`` grant the API's scope."""
        self.tokens = tokens
        tokens.scopes |= {SCOPE}
        self.also_required: tuple[str, ...] = ()
        self.numbered: list[Numbered] = []
        self.pause_s = 0.0
        self._modes: list[Mode] = []
        self._runner: web.AppRunner | None = None

    def behave(self, mode: Mode, times: int = 1) -> None:
        """Treat the next ``times`` requests so."""
        self._modes = [mode] * times

    async def start(self, port: int = 0) -> int:
        """Listen on loopback and return the port."""
        app = web.Application()
        app.add_routes([web.post(PATH, self._take), web.post(_TOKEN_PATH, self.tokens.handle)])
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
        content = await request.read()
        if not self.tokens.accepts(request.headers.get("Authorization"), SCOPE):
            return _problem(request, 401, _BAD_TOKEN)
        mode = self._modes.pop() if self._modes else Mode.NORMAL
        match mode:
            case Mode.UNEXPECTED:
                return _problem(request, 503, _UNEXPECTED)
            case Mode.MAINTENANCE:
                return _page(503, "メンテナンス中です。")
            case Mode.CORRELATION:
                return _problem(request, 400, _ERROR, [_fault("E0004")])
            case _:
                pass
        body = _object(content)
        faults = [_fault(code) for code in _codes(body, (*REQUIRED, *self.also_required))]
        if faults:
            return _problem(request, 400, _ERROR, faults)
        one = Numbered(f"{len(self.numbered) + 1:015}", body, request.headers["Content-Type"])
        self.numbered.append(one)
        await asyncio.sleep(self.pause_s)
        if mode is Mode.UNEXPECTED_AFTER:
            return _problem(request, 503, _UNEXPECTED)
        if mode is Mode.TIMEOUT:
            return _page(504, "Gateway Time-out")
        return _done(request, one)


def _object(content: bytes) -> Mapping[str, object]:
    """Return the request's members; what is no JSON object has none (its code is not told)."""
    try:
        body = json.loads(content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _codes(body: Mapping[str, object], required: tuple[str, ...]) -> list[str]:
    """Return a code for each fault."""
    codes = ["E0001" for name in required if body.get(name) in {None, ""}]
    for name, value in body.items():
        if isinstance(value, str) and value:
            code = _code(name, value)
            codes += [code] if code else []
        elif value not in {None, ""}:
            codes.append("E0002")
    return codes


def _code(name: str, value: str) -> str | None:
    if name in _FIXED:
        if not _DIGITS.fullmatch(value) or (name == "seibetsu" and value not in _SEXES):
            return "E0002"
        return None if len(value) == _FIXED[name] else "E0003"
    if name in _FULL_WIDTH:
        return None if all(_is_full_width(character) for character in value) else "E0002"
    if name in {"seinengappi", "sosanengappi"}:
        return None if _DATE.fullmatch(value) else "E0002"
    if name == "sosajikoku":
        return None if _TIME.fullmatch(value) else "E0002"
    return None


def _is_full_width(character: str) -> bool:
    """Tell whether a character is none of ASCII and half-width kana (U+FF61–FF9F)."""
    return ord(character) > 0x7F and not 0xFF61 <= ord(character) <= 0xFF9F


def _fault(code: str) -> dict[str, str]:
    """Return one of ``errors``; how messages read is not told."""
    return {"code": code, "message": _ERROR}


def _done(request: web.Request, one: Numbered) -> web.Response:
    asked = one.request
    result = {
        "shikuchosonkodo": asked["shikuchosonkodo"],
        "atenabango": one.number,
        "rirekibango": 1,
        "sosashaid": asked["sosashaid"],
        "sosanengappi": asked["sosanengappi"],
        "sosajikoku": asked["sosajikoku"],
    }
    metadata = {"title": _TITLE, "detail": _DONE}
    return _json(200, {"metadata": metadata, "_links": _links(request), "result": [result]})


def _problem(
    request: web.Request, status: int, detail: str, errors: list[dict[str, str]] | None = None
) -> web.Response:
    body = {"title": _TITLE, "detail": detail, "_links": _links(request), "errors": errors or []}
    return _json(status, body)


def _links(request: web.Request) -> dict[str, dict[str, str]]:
    return {"self": {"href": str(request.url)}}


def _json(status: int, body: object) -> web.Response:
    content = json.dumps(body, ensure_ascii=False).encode()
    return web.Response(status=status, body=content, headers={"Content-Type": CONTENT_TYPE})


def _page(status: int, text: str) -> web.Response:
    page = f"<html>{text}</html>"
    return web.Response(status=status, text=page, content_type="text/html")
