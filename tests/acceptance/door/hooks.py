"""What schemathesis must know of this door that no OpenAPI document says.

Loaded by ``st`` itself, through ``schemathesis.toml``; one process and one run at a time.
"""

import json
import os
import re
from copy import deepcopy
from itertools import count
from secrets import token_hex
from typing import Any, Final

import jsonschema_rs
import requests
import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData

from gateway.domain.values import calendar_date, era
from tests.acceptance.door.formats import STRATEGIES
from tests.acceptance.harness.applications import MUNICIPALITY

SUBMIT: Final = "POST /v1/municipalities/{code}/applications"
STATUS: Final = "GET /v1/applications/{id}"
PROOF: Final = "GET /v1/applications/{id}/proof"
OWN: Final = frozenset({SUBMIT, STATUS, PROOF})
"""What only a known client may ask; everybody may see the catalogue."""

BEYOND_THE_SCHEMA: Final = frozenset(
    {
        "application.not_supersedable",
        "care.category_by_age",
        "date.era_mismatch",
        "date.in_the_future",
        "date.reversed",
        "household.heads",
        "my_number.repeated",
    }
)
"""Errors of a body that its schema allows: rules across fields (``x-checks``), and what is in
the journal. JSON Schema has no word for them; the document's descriptions have."""

BEFORE_THE_ROUTE: Final = frozenset({"request.malformed", "resource.unknown", "request.method"})
"""Codes of what cannot be parsed or names no route or method: nobody was asked for a key."""

HAS_KEY: Final = "DOOR_KEY" in os.environ
NEIGHBOURS_KEY: Final = os.environ["DOOR_NEIGHBOURS_KEY"]
"""Of another client, which must not be shown what this one posted."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_sent: Final[set[str]] = set()
_accepted: Final[set[str]] = set()
_fresh: Final = (f"T-{token_hex(4)}-{number}" for number in count(1))

for _name, _strategy in STRATEGIES.items():
    schemathesis.openapi.format(_name, _strategy)


@schemathesis.hook
def before_add_examples(context: HookContext, examples: list[Case]) -> None:
    """Send the document's own examples likewise, each once."""
    for case in examples:
        map_case(context, case)


@schemathesis.hook
def map_case(_context: HookContext, case: Case) -> Case:
    """Make of a well-formed submission one that a careful front end would send.

    Of what is wrong on purpose nothing is mended: it must be refused for that.
    """
    if case.operation.label != SUBMIT or case.meta is None:
        return case
    if not case.meta.is_negative_at(ParameterLocation.PATH):
        case.path_parameters["code"] = MUNICIPALITY
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and _KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = _unsent(key)
    if not case.meta.is_negative_at(ParameterLocation.BODY) and isinstance(case.body, dict):
        # What is generated may be one object in many cases.
        case.body = deepcopy(case.body)
        case.body["receipt_number"] = _unsent(_visible(case.body["receipt_number"]))
        case.body["applicant"]["destination"]["municipality_code"] = MUNICIPALITY
        _agree(case.body)
    return case


def _unsent(value: str) -> str:
    """Return ``value``, or another one when it was sent before."""
    while value in _sent:
        value = next(_fresh)
    _sent.add(value)
    return value


def _visible(value: str) -> str:
    r"""Return what \p{C} and \p{Z} leave; schemathesis knows only some characters of them."""
    return "".join(c for c in value if c.isprintable() and c != " ") or "T-0"


def _agree(value: Any) -> None:
    """Write each ``NAME_era`` as the day that ``NAME`` beside it is."""
    if isinstance(value, dict):
        for name in [name for name in value if f"{name}_era" in value]:
            day = calendar_date.parse(value[name])
            written = era.from_date(day) if day else None
            if written:
                value[f"{name}_era"] = (
                    f"{written.era.value}{written.year}年{written.month}月{written.day}日"
                )
        value = list(value.values())
    for member in value if isinstance(value, list) else ():
        _agree(member)


@schemathesis.hook
def filter_failure(
    _context: HookContext, failure: Failure, _case: Case, response: Response
) -> bool:
    """Forgive the refusal of a well-formed body for what no schema can say, and nothing else."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 422:
        return True
    errors = response.json().get("errors") or [{"code": "none"}]
    return not {error["code"] for error in errors} <= BEYOND_THE_SCHEMA


@schemathesis.check
def known_clients_only(_context: CheckContext, response: Response, case: Case) -> None:
    """Without a key there is nothing but 401 behind these calls, whatever else is wrong."""
    if HAS_KEY or case.operation.label not in OWN:
        return
    code = response.json()["code"]
    if code not in BEFORE_THE_ROUTE:
        assert response.status_code == 401, code
        assert code in {"client.unauthenticated", "client.key_unknown"}, code


@schemathesis.check
def what_was_accepted_is_allowed(_context: CheckContext, response: Response, case: Case) -> None:
    """A body that got a 202 is one the document allows, however it came about.

    ``negative_data_rejection`` forgives what may have become valid on the way; this does not.
    """
    if case.operation.label != SUBMIT or response.status_code != 202:
        return
    document = case.operation.schema.raw_schema
    media = document["paths"][case.operation.path]["post"]["requestBody"]["content"]
    schema = media["application/json"]["schema"] | {"components": document["components"]}
    sent = json.loads(response.request.body)
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(sent)


@schemathesis.check
def what_was_accepted_is_known(_context: CheckContext, response: Response, case: Case) -> None:
    """An id of a 202 has a status from that moment on, for who got it; no other id has one.

    In place of ``ensure_resource_availability``, which sees no parent in the path of an
    application (it is posted below its municipality), and of ``object_level_authorization``,
    which takes a status that has moved on for somebody else's.
    """
    if case.operation.label == SUBMIT and response.status_code == 202:
        _accepted.add(response.json()["id"])
    if case.operation.label not in {STATUS, PROOF} or response.status_code not in {200, 404}:
        return
    code = response.json().get("code")
    if str(case.path_parameters.get("id")).lower() not in _accepted:
        assert code in {"application.unknown", "resource.unknown"}
        return
    assert code in ({None} if case.operation.label == STATUS else {None, "proof.not_sealed_yet"})
    neighbours = {"Authorization": f"Bearer {NEIGHBOURS_KEY}"}
    asked = requests.get(response.request.url, headers=neighbours, timeout=20)
    assert asked.json().get("code") == "application.unknown"
