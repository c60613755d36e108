"""Refusals of the operations API as RFC 9457 problems, in Japanese or English.

As on the front door, but for one thing: what the operations themselves say is ours, written
for operators, and is told in ``detail``.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.domain.errors import DeliveryNotFoundError, KakehashiError, TransientError
from gateway.http import problems
from gateway.http.problems import CODE, CONTENT_TYPE, TYPE_PREFIX, Sentence
from gateway.schema.errors import FieldError, Language
from gateway.services.operate.guard import NotPermittedError
from gateway.services.operate.in_japanese import in_japanese
from gateway.services.operate.refusals import (
    ChangedMeanwhileError,
    DecidedError,
    NotFoundError,
    OperationError,
    OwnRequestError,
)

REALM: Final = "kakehashi-operations"
RETRY_S: Final = 5.0

TITLES: Final[Mapping[int, Sentence]] = {
    **problems.TITLES,
    409: ("ほかの変更と重なりました。", "It was changed at the same time."),
    412: ("見たあとに変更されています。", "It was changed since you looked."),
    422: ("この内容では実行できません。", "This cannot be done as it is asked for."),
    428: ("条件(If-Match)が必要です。", "A condition (If-Match) is required."),
    503: ("ただいま実行できません。", "It cannot be done at the moment."),
}
"""Status to title, of every status that the API refuses with."""

DETAILS: Final[dict[str, tuple[int, str, str]]] = {
    "operator.unauthenticated": (
        401,
        "Authorization: Bearer で操作用トークンを送るか、コンソールでサインインしてください。",
        "Send an operations token after Authorization: Bearer, or sign in to the console.",
    ),
    "operator.csrf": (
        403,
        "コンソールからの操作と確認できません。X-CSRF-Token を /ops/v1/me の値にしてください。",
        "This did not come from a page of the console; X-CSRF-Token must be as /ops/v1/me says.",
    ),
    "operator.not_permitted": (
        403,
        "roles に挙げた役割のどれかが必要です。",
        "One of the roles in roles is needed.",
    ),
    "approval.own_request": (
        403,
        "自分の依頼は自分で承認・拒否できません。別の人が判断してください。",
        "You asked for it yourself: another person must decide it.",
    ),
    "approval.waits_no_more": (
        409,
        "この依頼はすでに判断されたか、取り下げられたか、期限が切れています。",
        "This request was decided or withdrawn, or it has expired: it waits no more.",
    ),
    "operation.not_found": (404, "対象が見つかりません。", "There is no such thing."),
    "delivery.not_found": (
        404,
        "この ID の配信はありません。",
        "There is no delivery with this id.",
    ),
    "operation.changed_meanwhile": (
        409,
        "ほかの人が変更しました。もう一度見てから判断してください。",
        "Somebody changed it; look again, then decide.",
    ),
    "request.precondition_failed": (
        412,
        "If-Match の版ではなくなっています。もう一度見てから判断してください。",
        "It is no longer the version in If-Match; look again, then decide.",
    ),
    "request.precondition_required": (
        428,
        "見たときの ETag を If-Match に入れて送ってください。",
        "Send the ETag that you saw in If-Match.",
    ),
    "request.if_match": (
        400,
        'If-Match は ETag ひとつ、または * です。例: "3"',
        'If-Match is one ETag, or *. For example: "3"',
    ),
    "request.invalid": (
        422,
        "errors に挙げた項目を直してください。何も実行していません。",
        "Nothing was done; correct what is listed in errors.",
    ),
    "operation.refused": (422, "実行できません。", "It cannot be done."),
    "journal.unavailable": (
        503,
        "記録できないため、何も実行していません。",
        "It could not be recorded, so nothing was done.",
    ),
    "journal.commit_unknown": (
        503,
        "実行されたかどうか確認できません。もう一度見てください。",
        "Whether it was done is not known; look again.",
    ),
}
"""Code to status, Japanese and English sentence, of what only this API says or says otherwise."""

_SENTENCES: Final[Mapping[str, Sentence]] = {
    "field.unknown": ("この操作にない項目です。", "This operation takes nothing of this name."),
}
"""Of errors of a field whose sentence on the front door speaks of procedures."""

_TOLD: Final = (OperationError, NotFoundError)
"""What they carry is written for the operator."""


@dataclass(frozen=True, slots=True)
class OpsProblem:
    """Why a request is refused.

    Attributes:
        status: HTTP status.
        code: Stable dotted code.
        told: What the operation said, in English.
        errors: What is wrong in the body, by its pointer, or in the query, by its name.
        roles: Of which one is needed.
        retry_after_s: When to try again.
    """

    status: int
    code: str
    told: str | None = None
    errors: tuple[FieldError, ...] = ()
    roles: tuple[str, ...] = ()
    retry_after_s: float | None = None


class OpsRefusedError(Exception):
    """A request that goes no further.

    Attributes:
        problem: Why.
    """

    def __init__(self, problem: OpsProblem) -> None:
        """Keep why."""
        super().__init__(problem.code)
        self.problem = problem


def refuse(code: str, *, errors: tuple[FieldError, ...] = ()) -> OpsRefusedError:
    """Return the error to raise for one of the codes in ``DETAILS``."""
    return OpsRefusedError(OpsProblem(DETAILS[code][0], code, errors=errors))


def problem_of(error: KakehashiError, *, conditional: bool) -> OpsProblem:
    """Return what an operation's refusal or failure is told as.

    Args:
        error: What it raised.
        conditional: Whether the request had ``If-Match``: then 412 says that it changed.
    """
    code = error.code
    match error:
        case NotPermittedError():
            return OpsProblem(403, code, roles=tuple(str(role) for role in error.args))
        case ChangedMeanwhileError() if conditional:
            return OpsProblem(412, "request.precondition_failed")
        case ChangedMeanwhileError():
            return OpsProblem(409, code)
        case OwnRequestError():
            status = 403
        case DecidedError():
            status = 409
        case NotFoundError() | DeliveryNotFoundError():
            status = 404
        case TransientError():
            return OpsProblem(503, code, retry_after_s=RETRY_S)
        case _:
            status = 422
    told = " ".join(map(str, error.args)) if isinstance(error, _TOLD) else None
    return OpsProblem(status, code, told=told)


def answer(problem: OpsProblem, language: Language) -> web.Response:
    """Return the answer to a refused request."""
    body = json.dumps(document(problem, language), ensure_ascii=False).encode()
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Content-Language": language,
        "Vary": "Accept-Language",
    }
    if problem.status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = f'Bearer realm="{REALM}"'
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(problem.retry_after_s)))
    if problem.code == "request.content_encoding":
        headers["Accept-Encoding"] = "identity"  # RFC 9110, 15.5.16
    response = web.Response(status=problem.status, body=body, headers=headers)
    response[CODE] = problem.code
    return response


def document(problem: OpsProblem, language: Language) -> dict[str, object]:
    """Return the problem's members (RFC 9457, 3)."""
    is_english = language == "en"
    members: dict[str, object] = {
        "type": TYPE_PREFIX + problem.code,
        "title": TITLES.get(problem.status, TITLES[500])[is_english],
        "status": problem.status,
        "code": problem.code,
    }
    _, japanese, english = (
        DETAILS.get(problem.code)
        or problems.DETAILS.get(problem.code)
        or problems.DETAILS["internal"]
    )
    said = problem.told if is_english else in_japanese(problem.told or "") or problem.told
    if detail := said or (english if is_english else japanese):
        members["detail"] = detail
    if problem.roles:
        members["roles"] = list(problem.roles)
    if problem.errors:
        members["errors"] = [_line(error, language) for error in problem.errors]
    return members


def _line(error: FieldError, language: Language) -> dict[str, str]:
    place = "pointer" if error.pointer.startswith("#") else "parameter"
    own = _SENTENCES.get(error.code)
    sentence = error.detail(language) if own is None else own[language == "en"]
    return {place: error.pointer, "code": error.code, "detail": sentence}
