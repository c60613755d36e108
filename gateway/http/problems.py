"""Refusals as RFC 9457 problems, in Japanese or English, without an echo of the request.

Every sentence stands in this file or in ``gateway.schema.errors``. An answer is
made of a status, a code and those sentences; nothing that came in goes out.
"""

import json
import math
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway.schema.errors import SENTENCES, FieldError, Language
from gateway.services.accept import Refusal

CONTENT_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:kakehashi:problem:"

CODE: Final = web.ResponseKey("code", str)
"""Where an answer keeps its code for the access log."""

Sentence = tuple[str, str]

TITLES: Final[dict[int, Sentence]] = {
    400: ("リクエストを読み取れません。", "The request cannot be read."),
    401: ("認証が必要です。", "Authentication is required."),
    403: ("許可されていません。", "This is not allowed."),
    404: ("見つかりません。", "There is no such thing."),
    405: ("このメソッドは使えません。", "This method is not allowed."),
    408: ("受信が時間内に終わりませんでした。", "The request did not arrive in time."),
    413: ("リクエストが大きすぎます。", "The request is too large."),
    415: ("この形式は受け付けられません。", "This format is not accepted."),
    417: ("この Expect には応じられません。", "This expectation cannot be met."),
    421: ("宛先が違います。", "This request is for another host."),
    422: ("申請の内容を受け付けられません。", "The application cannot be accepted as it is."),
    429: ("リクエストが多すぎます。", "Too many requests."),
    500: ("処理できませんでした。", "Something went wrong."),
    503: ("ただいま受け付けられません。", "Nothing can be accepted at the moment."),
}
"""Status to title; every status that the front door answers with, but for 200 and 202."""

AT_THE_DOOR: Final = frozenset(
    {
        "client.key_revoked",
        "client.key_unknown",
        "client.rate_exceeded",
        "client.unauthenticated",
        "gateway.busy",
        "idempotency.key_invalid",
        "idempotency.key_missing",
        "request.attachments_not_yet",
        "request.charset",
        "request.content_encoding",
        "request.expectation",
        "request.incomplete",
        "request.malformed",
        "request.media_type",
        "request.method",
        "request.timeout",
        "request.too_large",
        "resource.unknown",
    }
)
"""Refusals before acceptance begins: counted for the audit log, not written one by one."""

OPERATORS_ONLY: Final = frozenset(
    {
        "operation.unknown",
        "operator.csrf",
        "operator.token_expired",
        "operator.token_revoked",
        "operator.token_unknown",
        "operator.unauthenticated",
        "operator.unknown",
        "request.misdirected",
    }
)
"""Codes that only the operations door answers."""

