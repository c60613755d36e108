"""A front door on a loopback socket, and raw connections to it."""

import asyncio
import json
import logging
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest
import structlog
from aiohttp import web
from multidict import CIMultiDict

from gateway.domain.identifiers import ApplicationId, ClientName, ProcedureName
from gateway.http.body import BodyLimits
from gateway.http.door import FrontServices, front_app
from gateway.http.protocol import Answered, FrontRunner
from gateway.schema.catalogue import Catalogue, load_catalogue
from gateway.schema.envelope import UnknownProcedure, check
from gateway.schema.parse import JSONRefusedError, parse_json
from gateway.services.accept import AcceptanceReceipt, Refusal, Submission
from gateway.services.limit import Limit
from gateway.services.prove import ProvedEntry

# Otherwise pytest-asyncio 1.5 asks the policy for a loop before its first own one, which
# makes one that nobody closes; its ResourceWarning then fails whatever test runs at the time.
asyncio.set_event_loop(None)

MUNICIPALITY = "131016"
PATH = f"/v1/municipalities/{MUNICIPALITY}/applications"
KEY = "portal-key"

PROCEDURE = """
    $id: "urn:test:sample"
    x-title: {ja: 見本の届出, en: Sample notice}
    x-source: invented
    required: [applicant, content]
    properties:
      applicant:
        x-title: {ja: 申請者, en: Applicant}
        type: object
        additionalProperties: false
        required: [name]
        properties:
          name: {x-title: {ja: 氏名, en: Name}, type: string, minLength: 1, maxLength: 20}
          postal_code: {x-title: {ja: 郵便番号, en: Code}, type: string, format: postal-code}
      content:
        x-title: {ja: 内容, en: Content}
        type: object
        additionalProperties: false
        properties:
          notes:
            x-title: {ja: 備考, en: Notes}
            type: array
            maxItems: 200
            items: {type: string, maxLength: 20}
"""


def a_body(**over: object) -> dict[str, object]:
    return {
        "procedure": "test/sample",
        "version": 1,
        "receipt_number": "A-1",
        "submitted_at": "2026-11-20T09:30:00+09:00",
        "applicant": {"name": "見本 太郎"},
        "content": {},
    } | over


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("schemas")
    examples = folder / "test" / "sample" / "examples" / "valid"
    examples.mkdir(parents=True)
    schema = textwrap.dedent(PROCEDURE)
    (folder / "test" / "sample" / "v1.yaml").write_text(schema, "utf-8")
    (examples / "plain.json").write_text(json.dumps(a_body()), "utf-8")
    return load_catalogue(folder)


@dataclass
class MemoryAcceptance:
    """Accepts into a dictionary, by the rules that can be told at the door."""

    catalogue: Catalogue
    accepted: dict[str, tuple[bytes, AcceptanceReceipt]] = field(default_factory=dict)
    submissions: list[Submission] = field(default_factory=list)
    fault: Exception | None = None
    gate: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    proved: ProvedEntry | None = None

    async def __call__(self, submission: Submission) -> AcceptanceReceipt | Refusal:
        self.submissions.append(submission)
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        if submission.municipality == "011002":
            return Refusal(status=403, code="client.municipality_not_allowed")
        if submission.municipality != MUNICIPALITY:
            return Refusal(status=404, code="municipality.unknown")
        try:
            checked = check(parse_json(submission.raw), self.catalogue)
        except JSONRefusedError as error:
            return Refusal(status=400, code=error.code)
        if isinstance(checked, UnknownProcedure):
            return Refusal(status=404, code="procedure.unknown")
        if isinstance(checked, tuple):
            return Refusal(status=422, code="application.invalid", errors=checked)
        return self._keep(submission, checked.receipt_number)

    async def prove(self, _: ApplicationId) -> ProvedEntry | None:
        return self.proved

    def _keep(self, submission: Submission, number: str) -> AcceptanceReceipt | Refusal:
        if known := self.accepted.get(submission.idempotency_key):
            raw, receipt = known
            if raw != submission.raw:
                return Refusal(status=422, code="idempotency.key_reused")
            return AcceptanceReceipt(**_fields(receipt) | {"replayed": True})
        for _, receipt in self.accepted.values():
            if receipt.receipt == f"jws-{number}":
                return Refusal(status=422, code="application.already_received", existing=receipt.id)
        receipt = AcceptanceReceipt(
            id=ApplicationId(UUID(int=len(self.accepted) + 1)),
            accepted_at=datetime(2026, 11, 20, 0, 30, tzinfo=UTC),
            procedure=ProcedureName("test/sample"),
            version=1,
            commitment_key=bytes(32),
            commitment_value=b"\xff" * 32,
            receipt=f"jws-{number}",
        )
        self.accepted[submission.idempotency_key] = submission.raw, receipt
        return receipt

    async def track(self, application_id: ApplicationId, client: ClientName) -> dict | None:
        for submission in self.submissions:
            known = self.accepted.get(submission.idempotency_key)
            if known and known[1].id == application_id and submission.client == client:
                return _status(known[1])
        return None


def _fields(receipt: AcceptanceReceipt) -> dict[str, object]:
    return {name: getattr(receipt, name) for name in receipt.__dataclass_fields__}


