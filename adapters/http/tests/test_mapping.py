import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.http.answer import Answer, retry_after_s
from adapters.http.config import HTTPConfig
from adapters.http.mapping import found, receipt, request_body
from gateway.sdk import (
    Application,
    DestinationUnavailableError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

SAMPLES = Path(__file__).parent.parent / "samples"
NAMES = sorted(path.name.removesuffix(".message.json") for path in SAMPLES.glob("*.message.json"))
KEY = "0193453a-0000-7000-8000-000000000001"
MALFORMED = "http.answer_malformed"
NOW = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
URL = "http://127.0.0.1:1/applications"


def config(**over: Any) -> HTTPConfig:
    given = {
        "url": URL,
        "reference_pointer": "/reference",
        "error_code_pointer": "/code",
        "error_field_pointer": "/field",
    }
    return HTTPConfig.model_validate({**given, **over})


def an_answer(status: int, body: object = None, **over: Any) -> Answer:
    content = b"" if body is None else json.dumps(body).encode()
    return Answer(**{"status": status, "body": content, **over})


def meant(answer: Answer, **over: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the test tells which
        receipt(answer, config(**over), NOW)
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_becomes_the_json_beside_it(
    name: str, application: Callable[..., Application]
) -> None:
    body = request_body(application(name), KEY, config())

    assert body == (SAMPLES / f"{name}.native.json").read_bytes().rstrip()


def test_names_are_sent_as_they_came_in(application: Callable[..., Application]) -> None:
    assert "髙﨑".encode() in request_body(application(), KEY, config())


def test_a_lone_surrogate_is_rejected(application: Callable[..., Application]) -> None:
    with pytest.raises(RejectedError) as caught:
        request_body(application(content={"name": "\ud842"}), KEY, config())

    assert caught.value.reason == "text.unmappable:U+D842"


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_has_the_core_systems_reference(status: int) -> None:
    answered = json.loads((SAMPLES / "accepted.reply.json").read_bytes())

    assert receipt(an_answer(status, answered), config(), NOW).reference == "整000001"


@pytest.mark.parametrize(
    "value", [None, True, "", [], "a\nb", "x" * 201, 1.5, "髙﨑 花子", "対象外　1"]
)
def test_what_cannot_be_a_reference_is_none(value: object) -> None:
    answer = an_answer(200, {"reference": value})

    assert receipt(answer, config(reference_required=False), NOW).reference is None
    assert_unknown(meant(answer), "http.reference_missing")


@pytest.mark.parametrize(
    "value", ["個人番号123456789018", 123456789018, "1234-5678-9018", "髙﨑花子"]
)
def test_a_reference_that_may_name_a_person_proves_the_delivery_and_is_not_kept(
    value: object,
) -> None:
    assert receipt(an_answer(200, {"reference": value}), config(), NOW).reference is None


def test_a_number_is_a_reference() -> None:
    assert receipt(an_answer(200, {"reference": 4711}), config(), NOW).reference == "4711"


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}", b"[]", b"null"])
def test_without_a_pointer_json_and_nothing_at_all_are_a_success(body: bytes) -> None:
    answer = Answer(status=200, body=body)

    assert receipt(answer, config(reference_pointer=None), NOW).reference is None


@pytest.mark.parametrize("over", [{}, {"reference_pointer": None}, {"reference_required": False}])
@pytest.mark.parametrize("body", [b"<html>", b"{", b"\xff\xfe\x00", b"[" * 60_000, b"OK"])
def test_a_success_that_is_not_json_is_in_doubt(body: bytes, over: dict[str, object]) -> None:
    assert_unknown(meant(Answer(status=200, body=body), **over), "http.answer_malformed")


def test_where_nothing_else_can_answer_any_body_is_a_success_if_so_configured() -> None:
    plain = config(reference_pointer=None, answer_bodies="any")

    assert receipt(Answer(status=200, body=b"OK"), plain, NOW).reference is None
    assert_unknown(meant(Answer(status=200, body=b"OK"), answer_bodies="any"), MALFORMED)


def test_a_success_that_says_error_where_the_reference_should_be_is_in_doubt() -> None:
    assert_unknown(meant(an_answer(200, {"error": "E0003"})), "http.reference_missing")


def test_a_202_is_in_doubt_unless_it_proves_something_or_is_configured() -> None:
    answer = an_answer(202, {"id": "1"})
    bare = {"reference_pointer": None}
    means = {"status_meanings": {202: "delivered"}}

    assert_unknown(meant(an_answer(202), **bare), "http.202")
    assert_unknown(meant(answer, **bare), "http.202")
    assert_unknown(meant(answer, reference_pointer="/id", reference_required=False), "http.202")
    assert receipt(answer, config(**bare, proof_pointer="/id"), NOW).reference is None
    assert receipt(an_answer(202), config(**bare, **means), NOW).reference is None


def test_a_success_whose_body_was_lost_is_in_doubt() -> None:
    answer = Answer(status=200, body=None, body_fault="http.answer_too_large")

    assert_unknown(meant(answer), "http.answer_too_large")


def assert_unknown(error: Exception, reason: str) -> None:
    assert isinstance(error, UnknownOutcomeError)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, UnknownOutcomeError),
        (302, UnknownOutcomeError),
        (303, UnknownOutcomeError),
        (307, DestinationUnavailableError),
        (308, DestinationUnavailableError),
        (400, RejectedError),
        (401, DestinationUnavailableError),
        (403, DestinationUnavailableError),
        (404, RejectedError),
        (407, DestinationUnavailableError),
        (408, UnknownOutcomeError),
        (409, UnknownOutcomeError),
        (413, RejectedError),
        (422, RejectedError),
        (425, TransientError),
        (429, ThrottledError),
        (500, UnknownOutcomeError),
        (502, UnknownOutcomeError),
        (503, UnknownOutcomeError),
        (504, UnknownOutcomeError),
    ],
)
def test_each_status_means_what_the_table_says(status: int, kind: type[Exception]) -> None:
    error = meant(an_answer(status))

    assert type(error) is kind
    assert getattr(error, "reason", None) == f"http.{status}"


