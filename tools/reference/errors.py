"""The page of every stable code: what it means, and what the operator does.

Refusals at the door, errors of a field, what keeps a delivery from arriving, errors inside,
and what adapters say, from their READMEs.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import gateway
from gateway.domain.errors import KakehashiError, PermanentError, TransientError
from gateway.http.ops import problems as ops_problems
from gateway.http.problems import DETAILS
from gateway.schema.errors import SENTENCES
from reference import operator_actions
from reference.source import GENERATED, table

_ADAPTERS: Final = Path(__file__).parent.parent.parent / "adapters"
_OUTCOMES: Final = re.compile(r"^## Outcomes\n(.*?)(?=^## )", re.DOTALL | re.MULTILINE)
_ROW: Final = re.compile(r"^\|(?! *-|-).*\|$", re.MULTILINE)

_INTRODUCTION = """# Error codes

A code is stable: it stands unchanged in HTTP answers, audit entries, metrics, logs and here.
Decide on codes, never on sentences, which may be reworded. Look a code up by searching this page.

## The front-end API refuses a request

`application/problem+json` (RFC 9457) with this `code`; `Accept-Language` chooses the sentence.

"""

_OPERATIONS = """
## The operations API refuses a request

What `/ops/v1` says otherwise than the front end, or alone; [operations API](operations-api.md).
What an operation itself refuses (`operation.refused`) says why in `detail`.

"""

_FIELDS = """
## One field is wrong

These stand in `errors` of a problem with the code `application.invalid`, each with the JSON
pointer of its field. All errors of a body come at once, at most 100. The operator's action:
{action}

"""

_DELIVERIES = """
## A delivery waits, is parked or in doubt

`kakehashi status` and `parked list` show these. A code that does not stand here is the core
system's own, or its [adapter's](#adapters-say). Several deliveries with one code are dealt with
[at once](../howto/replay-after-a-fix.md).

"""

_FROM_ADAPTERS = """
## Adapters say

From the README of each shipped adapter; one from another package has its own.
"""

_RESULTS = """
## A result cannot be read

`NAME.reasons.txt` beside a result file in `bad/`, and the log of a worker, have these. The right
results of such a file count, unless its counts are wrong; correct it, and put it back for the rest.

"""

_WEBHOOKS = """
## A front end cannot be told

`kakehashi client webhook list` and the entries `webhook.failed` and `webhook.disabled` have these.
What was not taken is kept, and tried again until the endpoint is disabled.

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
            "`gateway/domain/errors.py`, `tools/reference/operator_actions.py`, "
            "`adapters/*/README.md`"
        )
        + _INTRODUCTION
        + _refusals()
        + _OPERATIONS
        + _operations()
        + _FIELDS.format(action=operator_actions.FIELD)
        + _fields()
        + _DELIVERIES
        + _deliveries()
        + _FROM_ADAPTERS
        + "".join(_from_adapters())
        + _RESULTS
        + _results()
        + _WEBHOOKS
        + _webhooks()
        + _INSIDE
        + _inside()
    )


def _refusals() -> str:
    rows = sorted(
        (status, code, japanese, english) for code, (status, japanese, english) in DETAILS.items()
    )
    return table(
        ["status", "code", "日本語", "English", "the operator's action"],
        [
            [str(status), f"`{code}`", japanese, english, _at_the_door(status, code)]
            for status, code, japanese, english in rows
        ],
    )


def _operations() -> str:
    rows = sorted(
        (status, code, japanese, english)
        for code, (status, japanese, english) in ops_problems.DETAILS.items()
    )
    return table(
        ["status", "code", "日本語", "English"],
        [[str(status), f"`{code}`", japanese, english] for status, code, japanese, english in rows],
    )


def _at_the_door(status: int, code: str) -> str:
    """Return what an operator does; what the gateway itself causes must be told."""
    if status >= 500:  # noqa: PLR2004 - the server's fault (RFC 9110, 15.6)
        return operator_actions.AT_THE_DOOR[code]
    return operator_actions.AT_THE_DOOR.get(code, operator_actions.FRONT_END)


def _fields() -> str:
    return table(
        ["code", "日本語", "English"],
        [[f"`{code}`", *SENTENCES[code]] for code in sorted(SENTENCES)],
    )


def _deliveries() -> str:
    return table(
        ["code", "state", "meaning", "the operator's action"],
        [[f"`{code}`", *told] for code, told in sorted(operator_actions.DELIVERIES.items())],
    )


def _from_adapters() -> Iterator[str]:
    for readme in sorted(_ADAPTERS.glob("[!_]*/README.md")):
        name = readme.parent.name
        found = _OUTCOMES.search(readme.read_text(encoding="utf-8"))
        rows = _ROW.findall(found[1]) if found else []
        yield f"\n### `{name}`\n\n"
        yield "".join(f"{row}\n" for row in [*rows[:1], "| --- | --- | --- |", *rows[1:]])


def _results() -> str:
    return table(
        ["code", "meaning", "the operator's action"],
        [[f"`{code}`", *told] for code, told in sorted(operator_actions.RESULTS.items())],
    )


def _webhooks() -> str:
    return table(
        ["code", "meaning", "the operator's action"],
        [[f"`{code}`", *told] for code, told in sorted(operator_actions.WEBHOOKS.items())],
    )


def _inside() -> str:
    rows = {error.code: error for error in _every(KakehashiError) if "code" in vars(error)}
    return table(
        ["code", "whose fault", "meaning", "the operator's action"],
        [
            [
                f"`{code}`",
                _fault(error),
                (error.__doc__ or "").split("\n\n")[0].replace("\n", " "),
                operator_actions.INSIDE[code],
            ]
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