DETAILS: Final[dict[str, tuple[int, str, str]]] = {
    "request.malformed": (
        400,
        "HTTP のリクエストとして読み取れません。",
        "This is not a well-formed HTTP request.",
    ),
    "request.incomplete": (
        400,
        "本文が途中で終わっています。何も受け付けていません。",
        "The body ended before its end. Nothing was accepted.",
    ),
    "idempotency.key_missing": (
        400,
        "Idempotency-Key ヘッダーが必要です。申請ごとに新しく、再送では同じ値にしてください。",
        "An Idempotency-Key header is required: new per application, the same when resending.",
    ),
    "idempotency.key_invalid": (
        400,
        "Idempotency-Key は1個だけ、表示可能な ASCII 文字1〜255字で指定してください。",
        "There must be exactly one Idempotency-Key, of 1 to 255 visible ASCII characters.",
    ),
    "json.byte_order_mark": (
        400,
        "本文の先頭にバイトオーダーマークがあります。",
        "The body starts with a byte order mark.",
    ),
    "json.duplicate_key": (
        400,
        "同じオブジェクトに同じ名前が2回以上あります。",
        "An object has the same name more than once.",
    ),
    "json.lone_surrogate": (
        400,
        "文字として成り立たない符号(サロゲートの片方)が含まれています。",
        "The body contains half of a surrogate pair.",
    ),
    "json.malformed": (400, "本文が JSON ではありません。", "The body is not JSON."),
    "json.not_an_object": (
        400,
        "本文は JSON のオブジェクトでなければなりません。",
        "The body must be a JSON object.",
    ),
    "json.not_utf8": (400, "本文が UTF-8 ではありません。", "The body is not UTF-8."),
    "json.number_out_of_range": (
        400,
        "正確に扱えない数値が含まれています(整数は±9007199254740991まで)。",
        "The body contains a number that cannot be kept exact (integers up to ±9007199254740991).",
    ),
    "json.too_deep": (400, "本文の入れ子が深すぎます。", "The body is nested too deeply."),
    "json.too_many_values": (
        400,
        "本文に含まれる値が多すぎます。",
        "The body contains too many values.",
    ),
    "client.unauthenticated": (
        401,
        "Authorization: Bearer に続けて API キーを送ってください。",
        "Send an API key after Authorization: Bearer.",
    ),
    "client.key_unknown": (401, "この API キーは無効です。", "This API key is not valid."),
    "client.key_revoked": (
        401,
        "この API キーは失効しています。",
        "This API key has been revoked.",
    ),
    "operator.unauthenticated": (
        401,
        "Authorization: Bearer に続けてアカウントのトークンを送ってください。",
        "Send a token of an account after Authorization: Bearer.",
    ),
    "operator.token_unknown": (401, "このトークンは無効です。", "This token is not valid."),
    "operator.token_revoked": (
        401,
        "このトークンは失効しているか、アカウントが停止されています。",
        "This token has been revoked, or its account is disabled.",
    ),
    "operator.token_expired": (
        401,
        "このトークンは有効期限を過ぎています。",
        "This token has expired.",
    ),
    "client.municipality_not_allowed": (
        403,
        "この団体あての申請は、このクライアントに許可されていません。",
        "This client may not send applications to this municipality.",
    ),
    "client.procedure_not_allowed": (
        403,
        "この手続は、このクライアントに許可されていません。",
        "This client may not send this procedure.",
    ),
    "resource.unknown": (404, "この URL には何もありません。", "There is nothing at this URL."),
    "municipality.unknown": (
        404,
        "この団体コードの団体は受付の対象ではありません。",
        "This gateway does not serve a municipality with this code.",
    ),
    "procedure.unknown": (
        404,
        "この手続、またはこの版はありません。GET /v1/procedures に一覧があります。",
        "There is no such procedure, or not this version; see GET /v1/procedures.",
    ),
    "procedure.not_offered": (
        404,
        "この団体では、この手続を受け付けていません。",
        "This municipality does not take this procedure here.",
    ),
    "application.unknown": (
        404,
        "この ID の申請はありません。",
        "There is no application with this id.",
    ),
    "proof.not_sealed_yet": (
        404,
        "受付の証明はまだできていません。Retry-After の秒数だけ待って、もう一度求めてください。",
        "There is no proof yet; ask again after the number of seconds in Retry-After.",
    ),
    "request.method": (
        405,
        "使えるメソッドは Allow ヘッダーにあります。",
        "The Allow header names the methods that can be used.",
    ),
    "request.timeout": (
        408,
        "本文の受信に時間がかかりすぎました。何も受け付けていません。",
        "The body took too long to arrive. Nothing was accepted.",
    ),
    "request.too_large": (
        413,
        "本文が上限を超えています。何も受け付けていません。",
        "The body is larger than the limit. Nothing was accepted.",
    ),
    "request.media_type": (
        415,
        "Content-Type は application/json にしてください。",
        "The Content-Type must be application/json.",
    ),
    "request.charset": (415, "文字コードは UTF-8 にしてください。", "The charset must be UTF-8."),
    "request.content_encoding": (
        415,
        "本文は圧縮せずに送ってください。",
        "The body must not be compressed.",
    ),
    "request.attachments_not_yet": (
        415,
        "添付ファイル(multipart)はまだ受け付けていません。",
        "Attachments (multipart) are not accepted yet.",
    ),
    "request.expectation": (
        417,
        "Expect に指定できるのは 100-continue だけです。",
        "The only expectation that can be met is 100-continue.",
    ),
    "request.misdirected": (
        421,
        "この名前では応じません。console.url か console.hosts の名前、または IP アドレスで。",
        "It does not answer to this name: use one of console.url, console.hosts, or an address.",
    ),
    "application.invalid": (
        422,
        "errors に挙げた項目を直して送り直してください。何も受け付けていません。",
        "Nothing was accepted; correct what is listed in errors and send it again.",
    ),
    "application.already_received": (
        422,
        "この受付番号は受付済みです。補正・再提出なら supersedes に existing を指定してください。",
        "This 受付番号 was received before; to replace that application, put it into supersedes.",
    ),
    "idempotency.key_reused": (
        422,
        "この Idempotency-Key は、別の内容の申請に使われています。",
        "This Idempotency-Key was used for another body.",
    ),
    "client.rate_exceeded": (
        429,
        "Retry-After の秒数だけ待ってから送ってください。",
        "Wait for the number of seconds in Retry-After.",
    ),
    "gateway.busy": (
        503,
        "処理中の申請が多すぎます。Retry-After の秒数だけ待ってから送ってください。",
        "Too many applications are being read; wait for the number of seconds in Retry-After.",
    ),
    "journal.backlog_full": (
        503,
        "配信待ちの申請が上限に達しています。何も受け付けていません。",
        "Too many applications wait to be delivered. Nothing was accepted.",
    ),
    "journal.unavailable": (
        503,
        "記録できないため受け付けていません。同じ Idempotency-Key で送り直してください。",
        "It could not be stored, so nothing was accepted; send it again under the same key.",
    ),
    "journal.commit_unknown": (
        503,
        "受け付けたかどうか確認できません。同じ Idempotency-Key で送り直せば分かります。",
        "Whether it was accepted is not known; send it again under the same key to learn it.",
    ),
    "operation.unknown": (404, "この操作はありません。", "There is no such operation."),
    "operator.unknown": (
        403,
        "操作は Unix ソケットで、ゲートウェイと同じ利用者からだけ受け付けます。",
        "Operations are taken over the Unix socket only, from the gateway's own user.",
    ),
    "internal": (500, "", ""),
}
"""Code to status, Japanese and English sentence; ``internal`` says nothing on purpose."""