def test_a_503_that_says_when_to_come_back_throttles() -> None:
    error = meant(an_answer(503, retry_after="120"))

    assert isinstance(error, ThrottledError)
    assert error.retry_after_s == 120


def test_a_408_that_says_when_to_come_back_is_sent_again_then() -> None:
    error = meant(an_answer(408, retry_after="30"))

    assert type(error) is TransientError
    assert error.retry_after_s == 30


@pytest.mark.parametrize("header", ["", "soon"])
@pytest.mark.parametrize("status", [408, 503])
def test_a_wait_that_says_no_time_proves_nothing(status: int, header: str) -> None:
    assert_unknown(meant(an_answer(status, retry_after=header)), f"http.{status}")


def test_a_503_is_an_outage_where_no_5xx_has_an_effect() -> None:
    assert type(meant(an_answer(503), effect_on_5xx="none")) is DestinationUnavailableError


def test_a_5xx_without_effect_is_sent_again_when_so_configured() -> None:
    assert type(meant(an_answer(500), effect_on_5xx="none")) is TransientError


def test_a_single_status_can_mean_something_else() -> None:
    answer = an_answer(409, {"reference": "整000001"})

    assert receipt(answer, config(status_meanings={409: "delivered"}), NOW).reference == "整000001"
    assert isinstance(meant(an_answer(409), status_meanings={409: "rejected"}), RejectedError)


def test_a_refusal_has_the_core_systems_code_and_field() -> None:
    refusal = json.loads((SAMPLES / "refused.reply.json").read_bytes())

    error = meant(an_answer(422, refusal))

    assert isinstance(error, RejectedError)
    assert (error.reason, error.pointer) == ("E0012", "/content/claim_date")


