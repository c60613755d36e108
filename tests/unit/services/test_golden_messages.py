"""What release 1 said on the broker is still read, member by member as it said it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway.crypto import keys
from gateway.crypto.seal import Opener
from gateway.crypto.sign import Verifier
from gateway.domain.errors import SignatureInvalidError
from gateway.domain.identifiers import DestinationName, MunicipalityCode
from gateway.ports.broker import Message
from gateway.services import wire
from gateway.services.stages.open import open_copy
from gateway.services.stages.verify import verify

RELEASE = Path(__file__).parents[2] / "data" / "release-1"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CODECS: dict[str, Any] = {
    "claims": wire.CLAIMS_CODEC,
    "answers-go": wire.ANSWERS_CODEC,
    "answers-drop": wire.ANSWERS_CODEC,
    "answers-resolve": wire.ANSWERS_CODEC,
    "answers-wait": wire.ANSWERS_CODEC,
    "outcome-delivered": wire.OUTCOME_CODEC,
    "outcome-rejected": wire.OUTCOME_CODEC,
    "outcome-deferred": wire.OUTCOME_CODEC,
    "outcome-in_doubt": wire.OUTCOME_CODEC,
    "outcome-defect": wire.OUTCOME_CODEC,
    "outcome-under-way": wire.OUTCOME_CODEC,
    "feedback": wire.FEEDBACK_CODEC,
    "copy-refused": wire.REFUSED_CODEC,
    "heartbeat": wire.HEARTBEAT_CODEC,
}
COPIES = ("delivery", "delivery-under-way")
TYPES = {
    "outcome": wire.OUTCOME_TYPE,
    "feedback": wire.FEEDBACK_TYPE,
    "copy-refused": wire.REFUSED_TYPE,
    "delivery": wire.DELIVERY_TYPE,
}


def key(name: str) -> bytes:
    return (RELEASE / "keys" / f"{name}.private.jwk").read_bytes()


def golden(name: str) -> Message:
    document = json.loads((RELEASE / "messages" / f"{name}.json").read_bytes())
    return Message(**{**document, "body": document["body"].encode()})


def verifier(name: str) -> Verifier:
    jwk = keys.public_half(key(name))
    return Verifier({keys.thumbprint(jwk): jwk})


def says(value: object, said: object) -> bool:
    """Tell whether ``value`` says all that ``said`` does; it may say more."""
    match value, said:
        case dict(), dict():
            return all(name in value and says(value[name], part) for name, part in said.items())
        case list(), list():
            return len(value) == len(said) and all(map(says, value, said))
        case _:
            return value == said


def test_every_golden_message_is_read_by_one_of_these_tests() -> None:
    files = {file.stem for file in (RELEASE / "messages").iterdir()}

    assert files == {*CODECS, *COPIES}


@pytest.mark.parametrize("name", CODECS)
def test_an_old_message_is_read_as_it_was_written(name: str) -> None:
    message = golden(name)
    writer = "gateway/signing" if name.startswith("answers") else "worker/w1"

    value, kid = CODECS[name].read(message, verifier(writer))

    read = TypeAdapter(type(value)).dump_python(value, mode="json")
    assert says(read, json.loads(message.body))
    assert kid == keys.thumbprint(key(writer))


@pytest.mark.parametrize("name", [*CODECS, *COPIES])
def test_an_old_message_says_what_it_is_as_today(name: str) -> None:
    kinds = [kind for prefix, kind in TYPES.items() if name.startswith(prefix)]

    assert golden(name).headers.get(wire.KIND_HEADER) == (kinds[0] if kinds else None)


@pytest.mark.parametrize("name", COPIES)
def test_an_old_copy_is_verified_and_opened(name: str) -> None:
    message = golden(name)

    copy = verify(
        message,
        verifier=verifier("gateway/signing"),
        destination=DestinationName("core"),
        municipality=MunicipalityCode("131016"),
        received_at=NOW,
    )
    application = open_copy(copy, Opener([key("destination/core")]))

    assert (str(copy.copy), copy.attempt) == (message.headers["ce-id"], 1)
    assert copy.traceparent == message.headers.get("traceparent")
    assert application.id == str(copy.envelope.application_id)
    assert (application.procedure, application.version) == ("childcare/allowance-claim", 1)
    assert application.receipt_number.startswith("A-0000")
    assert application.applicant["applied_on"] == "2026-11-20"


@pytest.mark.parametrize("name", CODECS)
def test_an_old_message_that_was_altered_is_refused(name: str) -> None:
    message = golden(name)
    altered = Message(body=message.body.replace(b"0", b"1", 1), headers=message.headers)
    writer = "gateway/signing" if name.startswith("answers") else "worker/w1"

    with pytest.raises(SignatureInvalidError):
        CODECS[name].read(altered, verifier(writer))
