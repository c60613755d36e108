"""Every status of the front door, through a real socket."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.errors import CommitUnknownError, JournalUnavailableError
from gateway.domain.trace import parse
from gateway.http.body import BodyLimits
from gateway.http.problems import DETAILS, TITLES
from gateway.services.limit import Limit
from gateway.services.prove import ProvedEntry

ACCEPTED = f"/v1/applications/{UUID(int=1)}"
AUTHORIZED = {"Authorization": "Bearer portal-key"}


def assert_problem(answer: Any, status: int, code: str) -> None:
    problem = answer.json()
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == f"urn:kakehashi:problem:{code}"
    assert problem["title"] == TITLES[status][0]
    assert problem["detail"] == DETAILS[code][1]
    assert answer.headers["Content-Language"] == "ja"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_valid_application_is_answered_202_with_all_its_members(front: Any) -> None:
    answer = await front.submit()

    assert answer.status == 202
    assert answer.json() == {
        "id": str(UUID(int=1)),
        "status": "accepted",
        "accepted_at": "2026-11-20T00:30:00.000+00:00",
        "procedure": "test/sample",
        "version": 1,
        "commitment": {"alg": "HMAC-SHA-256", "key": "A" * 43, "value": "_" * 42 + "8"},
        "receipt": "jws-A-1",
        "links": {"self": ACCEPTED, "proof": f"{ACCEPTED}/proof"},
    }
    assert answer.headers["Location"] == ACCEPTED
    assert "Idempotency-Replayed" not in answer.headers
    assert answer.headers["Content-Type"] == "application/json"


async def test_the_same_key_and_body_get_the_same_202_marked_as_replayed(front: Any) -> None:
    first = await front.submit()
    again = await front.submit()

    assert (again.status, again.body) == (202, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_the_same_key_with_another_body_is_refused(front: Any) -> None:
    await front.submit()
    answer = await front.submit(front.body(receipt_number="A-2"))

    assert_problem(answer, 422, "idempotency.key_reused")


async def test_a_repeated_receipt_number_is_refused_with_the_existing_id(front: Any) -> None:
    await front.submit()
    answer = await front.submit(Idempotency_Key="k-2")

    assert_problem(answer, 422, "application.already_received")
    assert answer.json()["existing"] == str(UUID(int=1))


async def test_the_service_gets_exactly_what_was_sent(front: Any) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await front.submit(b'{"not": "an application"}', Idempotency_Key="~!k", traceparent=trace)

    (submission,) = front.acceptance.submissions
    assert submission.raw == b'{"not": "an application"}'
    assert (submission.client, submission.municipality) == ("portal", "131016")
    assert (submission.idempotency_key, submission.traceparent) == ("~!k", trace)


@pytest.mark.parametrize(
    "trace",
    ["", "x", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01"],
)
async def test_a_wrong_traceparent_is_ignored(front: Any, trace: str) -> None:
    answer = await front.submit(traceparent=trace)

    assert answer.status == 202
    begun = parse(front.acceptance.submissions[0].traceparent)
    assert begun is not None
    assert begun.trace_id not in ("0" * 32, "1" * 32)
    assert not begun.sampled


async def test_all_errors_of_a_body_come_at_once_with_pointers_and_codes(front: Any) -> None:
    body = front.body(
        receipt_number="",
        submitted_at="2026-11-20",
        applicant={"name": "", "postal_code": "12"},
        content={"notes": ["ok", 3]},
    )
    answer = await front.submit(body)

    assert_problem(answer, 422, "application.invalid")
    found = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert found >= {
        ("#/submitted_at", "timestamp.format"),
        ("#/applicant/name", "text.too_short"),
        ("#/applicant/postal_code", "postal_code.format"),
        ("#/content/notes/1", "field.type"),
    }
    assert any(pointer == "#/receipt_number" for pointer, _ in found)
    assert all(error["detail"] for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "json.malformed"),
        (b"<xml/>", "json.malformed"),
        (b'{"a": 1, "a": 1}', "json.duplicate_key"),
        (b'{"a": NaN}', "json.number_out_of_range"),
        (b"[]", "json.not_an_object"),
        (b"\xef\xbb\xbf{}", "json.byte_order_mark"),
        ('{"a": "氏名"}'.encode("cp932"), "json.not_utf8"),
        (b'{"a": "\\ud800"}', "json.lone_surrogate"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "json.too_deep"),
        (b'{"a":' + b"[" * 100_000, "json.too_many_values"),
    ],
)
async def test_what_is_not_strict_json_is_answered_400(front: Any, raw: bytes, code: str) -> None:
    assert_problem(await front.submit(raw), 400, code)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency.key_missing"),
        ("", "idempotency.key_invalid"),
        ("a b", "idempotency.key_invalid"),
        ("申請", "idempotency.key_invalid"),
        ("k" * 256, "idempotency.key_invalid"),
        ("a\r\nIdempotency-Key: b", "idempotency.key_invalid"),
    ],
)
async def test_a_request_without_one_proper_idempotency_key_is_answered_400(
    front: Any, key: str | None, code: str
) -> None:
    assert_problem(await front.submit(Idempotency_Key=key), 400, code)
    assert front.acceptance.submissions == []


async def test_a_key_of_255_characters_is_accepted(front: Any) -> None:
    assert (await front.submit(Idempotency_Key="k" * 255)).status == 202


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "client.unauthenticated"),
        ("Basic cG9ydGFs", "client.unauthenticated"),
        ("Bearer", "client.unauthenticated"),
        ("Bearer portal-key, Bearer portal-key", "client.unauthenticated"),
        ("Bearer 鍵", "client.unauthenticated"),
        ("Bearer portal-key\r\nAuthorization: Bearer portal-key", "client.unauthenticated"),
        ("Bearer wrong", "client.key_unknown"),
    ],
)
async def test_a_request_without_a_known_key_is_answered_401(
    front: Any, authorization: str | None, code: str
) -> None:
    answer = await front.submit(Authorization=authorization)

    assert_problem(answer, 401, code)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="kakehashi"'
    assert front.acceptance.submissions == []


async def test_another_municipality_than_granted_is_answered_403(front: Any) -> None:
    answer = await front.submit(path="/v1/municipalities/011002/applications")

    assert_problem(answer, 403, "client.municipality_not_allowed")


@pytest.mark.parametrize(
    "code", ["999999", "%00", "..%2f..%2fetc%2fpasswd", "%ff%fe", "131016%0d%0aX:1", "a" * 4000]
)
async def test_an_unknown_municipality_is_answered_404(front: Any, code: str) -> None:
    answer = await front.submit(path=f"/v1/municipalities/{code}/applications")

    assert_problem(answer, 404, "municipality.unknown")


async def test_an_unknown_procedure_is_answered_404(front: Any) -> None:
    answer = await front.submit(front.body(procedure="test/other"))

    assert_problem(answer, 404, "procedure.unknown")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/applications", "/openapi.json/", "//x"])
async def test_an_unknown_path_is_answered_404(front: Any, path: str) -> None:
    assert_problem(await front.ask("GET", path), 404, "resource.unknown")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/municipalities/131016/applications", {"POST"}),
        ("PUT", "/v1/municipalities/131016/applications", {"POST"}),
        ("DELETE", ACCEPTED, {"GET", "HEAD"}),
        ("OPTIONS", "/v1/procedures", {"GET", "HEAD"}),
    ],
)
async def test_another_method_is_answered_405_with_allow(
    front: Any, method: str, path: str, allow: set[str]
) -> None:
    answer = await front.ask(method, path)

    assert_problem(answer, 405, "request.method")
    assert set(answer.headers["Allow"].split(",")) == allow


async def test_a_body_that_trickles_in_is_answered_408(serve: Any) -> None:
    front = await serve(BodyLimits(body_timeout_s=0.2))
    async with front.connect() as connection:
        await connection.write(front.head("Content-Length: 100") + b"{")
        await asyncio.sleep(0.1)
        await connection.write(b'"')

        answer = await connection.answer()

    assert_problem(answer, 408, "request.timeout")
    assert answer.headers["Connection"] == "close"
    assert front.acceptance.submissions == []


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 101\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b" " * 101],
)
async def test_a_body_over_the_limit_is_answered_413_announced_or_not(
    serve: Any, rest: bytes
) -> None:
    front = await serve(BodyLimits(body_bytes=100))

    (answer,) = await front.send(front.head()[:-2] + rest)

    assert_problem(answer, 413, "request.too_large")
    assert answer.headers["Connection"] == "close"
    assert front.acceptance.submissions == []


async def test_a_body_of_exactly_the_limit_is_read(serve: Any) -> None:
    front = await serve(BodyLimits(body_bytes=100))

    assert_problem(await front.submit(b" " * 100), 400, "json.malformed")


async def test_two_mebibytes_are_answered_413_while_they_are_sent(front: Any) -> None:
    answer = await front.submit(b"x" * (2 << 20))

    assert_problem(answer, 413, "request.too_large")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Content-Type", None, "request.media_type"),
        ("Content-Type", "text/plain", "request.media_type"),
        ("Content-Type", "application/json; profile=x", "request.media_type"),
        ("Content-Type", "application/x-www-form-urlencoded", "request.media_type"),
        ("Content-Type", "multipart/form-data; boundary=x", "request.attachments_not_yet"),
        ("Content-Type", "application/json; charset=shift_jis", "request.charset"),
        ("Content-Type", 'application/json; charset="utf-16"', "request.charset"),
        ("Content-Encoding", "gzip", "request.content_encoding"),
        ("Content-Encoding", "identity, br", "request.content_encoding"),
    ],
)
async def test_another_format_is_answered_415(
    front: Any, name: str, value: str | None, code: str
) -> None:
    answer = await front.submit(**{name: value})

    assert_problem(answer, 415, code)
    assert front.acceptance.submissions == []


@pytest.mark.parametrize(
    "content_type", ["application/json;charset=UTF-8", 'Application/JSON ; charset="utf-8"']
)
async def test_json_in_utf8_may_be_said_in_many_ways(front: Any, content_type: str) -> None:
    answer = await front.submit(Content_Type=content_type, Content_Encoding="identity")

    assert answer.status == 202


async def test_an_expectation_that_cannot_be_met_is_answered_417(front: Any) -> None:
    answer = await front.submit(Expect="miracles-and-secrets")

    assert_problem(answer, 417, "request.expectation")


async def test_an_empty_bucket_is_answered_429_with_the_seconds_to_wait(serve: Any) -> None:
    front = await serve(limit=Limit(rate_per_s=0.1, burst=1, monotonic=lambda: 0.0))
    await front.submit()

    answer = await front.submit()

    assert_problem(answer, 429, "client.rate_exceeded")
    assert answer.headers["Retry-After"] == "10"
    assert len(front.acceptance.submissions) == 1


@pytest.mark.parametrize("fault", [JournalUnavailableError(), CommitUnknownError("secret")])
async def test_a_journal_that_cannot_commit_is_answered_503(front: Any, fault: Exception) -> None:
    front.acceptance.fault = fault

    answer = await front.submit()

    assert_problem(answer, 503, fault.code)
    assert answer.headers["Retry-After"] == "5"


async def test_more_bodies_than_fit_in_memory_are_answered_503(serve: Any) -> None:
    front = await serve(BodyLimits(memory_bytes=300))
    front.acceptance.gate = asyncio.Event()
    waiting = asyncio.create_task(front.submit())
    await front.acceptance.arrived.wait()

    answer = await front.submit(Idempotency_Key="k-2")
    front.acceptance.gate.set()

    assert_problem(answer, 503, "gateway.busy")
    assert answer.headers["Retry-After"] == "2"
    assert (await waiting).status == 202
    assert (await front.submit()).status == 202


async def test_a_defect_is_answered_500_without_a_word_of_it(front: Any, logged: Any) -> None:
    front.acceptance.fault = RuntimeError("山田太郎")

    answer = await front.submit()

    assert answer.status == 500
    assert set(answer.json()) == {"type", "title", "status", "code"}
    assert "RuntimeError" in logged()
    assert "山田太郎" not in logged()
    assert "\\u5c71" not in logged()


async def test_problems_are_english_for_those_who_prefer_it(front: Any) -> None:
    answer = await front.submit(b"[]", Accept_Language="en-GB, ja;q=0.5")

    assert answer.headers["Content-Language"] == "en"
    assert answer.json()["title"] == TITLES[400][1]
    assert answer.json()["detail"] == DETAILS["json.not_an_object"][2]


async def test_the_client_that_sent_an_application_sees_its_status(front: Any) -> None:
    await front.submit()

    answer = await front.ask("GET", ACCEPTED, headers=AUTHORIZED)

    assert answer.status == 200
    status = answer.json()
    assert status["links"] == {"self": ACCEPTED, "proof": f"{ACCEPTED}/proof"}
    assert status["deliveries"] == [{"destination": "jido-teate", "state": "delivered"}]
    assert status["feedback"][0]["status_ja"] == "受理"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("suffix", ["", "/proof"])
async def test_nobody_else_sees_it(front: Any, suffix: str) -> None:
    await front.submit()

    other = {"Authorization": "Bearer other-key"}
    assert_problem(
        await front.ask("GET", ACCEPTED + suffix, headers=other), 404, "application.unknown"
    )
    assert_problem(await front.ask("GET", ACCEPTED + suffix), 401, "client.unauthenticated")


@pytest.mark.parametrize("identifier", ["x", "0" * 32, "urn:uuid:" + str(UUID(int=1)), "%00"])
async def test_what_is_no_id_is_answered_404(front: Any, identifier: str) -> None:
    answer = await front.ask("GET", f"/v1/applications/{identifier}", headers=AUTHORIZED)

    assert_problem(answer, 404, "application.unknown")


async def test_there_is_no_proof_until_the_acceptance_is_sealed(front: Any) -> None:
    await front.submit()

    answer = await front.ask("GET", f"{ACCEPTED}/proof", headers=AUTHORIZED)

    assert_problem(answer, 404, "proof.not_sealed_yet")
    assert answer.headers["Retry-After"] == "1"


async def test_a_proof_has_the_entry_its_place_and_the_path_to_a_checkpoint(front: Any) -> None:
    await front.submit()
    front.acceptance.proved = ProvedEntry(entry=b'{"v":2}', index=7, proof="c2sp.org/tlog-proof@v1")

    answer = await front.ask("GET", f"{ACCEPTED}/proof", headers=AUTHORIZED)

    assert answer.status == 200
    assert answer.json() == {
        "entry": "eyJ2IjoyfQ",
        "index": 7,
        "proof": "c2sp.org/tlog-proof@v1",
    }


async def test_procedures_are_listed_and_each_shows_its_schema_and_example(front: Any) -> None:
    (line,) = (await front.ask("GET", "/v1/procedures")).json()["procedures"]
    shown = (await front.ask("GET", line["links"]["self"])).json()

    assert line["title"] == {"ja": "見本の届出", "en": "Sample notice"}
    assert shown["schema"]["properties"]["applicant"]["required"] == ["name"]
    assert (await front.submit(shown["example"])).status == 202


@pytest.mark.parametrize("version", ["2", "9999"])
async def test_an_unknown_version_of_a_procedure_is_answered_404(front: Any, version: str) -> None:
    answer = await front.ask("GET", f"/v1/procedures/test/sample/v{version}")

    assert_problem(answer, 404, "procedure.unknown")


async def test_no_answer_names_a_server_version_or_may_be_sniffed(front: Any) -> None:
    for answer in [
        await front.ask("GET", "/docs"),
        await front.ask("GET", "/nothing"),
        (await front.send(b"garbage\r\n\r\n"))[0],
    ]:
        assert answer.headers["Server"] == "kakehashi"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_a_connection_is_kept_for_the_next_request(front: Any) -> None:
    async with front.connect() as connection:
        await connection.write(front.request())
        first = await connection.answer()
        await connection.write(front.request("Connection: close"))
        second = await connection.answer()

    assert (first.status, second.status) == (202, 202)


async def test_a_request_in_flight_is_answered_when_the_door_is_closed(front: Any) -> None:
    front.acceptance.gate = asyncio.Event()
    waiting = asyncio.create_task(front.submit())
    await front.acceptance.arrived.wait()

    asyncio.get_running_loop().call_later(0.1, front.acceptance.gate.set)
    await front.runner.cleanup()

    assert (await waiting).status == 202


async def test_each_answer_has_one_log_line_with_its_facts(front: Any, logged: Any) -> None:
    await front.submit()
    await front.submit(b"[]")

    (accepted, refused) = front.answered
    assert (accepted.method, accepted.status, accepted.code) == ("POST", 202, None)
    assert accepted.route == "/v1/municipalities/{code}/applications"
    assert (accepted.client, accepted.application_id) == ("portal", str(UUID(int=1)))
    assert (refused.status, refused.code, refused.body_bytes) == (400, "json.not_an_object", 2)
    assert logged().count('"http.answered"') == 2