@pytest.mark.parametrize(
    "code",
    ["住所が違います", "no such person", "614106526000", "E-1020074", "x" * 33, "", None, {}],
)
def test_free_text_and_numbers_of_persons_are_no_codes(code: object) -> None:
    error = meant(an_answer(422, {"code": code, "field": "/applicant/614106526000"}))

    assert isinstance(error, RejectedError)
    assert (error.reason, error.pointer) == ("http.422", None)


@pytest.mark.parametrize("body", [b"<html>", b"", None, b"[]"])
def test_a_refusal_need_not_be_json(body: bytes | None) -> None:
    error = meant(Answer(status=400, body=body))

    assert isinstance(error, RejectedError)
    assert error.reason == "http.400"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 30 ", 30),
        ("999999999", 86_400),
        ("9" * 10, 86_400),
        ("9" * 5000, 86_400),
        ("-1", None),
        ("soon", None),
        ("1e9", None),
        ("Fri, 20 Nov 2026 00:31:00 GMT", 60),
        ("Fri, 20 Nov 2026 00:29:00 GMT", 0),
        ("Fri, 20 Nov 2026 00:31:00 -0000", 60),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400),
        ("Fri, 20 Nov 0001 00:31:00 +2359", 0),
        ("Fri, 20 Nov 99999 00:31:00 GMT", None),
        (f"Fri, 20 Nov {'9' * 30} 00:31:00 GMT", None),
        (f"Fri, 20 Nov 2026 00:31:00 +{'9' * 30}", None),
        (f"Fri, {'9' * 30} Nov 2026 00:31:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after_s(header, NOW) == seconds


def test_a_lookup_tells_yes_no_or_that_it_cannot_tell() -> None:
    yes = found(an_answer(200, {"reference": "整000001"}), config(), NOW)
    assert yes is not None
    assert yes.reference == "整000001"
    assert found(an_answer(404, {"code": "UNKNOWN"}), config(), NOW) is None
    for answer in (an_answer(500), an_answer(401), Answer(status=200, body=b"<html>")):
        with pytest.raises(TransientError):
            found(answer, config(), NOW)


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("body", [None, b"", b"<html>", b"not found"])
def test_a_lookup_that_something_in_between_may_have_answered_tells_nothing(
    status: int, body: bytes | None
) -> None:
    answer = Answer(status=status, body=body)
    bare = config(reference_pointer=None)

    with pytest.raises(TransientError):
        found(answer, bare, NOW)


def test_a_bare_404_of_a_lookup_counts_where_nothing_else_can_answer() -> None:
    assert found(an_answer(404), config(answer_bodies="any"), NOW) is None


def test_only_the_configured_codes_say_that_a_lookup_found_nothing() -> None:
    strict = config(lookup_unknown_codes=["E404"])

    assert found(an_answer(404, {"code": "E404"}), strict, NOW) is None
    for answer in (an_answer(404, {"message": "no Route matched"}), an_answer(404)):
        with pytest.raises(TransientError, match="lookup_404"):
            found(answer, strict, NOW)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"colour": 1}, "Extra inputs"),
        ({"url": "http://core.example.jp/"}, "plain http"),
        ({"health_url": "http://core.example.jp/"}, "plain http"),
        ({"lookup_url": "http://core.example.jp/{key}"}, "plain http"),
        ({"lookup_url": "https://core.example.jp/"}, "has no"),
        ({"url": "https://u:p@core.example.jp/"}, "credentials"),
        ({"proxy": "http://u:hunter2@proxy.example.jp:3128"}, "proxy: credentials"),
        ({"url": "ftp://core.example.jp/"}, "scheme"),
        ({"bearer_token": "a", "bearer_token_file": "b"}, "not both"),
        ({"client_key_file": "b"}, "go together"),
        ({"reference_pointer": None, "reference_required": True}, "needs reference_pointer"),
        ({"error_code_pointer": None, "lookup_unknown_codes": ["1"]}, "needs error_code_pointer"),
        ({"headers": {"Authorization": "x"}}, "cannot be set"),
        ({"headers": {"X Y": "x"}}, "cannot be set"),
        ({"headers": {"X": "a\r\nb"}}, "not printable"),
        ({"idempotency_key_header": "a b"}, "not a header"),
        ({"status_meanings": {99: "rejected"}}, "no status"),
        ({"total_timeout_s": 0}, "greater than"),
    ],
)
def test_a_configuration_that_cannot_or_must_not_work_is_refused(
    over: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        config(**over)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_plain_http_to_this_machine_is_allowed(host: str) -> None:
    assert config(url=f"http://{host}/").url.scheme == "http"
    assert config(url="http://core.example.jp/", allow_plain_http=True).url.scheme == "http"


def test_every_field_is_described_and_secrets_are_not_shown() -> None:
    for name, field in HTTPConfig.model_json_schema()["properties"].items():
        assert "description" in field, name
    assert "s3cret" not in repr(config(bearer_token="s3cret"))


def test_members_are_read_from_the_application_and_one_without_a_value_is_left_out(
    application: Callable[..., Application],
) -> None:
    members = [
        {"name": "受付番号", "pointer": "/receipt_number"},
        {"name": "置換", "pointer": "/supersedes"},
        {"name": "日", "pointer": "/accepted/date"},
        {"name": "時", "pointer": "/accepted/time"},
    ]
    one = application(receipt_number="R8-1")

    body = json.loads(request_body(one, KEY, config(members=members)))

    assert body == {"受付番号": "R8-1", "日": "2026-11-20", "時": "09:30:00"}


def test_a_member_that_must_be_there_and_is_not_is_refused_with_its_pointer(
    application: Callable[..., Application],
) -> None:
    members = [{"name": "a", "pointer": "/supersedes", "required": True}]

    with pytest.raises(RejectedError) as caught:
        request_body(application(), KEY, config(members=members))

    assert (caught.value.reason, caught.value.pointer) == ("field.missing", "/supersedes")


def test_members_with_one_name_are_an_error_of_the_configuration() -> None:
    members = [{"name": "a", "literal": "1"}, {"name": "a", "literal": "2"}]

    with pytest.raises(ValidationError, match="twice"):
        config(members=members)


@pytest.mark.parametrize(
    "body", [{}, {"result": []}, {"result": [{"n": None}]}, {"result": [{"n": ""}]}]
)
def test_a_success_without_its_proof_is_in_doubt(body: object) -> None:
    error = meant(an_answer(200, body), proof_pointer="/result/0/n", reference_pointer=None)

    assert isinstance(error, UnknownOutcomeError)
    assert error.reason == "http.proof_missing"


@pytest.mark.parametrize("body", [b"", b"<html>"])
def test_a_success_that_is_no_json_proves_nothing(body: bytes) -> None:
    answer = Answer(status=200, body=body)

    error = meant(answer, proof_pointer="/result/0/n", reference_pointer=None)

    assert isinstance(error, UnknownOutcomeError)
    assert error.reason == "http.answer_malformed"


def test_a_success_with_its_proof_keeps_nothing_of_it() -> None:
    answer = an_answer(200, {"result": [{"n": "000000000000001"}]})

    given = receipt(answer, config(proof_pointer="/result/0/n", reference_pointer=None), NOW)

    assert given.reference is None


@pytest.mark.parametrize(
    "pointer", ["/batch/number", "/accepted", "/accepted/day", "/accepted/0/1"]
)
def test_a_member_of_what_no_request_has_is_an_error_of_the_configuration(pointer: str) -> None:
    with pytest.raises(ValidationError, match=r"members\.0 \(a\).*no fact of a request"):
        config(members=[{"name": "a", "pointer": pointer}])
