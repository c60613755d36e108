"""Carry one application through a gateway in memory and write down its real bytes at each hop.

Writes docs/explanation/life-of-a-message.md. Keys, ids and times are new at each run.
"""

import asyncio
import base64
import json
import tempfile
from pathlib import Path
from string import Template
from typing import Final

from gateway.domain.entry import Actor, ActorKind
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus
from gateway.ports.broker import CLAIMS, OUTCOMES, Message, destination_queue
from gateway.sdk import Feedback
from gateway.services.accept import AcceptanceReceipt
from gateway.testing.world import DESTINATION, World, a_submission

ROOT: Final = Path(__file__).parents[1]
TEMPLATE: Final = ROOT / "tools" / "life_of_a_message.md"
PAGE: Final = ROOT / "docs" / "explanation" / "life-of-a-message.md"
_WIDTH: Final = 96
_MOST_LINES: Final = 8


def _wrapped(text: str) -> str:
    lines = [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
    if len(lines) > _MOST_LINES:
        left_out = len(text) - _WIDTH * _MOST_LINES
        lines = [*lines[:_MOST_LINES], f"… and {left_out} more characters"]
    return "\n".join(lines)


def _headers(message: Message) -> str:
    return "\n".join(_wrapped(f"{name}: {value}") for name, value in message.headers.items())


def _pretty(text: bytes) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, indent=1)


def _protected(compact: bytes) -> str:
    part = compact.split(b".")[0]
    return _pretty(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))


class _Wiretap:
    """Keeps a copy of what is published, by queue."""

    def __init__(self, world: World) -> None:
        self.seen: dict[str, list[Message]] = {}
        self._publish, self._request, self._reply = (
            world.broker.publish,
            world.broker.request,
            world.broker.reply,
        )
        world.broker.publish = self._on_publish  # type: ignore[method-assign]
        world.broker.request = self._on_request  # type: ignore[method-assign]
        world.broker.reply = self._on_reply  # type: ignore[method-assign]

    async def _on_publish(self, queue: str, message: Message) -> None:
        self.seen.setdefault(queue, []).append(message)
        await self._publish(queue, message)

    async def _on_request(self, queue: str, message: Message, *, timeout_s: float) -> Message:
        self.seen.setdefault(queue, []).append(message)
        return await self._request(queue, message, timeout_s=timeout_s)

    async def _on_reply(self, question: Message, answer: Message) -> None:
        self.seen.setdefault("answers", []).append(answer)
        await self._reply(question, answer)


async def _carry(folder: Path) -> dict[str, str]:
    async with World.make(folder) as world:
        wiretap = _Wiretap(world)
        submission = a_submission(world.gateway, 123, receipt_number="A-2026-000123")
        receipt = await world.gateway.accept(submission)
        if not isinstance(receipt, AcceptanceReceipt):
            raise TypeError(receipt)
        world.start_worker()
        delivery = await world.until(await world.delivery_of(receipt.id), State.DELIVERED)
        world.adapter.statuses.put_nowait(
            Feedback(
                id="KEKKA_0001.csv:1",
                idempotency_key=str(delivery.id),
                status=FeedbackStatus.ACCEPTED,
                at=delivery.updated_at,
                reference="K-1",
            )
        )
        while "feedback.received" not in await world.actions():  # noqa: ASYNC110 - a state
            await asyncio.sleep(0.01)
        entries = [stored.data async for stored in world.gateway.journal.entries()]
        copy = wiretap.seen[destination_queue(DESTINATION)][0]
        outcome, feedback = wiretap.seen[OUTCOMES]
        await world.gateway.seal_log.begin()
        proved = await world.gateway.prove.acceptance(receipt.id)
        if proved is None:
            raise TypeError(proved)
        verified = await world.gateway.operate.verify_log(actor=Actor(ActorKind.OPERATOR, "docs"))
    return {
        "proof": proved.proof.rstrip(),
        "request_bytes": str(len(submission.raw)),
        "request": _wrapped(submission.raw.decode()),
        "answer": json.dumps(
            {
                "id": str(receipt.id),
                "status": "accepted",
                "accepted_at": receipt.accepted_at.isoformat(timespec="milliseconds"),
                "procedure": receipt.procedure,
                "version": receipt.version,
                "commitment": {
                    "alg": "HMAC-SHA-256",
                    "key": _base64url(receipt.commitment_key),
                    "value": _base64url(receipt.commitment_value),
                },
                "receipt": receipt.receipt[:60] + "…",
                "links": {
                    "self": f"/v1/applications/{receipt.id}",
                    "proof": f"/v1/applications/{receipt.id}/proof",
                },
            },
            ensure_ascii=False,
            indent=1,
        ),
        "entry": _wrapped(entries[0].decode()),
        "protected": _protected(copy.body),
        "sealed_bytes": str(len(copy.body)),
        "sealed": _wrapped(copy.body.decode()),
        "copy_headers": _headers(copy),
        "claim": _pretty(wiretap.seen[CLAIMS][0].body),
        "claim_headers": _headers(wiretap.seen[CLAIMS][0]),
        "claim_answer": _pretty(wiretap.seen["answers"][0].body),
        "claim_entry": _wrapped(_first(entries, "delivery.claimed")),
        "outcome": _pretty(outcome.body),
        "outcome_headers": _headers(outcome),
        "outcome_entry": _wrapped(_first(entries, "delivery.delivered")),
        "feedback": _pretty(feedback.body),
        "entries": str(verified["entries"]),
    }


def _first(entries: list[bytes], action: str) -> str:
    return next(entry.decode() for entry in entries if json.loads(entry)["action"] == action)


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        facts = asyncio.run(_carry(Path(folder)))
    PAGE.write_text(Template(TEMPLATE.read_text("utf-8")).substitute(facts), "utf-8")


if __name__ == "__main__":
    main()