def _status(receipt: AcceptanceReceipt) -> dict[str, object]:
    return {
        "id": str(receipt.id),
        "status": "delivered",
        "procedure": receipt.procedure,
        "version": receipt.version,
        "accepted_at": receipt.accepted_at.isoformat(timespec="milliseconds"),
        "supersedes": None,
        "superseded_by": None,
        "deliveries": [{"destination": "jido-teate", "state": "delivered"}],
        "feedback": [
            {
                "delivery": str(UUID(int=99)),
                "status": "accepted",
                "status_ja": "受理",
                "code": None,
                "reference": "R-1",
                "at": "2026-11-21T00:00:00.000+00:00",
            }
        ],
    }


def authenticate(presented: str | None) -> ClientName | Refusal:
    if presented is None:
        return Refusal(status=401, code="client.unauthenticated")
    names = {f"Bearer {KEY}": "portal", "Bearer other-key": "other"}
    name = names.get(presented)
    return ClientName(name) if name else Refusal(status=401, code="client.key_unknown")


@dataclass
class Answer:
    status: int
    headers: CIMultiDict[str]
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Front:
    """A door that listens."""

    runner: FrontRunner
    acceptance: MemoryAcceptance
    answered: list[Answered]

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["Connection"]:
        reader, writer = await asyncio.open_connection(*self.runner.addresses[0])
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()

    async def send(self, raw: bytes) -> list[Answer]:
        """Send bytes on one connection and return every answer until the door closes it."""
        async with self.connect() as connection:
            await connection.write(raw)
            return await connection.answers()

    def head(self, *lines: str, path: str = PATH, version: str = "1.1") -> bytes:
        """Return the headers of a submission, but for what says how long its body is."""
        own = [f"POST {path} HTTP/{version}", "Host: door", f"Authorization: Bearer {KEY}"]
        own += ["Idempotency-Key: k-1", "Content-Type: application/json", *lines]
        return "\r\n".join([*own, "", ""]).encode("utf-8", "surrogateescape")

    def request(self, *lines: str, **over: object) -> bytes:
        """Return a whole valid submission."""
        body = json.dumps(self.body(**over)).encode()
        return self.head(f"Content-Length: {len(body)}", *lines) + body

    @staticmethod
    def body(**over: object) -> dict[str, object]:
        return a_body(**over)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str | None] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one well-formed request and return its answer."""
        sent: dict[str, str | None] = {"Host": "door", "Connection": "close"}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        sent |= headers or {}
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in sent.items() if value is not None]
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        answers = await self.send(head + (body or b""))
        assert len(answers) == 1, answers
        return answers[0]

    async def submit(
        self, body: object = None, *, path: str = PATH, **headers: str | None
    ) -> Answer:
        """Post one application; a header that is ``None`` is left out."""
        raw = body if isinstance(body, bytes) else json.dumps(body or a_body()).encode()
        sent = {
            "Authorization": f"Bearer {KEY}",
            "Idempotency-Key": "k-1",
            "Content-Type": "application/json",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", path, headers=sent, body=raw)


@dataclass
class Connection:
    """One raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, raw: bytes) -> None:
        """Send bytes; a door that hangs up while they are sent may have answered."""
        with suppress(ConnectionError):
            self.writer.write(raw)
            await self.writer.drain()

    async def answer(self) -> Answer | None:
        """Return the next answer, ``None`` when the door has closed the connection."""
        try:
            async with asyncio.timeout(20):
                head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        status_line, *lines = head.decode().split("\r\n")[:-2]
        headers = CIMultiDict(line.split(": ", 1) for line in lines)
        try:
            body = await self.reader.readexactly(int(headers.get("Content-Length", "0")))
        except asyncio.IncompleteReadError as error:
            body = error.partial  # The answer to HEAD has the length of what it leaves out.
        return Answer(int(status_line.split()[1]), headers, body)

    async def answers(self) -> list[Answer]:
        """Return every answer until the door closes the connection."""
        found = []
        while answer := await self.answer():
            found.append(answer)
        return found


@pytest.fixture
async def serve(catalogue: Catalogue) -> AsyncIterator[Callable[..., object]]:
    """Return a function that opens a door with other limits; closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def opened(
            limits: BodyLimits | None = None,
            limit: Limit | None = None,
            **runner: float,
        ) -> Front:
            return await stack.enter_async_context(_front(catalogue, limits, limit, **runner))

        yield opened


@asynccontextmanager
async def _front(
    catalogue: Catalogue, limits: BodyLimits | None, limit: Limit | None, **runner_options: float
) -> AsyncIterator[Front]:
    acceptance = MemoryAcceptance(catalogue)
    answered: list[Answered] = []
    services = FrontServices(
        accept=acceptance,
        authenticate=authenticate,
        limit=limit or Limit(),
        track=acceptance.track,
        prove=acceptance.prove,
        catalogue=catalogue,
    )
    options = {"lingering_s": 0.2} | runner_options
    runner = FrontRunner(front_app(services, limits), observe=answered.append, **options)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Front(runner, acceptance, answered)
    finally:
        await runner.cleanup()


@pytest.fixture
async def front(serve: Callable[..., object]) -> Front:
    return await serve()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Return everything logged so far, by structlog and by the standard library."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as events:
        yield lambda: json.dumps(events, default=repr) + caplog.text
