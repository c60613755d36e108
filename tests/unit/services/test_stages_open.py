"""What a broken seal gives out: an application, or a refusal without its text."""

import json
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.envelope import Envelope
from gateway.domain.errors import SealInvalidError
from gateway.domain.identifiers import ApplicationId, DeliveryId, DestinationName, ProcedureName
from gateway.services.stages.open import application
from gateway.testing.builders import MUNICIPALITY, NOW

ENVELOPE = Envelope(
    application_id=ApplicationId(UUID(int=1)),
    delivery_id=DeliveryId(UUID(int=2)),
    municipality=MUNICIPALITY,
    destination=DestinationName("core"),
    procedure=ProcedureName("childcare/allowance-claim"),
    version=1,
    accepted_at=NOW,
)
DOCUMENT: dict[str, Any] = {
    "receipt_number": "A-1",
    "submitted_at": "2026-11-20T09:30:00+09:00",
    "applicant": {"name": "髙﨑 花子"},
    "content": {},
}


def test_an_application_has_its_ids_from_the_envelope_and_its_words_from_the_body() -> None:
    opened = application(json.dumps(DOCUMENT).encode(), ENVELOPE)

    assert (opened.id, opened.receipt_number) == (str(ENVELOPE.application_id), "A-1")
    assert (opened.supersedes, opened.applicant) == (None, {"name": "髙﨑 花子"})
    assert "髙﨑" not in repr(opened)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        "髙﨑".encode("cp932", "replace"),
        b"[]",
        b'"text"',
        json.dumps({**DOCUMENT, "submitted_at": "髙﨑"}).encode(),
        json.dumps({**DOCUMENT, "submitted_at": 5}).encode(),
        json.dumps({"receipt_number": "A-1"}).encode(),
        b"[" * 100_000,
    ],
    ids=["empty", "not UTF-8", "a list", "a text", "no time", "a number", "too little", "too deep"],
)
def test_a_body_that_this_gateway_never_accepted_is_refused_without_its_text(raw: bytes) -> None:
    with pytest.raises(SealInvalidError) as caught:
        application(raw, ENVELOPE)

    assert caught.value.__cause__ is None
    assert "髙﨑" not in str(caught.value)
