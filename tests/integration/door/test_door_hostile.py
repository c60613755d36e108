"""What a hostile or broken client sends through a raw socket: always 4xx, never believed."""

import asyncio
import gc
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.http.body import BodyLimits


async def statuses(front: Any, raw: bytes) -> list[int]:
    """Send ``raw``, end what we send, and return the statuses of all answers."""
    async with front.connect() as connection:
        await connection.write(raw)
        return [answer.status for answer in await connection.answers()]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: door\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: door\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: door\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: door\r\nHost: other\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : door\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: door\r\n folded: yes\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: door\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: door\r\nX: a\rb\r\n\r\n",
        b"GET http:///x HTTP/1.1\r\nHost: door\r\n\r\n",
        b"GET /%s HTTP/1.1\r\nHost: door\r\n\r\n" % (b"a" * 9000),
        b"GET / HTTP/1.1\r\nHost: door\r\nX: %s\r\n\r\n" % (b"a" * 9000),
        b"GET / HTTP/1.1\r\nHost: door\r\n%s\r\n" % (b"X: y\r\n" * 200),
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 1e3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: %s\r\n\r\n" % (b"9" * 30),
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
        b"POST / HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_answered_400_once_and_hung_up_on(front: Any, raw: bytes) -> None:
    answers = await front.send(raw)

    assert [answer.status for answer in answers] == [400]
    assert answers[0].json()["code"] == "request.malformed"
    assert answers[0].headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "target",
    [
        "/v1/../../etc/passwd",
        "/v1/%2e%2e/%2e%2e/etc/passwd",
        "/v1/applications/..%2f..%2fetc%2fpasswd",
        "/%00",
        "/%ff%fe",
        "/%ed%a0%80",
        "/v1/procedures/%00/%00/v1",
        "/v1/procedures/test/sample/v00001",
        "/v1/procedures/test/sample/v99999999999999999999",
        "/v1/applications/%E2%80%AE",
        "/;?#",
        "/?%zz&&==",
    ],
)
async def test_a_strange_path_leads_nowhere(front: Any, target: str) -> None:
    answer = await front.ask("GET", target, headers={"Authorization": "Bearer portal-key"})

    assert answer.status == 404


async def test_connect_opens_no_tunnel(front: Any) -> None:
    raw = b"CONNECT inside:443 HTTP/1.1\r\nHost: inside\r\n\r\nGET /docs HTTP/1.1\r\n\r\n"

    assert set(await statuses(front, raw)) <= {400, 404, 405}


async def test_an_upgrade_is_not_made(front: Any) -> None:
    raw = front.request("Connection: upgrade, close", "Upgrade: websocket")

    assert (await statuses(front, raw))[0] == 202


async def test_the_first_of_pipelined_requests_counts_and_the_junk_behind_is_refused(
    front: Any,
) -> None:
    async with front.connect() as connection:
        await connection.write(front.request())
        accepted = await connection.answer()
        await connection.write(b"\x00junk\r\n\r\n" * 50)
        refused = await connection.answers()

    assert accepted.status == 202
    assert [answer.status for answer in refused] == [400]


async def test_a_request_with_junk_in_the_same_packet_is_never_accepted_without_a_202(
    front: Any,
) -> None:
    found = await statuses(front, front.request() + b"\x00junk\r\n\r\n" * 50)

    # Which of both depends on how the packets fall; the parser may see the junk first.
    assert found in ([202, 400], [400])
    assert len(front.acceptance.accepted) == found.count(202)


async def test_many_pipelined_requests_are_all_answered_in_order(front: Any) -> None:
    raw = (
        front.request()
        + front.request(receipt_number="A-2") * 98
        + front.request("Connection: close")
    )

    found = await statuses(front, raw)

    assert found == [202] + [422] * 98 + [202]


async def test_http_1_0_is_served_and_hung_up_on(front: Any) -> None:
    assert await statuses(front, front.request().replace(b"HTTP/1.1", b"HTTP/1.0")) == [202]


async def test_an_expectation_of_http_1_0_is_ignored(front: Any) -> None:
    raw = front.request("Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")

    assert await statuses(front, raw) == [202]


async def test_a_body_is_asked_for_only_when_it_is_wanted(front: Any) -> None:
    refused = front.head("Expect: 100-continue", "Content-Length: 9999999")
    body = front.request().partition(b"\r\n\r\n")[2]
    wanted = front.head("Expect: 100-Continue", f"Content-Length: {len(body)}", "Connection: close")

    assert await statuses(front, refused) == [413]
    async with front.connect() as connection:
        await connection.write(wanted)
        asked = await connection.answer()
        await connection.write(body)
        answer = await connection.answer()
    assert (asked.status, answer.status) == (100, 202)


