"""What gateway and workers say to each other is signed, bounded, and storable."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from gateway.crypto import keys
from gateway.crypto.sign import Purpose, Signer, Verifier
from gateway.domain.claim import Claim
from gateway.domain.errors import MessageMalformedError, SignatureInvalidError
from gateway.domain.identifiers import CopyId, DeliveryId, DestinationName, NodeName, WorkerName
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.ports.broker import Message
from gateway.services.wire import (
    CLAIMS_CODEC,
    HEARTBEAT_CODEC,
    OUTCOME_CODEC,
    SIGNATURE_HEADER,
    TERMS_CODEC,
    Claims,
    delivery_message,
    read_copy_headers,
)
from gateway.testing.builders import NOW, a_delivery, a_heartbeat, an_application
from gateway.testing.scripted_gateway import terms_for

KEY = keys.new_signing_key()
SIGNER = Signer(KEY)
PUBLIC = keys.public_half(KEY)
VERIFIER = Verifier({keys.thumbprint(PUBLIC): PUBLIC})

OUTCOME = Outcome(
    delivery_id=DeliveryId(UUID(int=1)),
    attempt=1,
    copy=CopyId(UUID(int=2)),
    worker=WorkerName("w1/aaaa"),
    kind=OutcomeKind.DELIVERED,
    received_at=NOW,
    answered_at=NOW,
    reference="整理番号　12",
)


def signed(members: dict[str, Any], purpose: Purpose = Purpose.OUTCOME) -> Message:
    body = json.dumps(members).encode()
    return Message(body=body, headers={SIGNATURE_HEADER: SIGNER.sign(body, purpose)})


def an_outcome(**over: Any) -> Message:
    written = OUTCOME_CODEC.write(OUTCOME, SIGNER)
    return signed({**json.loads(written.body), **over})


def test_what_is_written_is_read_and_its_signer_told() -> None:
    value, kid = OUTCOME_CODEC.read(OUTCOME_CODEC.write(OUTCOME, SIGNER), VERIFIER)

    assert value == OUTCOME
    assert kid == keys.thumbprint(PUBLIC)


@pytest.mark.parametrize(
    "over",
    [
        {"received_at": "2026-11-20T09:30:00"},
        {"retry_at": "9999-12-31T23:59:59-12:00"},
        {"retry_at": "0001-01-01T00:00:00+14:00"},
        {"attempt": -1},
        {"attempt": 10**30},
        {"code": "a\x00b"},
        {"reference": "a\nb"},
        {"kind": "arrived"},
        {"reference": "x" * 9000},
        {"attempt": "one"},
    ],
    ids=lambda over: str(over)[:50],
)
def test_a_signed_message_that_no_journal_could_keep_is_malformed(over: dict[str, Any]) -> None:
    with pytest.raises(MessageMalformedError):
        OUTCOME_CODEC.read(an_outcome(**over), VERIFIER)


def test_more_claims_than_a_message_may_have_are_malformed() -> None:
    claim = Claim(
        delivery_id=OUTCOME.delivery_id,
        destination=DestinationName("c"),
        attempt=1,
        copy=OUTCOME.copy,
        worker=WorkerName("w"),
    )
    most = CLAIMS_CODEC.write(Claims((claim,) * 256), SIGNER)
    too_many = CLAIMS_CODEC.write(Claims((claim,) * 257), SIGNER)

    assert len(CLAIMS_CODEC.read(most, VERIFIER)[0].claims) == 256
    with pytest.raises(MessageMalformedError):
        CLAIMS_CODEC.read(too_many, VERIFIER)


def test_what_is_unsigned_or_signed_for_something_else_is_not_believed() -> None:
    outcome = OUTCOME_CODEC.write(OUTCOME, SIGNER)

    with pytest.raises(SignatureInvalidError):
        OUTCOME_CODEC.read(Message(body=outcome.body), VERIFIER)
    with pytest.raises(SignatureInvalidError):
        CLAIMS_CODEC.read(outcome, VERIFIER)


@pytest.mark.parametrize("traceparent", [None, "00-" + "1" * 32 + "-" + "2" * 16 + "-01"])
@pytest.mark.parametrize("prefix", ["ce-", "cloudEvents_", "cloudEvents:", "CE-"])
def test_a_copy_s_headers_are_read_under_every_prefix(traceparent: str | None, prefix: str) -> None:
    sealed = a_delivery(an_application(traceparent=traceparent), attempt=3)
    message = delivery_message(sealed, copy=OUTCOME.copy, node=NodeName("gw-1"))
    renamed = {name.replace("ce-", prefix, 1): value for name, value in message.headers.items()}

    headers = read_copy_headers(Message(body=message.body, headers=renamed))

    assert (headers.copy, headers.attempt) == (OUTCOME.copy, 3)
    assert (headers.signature, headers.traceparent) == (sealed.signature, traceparent)


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ({"ce-id": "x"}, MessageMalformedError),
        ({"ce-id": None}, MessageMalformedError),
        ({"ce-attempt": "x"}, MessageMalformedError),
        ({"ce-attempt": "0"}, MessageMalformedError),
        ({"ce-attempt": str(2**31)}, MessageMalformedError),
        ({"ce-attempt": "9" * 5000}, MessageMalformedError),
        ({SIGNATURE_HEADER: None}, SignatureInvalidError),
    ],
    ids=lambda over: str(over)[:40],
)
def test_a_copy_without_usable_headers_is_refused(
    over: dict[str, str | None], error: type[Exception]
) -> None:
    sealed = a_delivery(an_application())
    message = delivery_message(sealed, copy=OUTCOME.copy, node=NodeName("gw-1"))
    headers = {**message.headers, **over}
    kept = {name: value for name, value in headers.items() if value is not None}

    with pytest.raises(error):
        read_copy_headers(Message(body=message.body, headers=kept))


def test_a_time_in_any_zone_is_the_same_time() -> None:
    message = an_outcome(received_at="2026-11-20T09:30:00+09:00")

    value, _ = OUTCOME_CODEC.read(message, VERIFIER)

    assert value.received_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)


def test_an_earlier_release_and_this_one_understand_each_other_about_checks() -> None:
    """Members that a release does not know are passed over, missing ones have a default."""
    beat = a_heartbeat(answers=NOW, said="受付停止中")
    terms = terms_for(beat, check=NOW)
    cases: list[tuple[Any, object, Purpose, dict[str, object]]] = [
        (HEARTBEAT_CODEC, beat, Purpose.HEARTBEAT, {"answers": None, "said": ""}),
        (TERMS_CODEC, terms, Purpose.TERMS, {"check": None}),
    ]
    for codec, value, purpose, added in cases:
        members = json.loads(codec.write(value, SIGNER).body)
        earlier = {name: member for name, member in members.items() if name not in added}

        assert codec.read(signed(members, purpose), VERIFIER)[0] == value
        later = signed({**members, "of_a_later_release": 1}, purpose)
        assert codec.read(later, VERIFIER)[0] == value
        found, _ = codec.read(signed(earlier, purpose), VERIFIER)
        assert {name: getattr(found, name) for name in added} == added
