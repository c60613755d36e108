"""What is sent, and what an answer means. Pure: values in, values out.

The table of meanings:

======================  ===========  ==================================================
answer                  meaning      because
======================  ===========  ==================================================
2xx                     delivered    in JSON or empty; with reference and proof as configured
202                     unknown      it may yet fail (RFC 9110, 15.3.3), unless with reference
                                     or proof
307, 308                unavailable  nothing was done here; we never follow
other 3xx               unknown      303 may well say "done, look there"
400, 404, 405, 406,     rejected     the same request will be refused again
410–415, 422, other 4xx
401, 403, 407           unavailable  our credentials: meets every delivery alike
425                     transient    the server did not take the request up
409                     unknown      "being processed" as often as "known already"
429                     throttled    waits ``Retry-After``
408, 503                unknown      proxies say so of a request that the core system has;
                                     with ``Retry-After`` 408 is transient, 503 throttled
5xx                     unknown      with ``effect_on_5xx: none`` 503 is unavailable, the
                                     others are transient
======================  ===========  ==================================================
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.http.answer import Answer, retry_after_s
from adapters.http.config import HTTPConfig, Meaning
from gateway.formats.charset import FieldRefusedError
from gateway.formats.column import text_of
from gateway.formats.core_reference import LONGEST_REFERENCE, is_reference
from gateway.formats.pointer import at
from gateway.sdk import (
    JST,
    Application,
    DestinationUnavailableError,
    Receipt,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

MEANINGS: Final[Mapping[int, Meaning]] = {
    307: "unavailable",
    308: "unavailable",
    401: "unavailable",
    403: "unavailable",
    407: "unavailable",
    408: "unknown",
    409: "unknown",
    425: "transient",
    429: "throttled",
}
WITH_RETRY_AFTER: Final[Mapping[int, Meaning]] = {408: "transient", 503: "throttled"}
"""Who says when to come back has not taken the request up."""

_BY_CLASS: Final[Mapping[int, Meaning]] = {2: "delivered", 3: "unknown", 4: "rejected"}

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_FIELD: Final = re.compile(r"(?:/[A-Za-z0-9_~.-]{1,64}){1,16}")
_LONG_NUMBER: Final = re.compile(r"[0-9]{7}")
"""An identifier of a person (個人番号 12, 住民票コード 11, 郵便番号 7 digits) is no code."""


def request_body(application: Application, idempotency_key: str, config: HTTPConfig) -> bytes:
    """Return the JSON that is sent, UTF-8, with names as they came in.

    Raises:
        RejectedError: A value cannot be written as configured, or holds a code point that
            UTF-8 does not have.
    """
    document = application.document(idempotency_key)
    if config.members:
        document = _members(document, application, config)
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        point = f"U+{ord(text[error.start]):04X}"
        raise RejectedError(f"text.unmappable:{point}") from None


def _members(
    document: dict[str, object], application: Application, config: HTTPConfig
) -> dict[str, object]:
    accepted_at = application.accepted_at.astimezone(JST)
    # Of the acceptance and not of the attempt: sent again, the body is the same.
    accepted = {"date": f"{accepted_at:%Y-%m-%d}", "time": f"{accepted_at:%H:%M:%S}"}
    source = {**document, "accepted": accepted}
    try:
        written = {each.name: text_of(each.column(), source, "utf-8") for each in config.members}
    except FieldRefusedError as error:
        raise RejectedError(error.reason, error.pointer) from None
    return {name: text for name, text in written.items() if text}


def receipt(answer: Answer, config: HTTPConfig, now: datetime) -> Receipt:
    """Return the receipt that a success is, or raise what the answer means.

    Raises:
        RejectedError: With the core system's code if that is a short token.
        TransientError: Also as ``ThrottledError`` and ``DestinationUnavailableError``.
        UnknownOutcomeError: It may have had an effect.
    """
    wait_s = retry_after_s(answer.retry_after, now)
    meaning = _meaning(answer, config, asks_to_wait=wait_s is not None)
    if meaning == "delivered":
        return _delivered(config, _read_success(answer, config))
    reason = f"http.{answer.status}"
    if meaning == "rejected":
        raise RejectedError(_code(answer, config) or reason, _field(answer, config))
    raise _error(meaning, reason, wait_s)


def found(answer: Answer, config: HTTPConfig, now: datetime) -> Receipt | None:
    """Return what a lookup found: the receipt, or ``None`` if the core system never had it.

    Raises:
        TransientError: It does not tell.
    """
    if answer.status == 404 and _is_certain(answer, config):  # noqa: PLR2004 - not found (RFC 9110, 15.5.5)
        return None
    if answer.status // 100 != 2:  # noqa: PLR2004 - successful (RFC 9110, 15.3)
        wait_s = retry_after_s(answer.retry_after, now)
        raise TransientError(f"http.lookup_{answer.status}", wait_s)
    if config.answer_bodies == "json" and _json(answer.body) is None:
        # To ask and to be answered nothing is no answer either.
        raise TransientError(answer.body_fault or "http.answer_malformed")
    try:
        return _delivered(config, _read_success(answer, config))
    except UnknownOutcomeError as error:
        raise TransientError(error.reason) from None


def _is_certain(answer: Answer, config: HTTPConfig) -> bool:
    """Tell whether it is the core system that says that it never had a key."""
    if config.lookup_unknown_codes:
        return _of_refusal(answer, config.error_code_pointer) in config.lookup_unknown_codes
    return config.answer_bodies == "any" or _json(answer.body) is not None


def _meaning(answer: Answer, config: HTTPConfig, *, asks_to_wait: bool) -> Meaning:
    status = answer.status
    if status in config.status_meanings:
        return config.status_meanings[status]
    if status == 202 and not (config.proof_pointer or config.requires_reference):  # noqa: PLR2004 - see the table
        return "unknown"
    if asks_to_wait and status in WITH_RETRY_AFTER:
        return WITH_RETRY_AFTER[status]
    by_5xx: Meaning = "unknown"
    if config.effect_on_5xx == "none":
        by_5xx = "unavailable" if status == 503 else "transient"  # noqa: PLR2004 - see the table
    return MEANINGS.get(status) or _BY_CLASS.get(status // 100, by_5xx)


def _error(
    meaning: Meaning, reason: str, wait_s: float | None
) -> TransientError | UnknownOutcomeError:
    match meaning:
        case "throttled":
            return ThrottledError(reason, wait_s)
        case "transient":
            return TransientError(reason, wait_s)
        case "unavailable":
            return DestinationUnavailableError(reason, wait_s)
        case _:
            return UnknownOutcomeError(reason)


def _read_success(answer: Answer, config: HTTPConfig) -> object:
    """Return what a success's body says; ``None`` without one, if nothing is looked for in it.

    Raises:
        UnknownOutcomeError: It is none of the core system's, as far as we know.
    """
    if answer.body is None:
        raise UnknownOutcomeError(answer.body_fault or "http.answer_cut_off")
    proves = config.proof_pointer is not None or config.requires_reference
    document = _json(answer.body)
    if document is None and (proves or (answer.body.strip() and config.answer_bodies == "json")):
        # A page of HTML with status 200 is what a proxy's login form looks like.
        raise UnknownOutcomeError("http.answer_malformed")
    return None if document is None else document.value


def _delivered(config: HTTPConfig, document: object) -> Receipt:
    if config.proof_pointer is not None and at(document, config.proof_pointer) in (
        None,
        "",
        [],
        {},
    ):
        raise UnknownOutcomeError("http.proof_missing")
    reference = config.reference_pointer and _reference(at(document, config.reference_pointer))
    if reference is None and config.requires_reference:
        raise UnknownOutcomeError("http.reference_missing")
    # It proves the delivery in any case; what may name a person is not kept.
    return Receipt(reference=reference if reference and is_reference(reference) else None)


def _reference(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    is_number = 0 < len(text) <= LONGEST_REFERENCE and text.isprintable()
    return text if is_number and not any(each.isspace() for each in text) else None


def _code(answer: Answer, config: HTTPConfig) -> str | None:
    """Return the core system's code if it is a short token and no number of a person."""
    value = _of_refusal(answer, config.error_code_pointer)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _CODE.fullmatch(text) and not _LONG_NUMBER.search(text) else None


def _field(answer: Answer, config: HTTPConfig) -> str | None:
    value = _of_refusal(answer, config.error_field_pointer)
    if not isinstance(value, str) or _LONG_NUMBER.search(value):
        return None
    return value if _FIELD.fullmatch(value) else None


def _of_refusal(answer: Answer, pointer: str | None) -> object:
    document = None if pointer is None else _json(answer.body)
    return None if document is None or pointer is None else at(document.value, pointer)


@dataclass(frozen=True, slots=True)
class _Document:
    """What a body says; ``null`` is a document, too."""

    value: object


def _json(body: bytes | None) -> _Document | None:
    """Return what a body says, or ``None`` if it is no JSON or was not read whole."""
    try:
        return None if body is None else _Document(json.loads(body))
    except (ValueError, RecursionError):
        return None
