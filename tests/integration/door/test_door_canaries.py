"""Personal values planted everywhere come back in no answer and no log line."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

NAME = "金鳥 花子"
NUMBER = "112233445566"
CANARIES = (NAME, "金鳥", NUMBER, "canary-key-7f3a")


def disguises(canary: str) -> set[bytes]:
    """Return the encodings in which a value could come back."""
    found = {
        canary.encode(),
        canary.encode("utf-16-le"),
        canary.encode("utf-16-be"),
        json.dumps(canary)[1:-1].encode(),
        repr(canary.encode())[2:-1].encode(),
        quote(canary).encode(),
        canary.encode("unicode_escape"),
    }
    if not canary.startswith("canary"):
        found.add(canary.encode("cp932"))
    for shift in range(3):
        encoded = base64.b64encode(b"-" * shift + canary.encode())
        found.add(encoded[4 if shift else 0 : -4])
    return {disguise for disguise in found if len(disguise) > 5}


def assert_silent(front: Any, logged: Any, *answers: Any) -> None:
    assert front.answered
    seen = logged().encode("utf-8", "surrogateescape") + repr(front.answered).encode()
    assert b"http.answered" in seen
    for answer in answers:
        seen += answer.body + repr(list(answer.headers.items())).encode("utf-8", "replace")
    for canary in CANARIES:
        for disguise in disguises(canary):
            assert disguise not in seen


async def test_the_disguises_would_be_found() -> None:
    body = base64.b64encode(b"xx" + NAME.encode() + b"yyyy")

    assert any(disguise in body for disguise in disguises(NAME))


BODIES = [
    {"applicant": {"name": NAME * 9, "postal_code": NUMBER}},
    {"applicant": {NAME: NUMBER}},
    {NAME: NUMBER},
    {"receipt_number": NAME},
    {"submitted_at": NAME},
    {"supersedes": NUMBER},
    {"procedure": f"{NAME}/{NUMBER}"},
    {"procedure": "canary-key-7f3a/canary-key-7f3a"},
    {"version": int(NUMBER)},
    {"applicant": NAME, "content": [NUMBER]},
    {"content": {"notes": [{NAME: NUMBER}] * 150}},
]


@pytest.mark.parametrize("over", BODIES)
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_no_field_or_key_of_a_refused_body_comes_back(
    front: Any, logged: Any, over: dict[str, object], language: str
) -> None:
    answer = await front.submit(front.body(**over), Accept_Language=language)

    assert 400 <= answer.status < 500
    assert_silent(front, logged, answer)


@pytest.mark.parametrize(
    "raw",
    [
        f'{{"name": "{NAME}"'.encode(),
        f'{{"{NAME}": 1, "{NAME}": 2}}'.encode(),
        f'{{"name": "{NAME}"}}'.encode("cp932"),
        f'{{"name": "{NAME}"}}'.encode("utf-16"),
        f'"{NAME}{NUMBER}"'.encode(),
        f'{{"my_number": {NUMBER}e999}}'.encode(),
        f'{{"my_number": {NUMBER}9999999}}'.encode(),
        NAME.encode(),
    ],
)
async def test_nothing_of_what_is_not_json_comes_back(front: Any, logged: Any, raw: bytes) -> None:
    answer = await front.submit(raw)

    assert answer.status == 400
    assert_silent(front, logged, answer)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Idempotency-Key",
        "Content-Type",
        "Content-Encoding",
        "Content-Length",
        "Transfer-Encoding",
        "Accept-Language",
        "Accept",
        "Expect",
        "Host",
        "Keep-Alive",
        "Upgrade",
        "traceparent",
        "User-Agent",
        "Cookie",
        "X-Forwarded-For",
        "Sec-WebSocket-Key1",
        "canary-key-7f3a",
    ],
)
@pytest.mark.parametrize("value", [NAME, NUMBER, "canary-key-7f3a", f"{NUMBER}\x01"])
async def test_no_header_comes_back(front: Any, logged: Any, name: str, value: str) -> None:
    answer = await front.submit(**{name: value})

    assert answer.status < 500
    assert_silent(front, logged, answer)


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize(
    "path",
    [
        "/v1/municipalities/{}/applications",
        "/v1/municipalities/131016/applications?name={}",
        "/v1/applications/{}",
        "/v1/applications/{}/proof",
        "/v1/procedures/{}/{}/v1",
        "/{}",
        "/docs?{}",
        "/docs#{}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_nothing_of_the_url_comes_back(
    front: Any, logged: Any, method: str, path: str, canary: str
) -> None:
    authorized = {"Authorization": "Bearer portal-key"}

    answers = [
        await front.ask(method, path.replace("{}", form), headers=authorized)
        for form in (quote(canary), canary)
    ]

    assert {answer.status for answer in answers} < set(range(500))
    assert_silent(front, logged, *answers)


@pytest.mark.parametrize(
    "raw",
    [
        f"{NUMBER} / HTTP/1.1\r\n\r\n".encode(),
        f"GET /{NAME} HTTP/1.1\r\n\r\n".encode(),
        f"GET / {NUMBER}\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\n{NAME}: x\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\nX: {NUMBER}\x00\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\nX: {NUMBER * 999}\r\n\r\n".encode(),
        f"GET /{NUMBER * 999} HTTP/1.1\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\nHost: {NUMBER}\r\nHost: {NUMBER}\r\n\r\n".encode(),
        f"GET //{NUMBER} HTTP/1.1\r\nHost: [{NUMBER}\r\n\r\n".encode(),
        f"GET http://[{NUMBER} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        f"CONNECT {NUMBER} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        b'"' + NAME.encode() + b'"',
    ],
)
async def test_nothing_of_what_is_not_http_comes_back(front: Any, logged: Any, raw: bytes) -> None:
    async with front.connect() as connection:
        await connection.write(raw + b"\r\n\r\n\x00")
        answers = await connection.answers()

    assert {answer.status for answer in answers} <= {400, 404}
    assert_silent(front, logged, *answers)


async def test_the_text_of_a_defect_comes_back_nowhere(front: Any, logged: Any) -> None:
    front.acceptance.fault = RuntimeError(NAME, NUMBER)

    answer = await front.submit()

    assert answer.status == 500
    assert_silent(front, logged, answer)
