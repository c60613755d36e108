"""An adapter that passes every check, made so that each can be broken by one small change.

One JSON object a line over TCP, a connection each.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from gateway.sdk import (
    AdapterConfig,
    AdapterSpec,
    Application,
    Context,
    Delivery,
    DestinationUnavailableError,
    Feedback,
    FeedbackStatus,
    Health,
    Idempotency,
    Receipt,
    RejectedError,
    SendResult,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)


class LineConfig(AdapterConfig):
    """Where the core system listens."""

    port: int = Field(ge=1, le=65_535, description="On 127.0.0.1.")
    password: SecretStr = Field(description="What it asks for.")
    answer_timeout_s: float = Field(default=30.0, gt=0, le=60, description="Longest wait.")


class LineDestination:
    """Hands over a line, reads a line."""

    spec: ClassVar[AdapterSpec] = AdapterSpec(
        name="line",
        version="1.0.0",
        config=LineConfig,
        idempotency=Idempotency.NATIVE,
        max_in_flight=8,
        max_batch=3,
        feedback=True,
    )

    def __init__(self, config: LineConfig) -> None:
        self._config = config
        self._running: set[asyncio.Task[Any]] = set()

    async def open(self, context: Context) -> None:  # noqa: ARG002 - it keeps nothing
        await asyncio.sleep(0.001)

    async def check(self) -> Health:
        try:
            answer = await self.ask({"op": "check"})
        except (TransientError, UnknownOutcomeError) as error:
            return Health(ok=False, detail=error.reason)
        return Health(ok=bool(answer.get("ok")))

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        key = delivery.idempotency_key
        body = self.body(application, key)
        if delivery.dry_run:
            return Receipt(preview=body)
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            answer = await self.ask(
                {"op": "take", "key": key, "body": body, "traceparent": delivery.traceparent}
            )
        finally:
            self._running.discard(task)
        return self.receipt(answer)

    async def send_batch(
        self, items: Sequence[tuple[Application, Delivery]]
    ) -> Sequence[SendResult]:
        results: list[SendResult] = []
        for application, delivery in items:
            try:
                results.append(await self.send(application, delivery))
            except (RejectedError, TransientError, UnknownOutcomeError) as error:
                results.append(error)
        return results

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        try:
            answer = await self.ask({"op": "find", "key": idempotency_key})
        except UnknownOutcomeError as error:
            raise TransientError(error.reason) from None
        return self.receipt(answer) if answer.get("reference") else None

    async def feedback(self) -> AsyncIterator[Feedback]:
        while True:
            status = (await self.ask({"op": "status"})).get("status")
            if status is None:
                await asyncio.sleep(0.01)
                continue
            yield Feedback(
                id=status["id"],
                idempotency_key=status["key"],
                status=FeedbackStatus.ACCEPTED,
                at=datetime.fromisoformat(status["at"]),
            )
            await self.ask({"op": "forget", "id": status["id"]})

    async def close(self) -> None:
        running = self._running - {asyncio.current_task()}
        if running:
            await asyncio.wait(running)

    def body(self, application: Application, key: str) -> str:
        """Map: pure."""
        text = json.dumps(application.document(key), ensure_ascii=False)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise RejectedError("text.unmappable") from None
        return text

    def receipt(self, answer: dict[str, Any]) -> Receipt:
        """Tell what an answer means."""
        if "busy_s" in answer:
            raise ThrottledError("line.busy", answer["busy_s"])
        if "refused" in answer:
            raise RejectedError(answer["refused"], answer["at"])
        if "unauthorised" in answer:
            raise DestinationUnavailableError("line.unauthorised")
        return Receipt(reference=answer["reference"])

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send one line on a connection of its own and read one."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._config.port)
        except OSError:
            raise DestinationUnavailableError("line.not_connected") from None
        try:
            password = self._config.password.get_secret_value()
            writer.write(json.dumps({"password": password, **question}).encode() + b"\n")
            async with asyncio.timeout(self._config.answer_timeout_s):
                answer = await reader.readline()
        except TimeoutError:
            raise UnknownOutcomeError("line.answer_late") from None
        except OSError:
            raise UnknownOutcomeError("line.lost") from None
        finally:
            writer.transport.abort()
        return self.understood(answer)

    def understood(self, answer: bytes) -> dict[str, Any]:
        """Read an answer."""
        try:
            document = json.loads(answer)
        except ValueError:
            raise UnknownOutcomeError("line.answer_malformed") from None
        return dict(document)
