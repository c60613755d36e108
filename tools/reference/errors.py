"""The page of every stable code: refusals at the door, errors of a field, errors inside."""

import importlib
import pkgutil
from collections.abc import Iterator

import gateway
from gateway.domain.errors import KakehashiError, PermanentError, TransientError
from gateway.http.problems import DETAILS
from gateway.schema.errors import SENTENCES
from reference.source import GENERATED, table

_INTRODUCTION = """# Error codes

A code is stable: it stands unchanged in HTTP answers, audit entries, metrics, logs and here.
Decide on codes, never on sentences, which may be reworded.

## The front-end API refuses a request

`application/problem+json` (RFC 9457) with this `code`; `Accept-Language` chooses the sentence.

"""

_FIELDS = """
## One field is wrong

These stand in `errors` of a problem with the code `application.invalid`, each with the JSON
pointer of its field. All errors of a body come at once, at most 100.

"""

_INSIDE = """
## Something inside went wrong

For operators and adapter authors. *permanent*: trying again changes nothing. *transient*: the
same step may succeed later, and the gateway tries it again by itself.

"""


def page() -> str:
    """Return the whole page."""
    return (
        GENERATED.format(
            source="`gateway/http/problems.py`, `gateway/schema/errors.py`, "
            "`gateway/domain/errors.py`"
        )
        + _INTRODUCTION
        + _refusals()
        + _FIELDS
        + _fields()
        + _INSIDE
        + _inside()
    )


def _refusals() -> str:
    rows = sorted(
        (status, code, japanese, english) for code, (status, japanese, english) in DETAILS.items()
    )
    return table(
        ["status", "code", "日本語", "English"],
        [[str(status), f"`{code}`", japanese, english] for status, code, japanese, english in rows],
    )


def _fields() -> str:
    return table(
        ["code", "日本語", "English"],
        [[f"`{code}`", *SENTENCES[code]] for code in sorted(SENTENCES)],
    )


def _inside() -> str:
    rows = {error.code: error for error in _every(KakehashiError) if "code" in vars(error)}
    return table(
        ["code", "whose fault", "meaning"],
        [
            [f"`{code}`", _fault(error), (error.__doc__ or "").split("\n\n")[0].replace("\n", " ")]
            for code, error in sorted(rows.items())
            if isinstance(code, str)
        ],
    )


def _fault(error: type[KakehashiError]) -> str:
    if issubclass(error, TransientError):
        return "transient"
    return "permanent" if issubclass(error, PermanentError) else "unknown"


def _every(error: type[KakehashiError]) -> Iterator[type[KakehashiError]]:
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if not module.name.startswith(("gateway.testing", "gateway.cli")):
            importlib.import_module(module.name)
    waiting = [error]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(found.__subclasses__())