@pytest.mark.parametrize("expect", ["100-continue, x", "x" * 8000, "申請", ""])
@pytest.mark.parametrize("path", ["/v1/municipalities/131016/applications", "/nothing"])
async def test_an_absurd_expectation_is_refused_without_an_echo(
    front: Any, expect: str, path: str
) -> None:
    answer = await front.submit(path=path, Expect=expect)

    assert answer.status in ({202, 404} if expect == "" else {417})
    assert b"x" * 100 not in answer.body


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"5\r\nabc\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nabc",
        b"1\r\n{\r\n0\r\nX: y\r\n" + b"T: t\r\n" * 500 + b"\r\n",
        b"\x00",
    ],
)
async def test_a_lie_in_a_chunked_body_is_answered_4xx_and_nothing_is_accepted(
    serve: Any, chunks: bytes
) -> None:
    front = await serve(BodyLimits(body_timeout_s=0.5))

    found = await statuses(front, front.head("Transfer-Encoding: chunked") + chunks)

    assert found
    assert set(found) <= {400, 408}
    assert front.acceptance.submissions == []


async def test_a_lie_that_comes_after_a_true_chunk_is_answered_at_once(front: Any) -> None:
    async with front.connect() as connection:
        await connection.write(front.head("Transfer-Encoding: chunked") + b"1\r\n{\r\n")
        await asyncio.sleep(0.05)
        await connection.write(b"zz\r\n")

        answers = await connection.answers()

    assert {answer.status for answer in answers} == {400}
    assert front.acceptance.submissions == []


async def test_a_valid_body_may_come_in_chunks_of_a_byte(front: Any) -> None:
    body = front.request().partition(b"\r\n\r\n")[2]
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"

    raw = front.head("Transfer-Encoding: chunked", "Connection: close") + chunks

    assert await statuses(front, raw) == [202]


async def test_a_body_that_is_cut_off_is_not_accepted(front: Any) -> None:
    body = front.request().partition(b"\r\n\r\n")[2]
    async with front.connect() as connection:
        await connection.write(front.head(f"Content-Length: {len(body) + 1}") + body)
    while not front.answered:  # noqa: ASYNC110 - nothing else tells that it is over
        await asyncio.sleep(0.01)

    assert [(a.status, a.code) for a in front.answered] == [(400, "request.incomplete")]
    assert front.acceptance.submissions == []


async def test_bytes_behind_the_announced_length_are_no_part_of_the_body(front: Any) -> None:
    body = front.request().partition(b"\r\n\r\n")[2]

    found = await statuses(front, front.head(f"Content-Length: {len(body)}") + body + b"}extra\r\n")

    assert found in ([202, 400], [400])
    assert {s.raw for s in front.acceptance.submissions} <= {body}


async def test_a_client_that_never_finishes_its_headers_is_hung_up_on(serve: Any) -> None:
    front = await serve(keepalive_timeout_s=0.2)
    async with front.connect() as connection:
        await connection.write(b"POST /v1/municip")
        assert await connection.answer() is None


async def test_two_at_the_same_instant_with_one_key_are_one_application(front: Any) -> None:
    answers = await asyncio.gather(*(front.submit() for _ in range(20)))

    assert {answer.status for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 19


async def test_no_mutation_of_a_valid_request_is_answered_5xx(serve: Any) -> None:
    front = await serve(BodyLimits(body_timeout_s=0.05), lingering_s=0.01, keepalive_timeout_s=0.2)
    request = front.request("Accept-Language: en", "traceparent: 00-1-1-01", "Connection: close")

    mutations = [
        request[:place] + byte + request[place + 1 :]
        for place in range(0, len(request), 2)
        for byte in (b"\x00", b"\xff", b"\r", b'"', b"")
    ]
    found: set[int] = set()
    for start in range(0, len(mutations), 64):
        batch = mutations[start : start + 64]
        for seen in await asyncio.gather(*(statuses(front, mutated) for mutated in batch)):
            found.update(seen)

    assert found
    assert max(found) < 500
    assert {status for status in found if status < 400} <= {100, 202}


async def test_memory_does_not_grow_with_large_bodies(front: Any) -> None:
    async def flood(count: int) -> None:
        for _ in range(count):
            front.acceptance.submissions.clear()
            async with asyncio.TaskGroup() as tasks:
                for _ in range(8):
                    tasks.create_task(front.submit(b"[" * (2 << 20)))
                    tasks.create_task(front.submit(b'{"a":' * 200_000))

    await flood(2)
    before = resident_bytes()
    await flood(10)

    # 80 bodies of 2 MiB were refused by their length, 80 of 1 MB were read and refused.
    assert resident_bytes() - before < 32 << 20


def resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
