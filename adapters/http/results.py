"""What a page of results says, and where the next one is. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from adapters.http.answer import Answer
from adapters.http.link import next_link
from adapters.http.results_config import ResultsConfig
from gateway.formats.pointer import at
from gateway.formats.result_config import ResultColumns, ResultFileConfig
from gateway.formats.result_file import Result as LineResult
from gateway.formats.result_file import read_results
from gateway.sdk import Feedback

_LONGEST_CURSOR: Final = 2048
_LONGEST_URL: Final = 8192


class PageError(Exception):
    """A page is none, or names a next one that cannot be asked for; the argument is the code."""


@dataclass(frozen=True, slots=True)
class Result:
    """One result of a page.

    Attributes:
        id: SHA-256 in hex of what it says; the same as often as it is read.
        place: In the page's list, from 1.
        feedback: What it reports, or ``None``.
        fault: Then why, as a stable code; never what stands there.
    """

    id: str
    place: int
    feedback: Feedback | None = field(default=None, repr=False)
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        results: In the page's order.
        next_url: Absolute, of the origin of the list; ``None`` on the last page.
    """

    results: tuple[Result, ...]
    next_url: str | None


@dataclass(frozen=True, slots=True)
class News:
    """What of a page was not reported yet.

    Attributes:
        feedback: In the page's order.
        unusable: What is no result, in the page's order.
        ids: Of everything on the page.
    """

    feedback: tuple[Feedback, ...]
    unusable: tuple[Result, ...]
    ids: frozenset[str]


def read_page(answer: Answer, url: str, config: ResultsConfig) -> Page:
    """Return what a page says. Takes some 10 ms a megabyte: not for the event loop.

    Args:
        answer: A success.
        url: Of the page.
        config: How it is built.

    Raises:
        PageError: It cannot be read, or names a next page of another origin: our token is
            not for that.
    """
    if answer.body is None:
        raise PageError((answer.body_fault or "http.answer_cut_off").replace("http.", "result.", 1))
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise PageError("result.not_json") from None
    items = document if config.items_pointer is None else at(document, config.items_pointer)
    if not isinstance(items, list):
        raise PageError("result.not_a_list")
    if len(items) > config.max_page_items:
        raise PageError("result.too_many")
    return Page(tuple(_results(items, config)), _next_url(answer, document, url, config))


def news_of(page: Page, reported: AbstractSet[str]) -> News:
    """Return what of a page is not in ``reported``. Not for the event loop either."""
    fresh = [result for result in page.results if result.id not in reported]
    return News(
        tuple(result.feedback for result in fresh if result.feedback is not None),
        tuple(result for result in fresh if result.feedback is None),
        frozenset(result.id for result in page.results),
    )


def digest_of(config: ResultsConfig) -> str:
    """Return what tells whether a list is still read as it was: SHA-256 in hex."""
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()


def _next_url(answer: Answer, document: object, url: str, config: ResultsConfig) -> str | None:
    if config.pagination == "none":
        return None
    if config.pagination == "link":
        target: object = next_link(answer.link)
    else:
        target = at(document, config.next_pointer or "/")
    if isinstance(target, int) and not isinstance(target, bool) and config.pagination == "cursor":
        target = str(target)
    if target is None or target == "":
        return None
    if not isinstance(target, str):
        raise PageError("result.next_malformed")
    if config.pagination == "cursor":
        if len(target) > _LONGEST_CURSOR:
            raise PageError("result.next_malformed")
        return _with_cursor(str(config.url), config.cursor_parameter or "", target)
    return _absolute(url, target)


def _with_cursor(url: str, parameter: str, cursor: str) -> str:
    parts = urlsplit(url)
    query = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != parameter
    ]
    return urlunsplit(parts._replace(query=urlencode([*query, (parameter, cursor)])))


def _absolute(url: str, target: str) -> str:
    try:
        absolute = urljoin(url, target)
        is_same = _origin(url) == _origin(absolute)
    except ValueError:
        raise PageError("result.next_malformed") from None
    if not absolute.isascii() or not absolute.isprintable() or len(absolute) > _LONGEST_URL:
        raise PageError("result.next_malformed")
    if not is_same:
        raise PageError("result.next_elsewhere")
    return absolute.partition("#")[0]


def _origin(url: str) -> tuple[str, str | None, int | None, str | None]:
    """Return scheme, host, port, and the user name that nobody should have slipped in."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port, parts.username


def _results(items: list[object], config: ResultsConfig) -> Iterator[Result]:
    """Yield what each item says; what stands at the pointers is read as a result file's line."""
    flat = [_flat(item, config) for item in items]
    lines = [each for each in flat if isinstance(each, dict)]
    read, faults = read_results(
        json.dumps(lines).encode(), _line_config(config), most_faults=len(lines)
    )
    codes = {fault.line: fault.code for fault in faults}
    if 0 in codes:
        raise PageError(codes[0])  # of the whole page
    good = iter(read)
    line = 0
    for place, (item, each) in enumerate(zip(items, flat, strict=True), 1):
        code: str | None = None
        if isinstance(each, str):
            code = each
        else:
            line += 1
            code = codes.get(line)
        if code is None:
            said = next(good)
            yield Result(said.id, place, _feedback(said))
        else:
            yield Result(_digest(item), place, fault=code)


def _flat(item: object, config: ResultsConfig) -> dict[str, str | int | None] | str:
    """Return what stands at the pointers, or the code of a fault."""
    if not isinstance(item, Mapping):
        return "result.not_an_object"
    flat: dict[str, str | int | None] = {}
    for name, pointer in (
        ("key", config.key_pointer),
        ("status", config.status_pointer),
        ("decided_at", config.decided_at_pointer),
        ("reason", config.reason_pointer),
        ("reference", config.reference_pointer),
    ):
        value = None if pointer is None else at(item, pointer)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            return "result.member_malformed"
        flat[name] = value
    return flat


def _line_config(config: ResultsConfig) -> ResultFileConfig:
    return ResultFileConfig(
        format="json",
        encoding="utf-8",
        columns=ResultColumns(reason="reason", reference="reference"),
        statuses=config.statuses,
        decided_at_format=config.decided_at_format,
    )


def _feedback(said: LineResult) -> Feedback:
    return Feedback(
        id=said.id,
        idempotency_key=said.key,
        status=said.status,
        at=said.at,
        code=said.code,
        reference=said.reference,
    )


def _digest(item: object) -> str:
    return hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()