_FIELD_FALLBACK: Final = "field.invalid"


class RefusedError(Exception):
    """A request that goes no further; turned into its problem at the top.

    Attributes:
        refusal: Why.
    """

    def __init__(self, refusal: Refusal) -> None:
        """Keep the refusal."""
        super().__init__(refusal.code)
        self.refusal = refusal


def refused(code: str, *, retry_after_s: float | None = None) -> RefusedError:
    """Return the error to raise for one of the codes in ``DETAILS``."""
    status, _, _ = DETAILS[code]
    return RefusedError(Refusal(status=status, code=code, retry_after_s=retry_after_s))


def problem(refusal: Refusal, language: Language, *, allow: str | None = None) -> web.Response:
    """Return the answer to a refused request.

    Args:
        refusal: Why; a status or code that this file has no words for gets fewer words.
        language: Of the sentences.
        allow: The methods of a 405 (RFC 9110, 10.2.1).
    """
    body = json.dumps(document(refusal, language), ensure_ascii=False).encode()
    response = web.Response(
        status=refusal.status,
        body=body,
        headers={
            "Content-Type": CONTENT_TYPE,
            "Content-Language": language,
            "Vary": "Accept-Language",
            **_headers(refusal, allow),
        },
    )
    response[CODE] = refusal.code
    return response


def document(refusal: Refusal, language: Language) -> dict[str, object]:
    """Return the problem's members (RFC 9457, 3)."""
    members: dict[str, object] = {
        "type": TYPE_PREFIX + refusal.code,
        "title": TITLES.get(refusal.status, TITLES[500])[language == "en"],
        "status": refusal.status,
        "code": refusal.code,
    }
    _, japanese, english = DETAILS.get(refusal.code, DETAILS["internal"])
    if detail := japanese if language == "ja" else english:
        members["detail"] = detail
    if refusal.existing is not None:
        members["existing"] = str(refusal.existing)
    if refusal.errors:
        members["errors"] = [_field(error, language) for error in refusal.errors]
    return members


def _field(error: FieldError, language: Language) -> dict[str, str]:
    # A code without a sentence is a gap in the table, no reason for a 500.
    known = error if error.code in SENTENCES else FieldError(error.pointer, _FIELD_FALLBACK)
    return {"pointer": error.pointer, "code": error.code, "detail": known.detail(language)}


def _headers(refusal: Refusal, allow: str | None) -> Mapping[str, str]:
    headers = {}
    if refusal.status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = 'Bearer realm="kakehashi"'
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after_s)))
    if refusal.code == "request.content_encoding":
        headers["Accept-Encoding"] = "identity"  # RFC 9110, 15.5.16
    if allow is not None:
        headers["Allow"] = allow
    return headers
