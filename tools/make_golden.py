"""Write golden files: what this version stores and sends, with deliveries in every state.

    python tools/make_golden.py FOLDER

Run once for a release, from its own code; the files are never written again. The later
versions' tests read them (``tests/integration/test_upgrade.py``). What is in flight is left
there as a kill would leave it: half of the worker's part is played by hand, up to a step.
"""

import asyncio
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Never

from pydantic import TypeAdapter

from gateway import __version__
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import DeliveryId
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus, OutcomeKind
from gateway.domain.records import DeliveryRecord
from gateway.drivers.file_keys import FileKeys
from gateway.drivers.memory_keys import MemoryKeys
from gateway.drivers.system_clock import SystemClock
from gateway.ports.broker import HEARTBEATS, OUTCOMES, Message, destination_queue
from gateway.sdk import (
    Application,
    Delivery,
    Feedback,
    Receipt,
    RejectedError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.services.accept import AcceptanceReceipt, Submission
from gateway.services.wire import (
    KIND_HEADER,
)
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import CLIENT, DESTINATION, World, a_submission
from golden.played_worker import PlayedWorker, Wiretap

_ME: Final = Actor(ActorKind.OPERATOR, "sato")
_QUEUE: Final = destination_queue(DESTINATION)
_LONG: Final = timedelta(seconds=60)
_RECORDS: Final = TypeAdapter(dict[str, DeliveryRecord | None])
_STATES: Final = {
    **dict.fromkeys(("confirmed", "replayed", "flagged", "retried"), State.DELIVERED),
    **dict.fromkeys(("superseded", "superseding"), State.DELIVERED),
    "held": State.RETRYING,
}
"""Where those end that are not called after their state."""
_TRACE: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def _fails(error: Exception) -> Callable[[Application, Delivery], Receipt]:
    def behave(_: Application, __: Delivery) -> Never:
        raise error

    return behave


def _short(raw: bytes) -> bytes:
    """Return an application without what need not be there: the files stay small."""
    document = json.loads(raw)
    del document["applicant"]["person"]["address"]["building"], document["content"]["spouse"]
    document["content"] |= {"has_spouse": False, "children": document["content"]["children"][1:]}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


async def _until_logged(world: World, action: str, times: int) -> None:
    while (await world.actions()).count(action) < times:  # noqa: ASYNC110 - a log tells nobody
        await asyncio.sleep(0.01)


class _Journal:
    """One journal in the making: the same steps on either footing."""

    def __init__(self, folder: Path, store: MemoryKeys, journal: dict[str, str]) -> None:
        self._folder = folder
        self._store = store
        self._journal = journal
        self._number = 0
        self._submissions: dict[str, Submission] = {}
        self.names: dict[str, DeliveryId] = {}
        self.messages: dict[str, Message] = {}
        self.facts: dict[str, object] = {"made_by": __version__}

    def world(self, broker: Wiretap, *, base_s: float = 0.01, **over: object) -> World:
        retry = {"base_s": base_s, "cap_s": max(base_s, 0.05)}
        over = {"idempotency": "lookup", "retry": retry, "journal": self._journal, **over}
        return World.make(self._folder, store=self._store, broker=broker, **over)  # type: ignore[arg-type]

    async def accepted(self, world: World, name: str, **over: object) -> DeliveryRecord:
        self._number += 1
        submission = a_submission(world.gateway, self._number, **over)
        submission = replace(submission, raw=_short(submission.raw))
        receipt = await world.gateway.accept(submission)
        if not isinstance(receipt, AcceptanceReceipt):
            raise TypeError(receipt)
        self._submissions[name] = submission
        delivery = await world.delivery_of(receipt.id)
        self.names[name] = delivery.id
        return delivery

    async def claim(self, broker: Wiretap, delivery: DeliveryRecord) -> None:
        """Claim a delivery's copy, as a worker that will not live to send it."""
        self.messages |= await PlayedWorker(broker, self._store).claim(delivery)

    async def claimed(self, world: World, broker: Wiretap, name: str) -> DeliveryRecord:
        """Return a fresh delivery that is claimed."""
        delivery = await self.accepted(world, name)
        await self.claim(broker, delivery)
        return await world.until(delivery, State.SENDING)

    async def report(
        self, broker: Wiretap, claimed: DeliveryRecord, kind: OutcomeKind, **over: object
    ) -> None:
        """Report what came of it, as the worker that claimed it."""
        outcome = PlayedWorker(broker, self._store).outcome(claimed, kind, **over)
        await broker.publish(OUTCOMES, outcome)

    # Five lives of the gateway, each ended as by a kill.

    async def finish_some(self) -> None:
        """Bring some to their end, and have a copy refused: a worker of its own does it."""
        broker = Wiretap()
        async with self.world(broker) as world:
            world.start_worker()
            delivered = await self.accepted(world, "delivered", traceparent=_TRACE)
            await world.until(delivered, State.DELIVERED)
            await self._tell_feedback(world, delivered)
            refused = RejectedError("resident.unknown", "/applicant/person/name")
            for name in ("parked", "confirmed", "replayed", "cancelled"):
                world.adapter.script.append(_fails(refused))
                await world.until(await self.accepted(world, name), State.PARKED)
            await self._decide(world)
            await self._until(world, "replayed", State.DELIVERED)
            world.adapter.script.append(_fails(TransientError("core.busy")))
            await world.until(await self.accepted(world, "retried"), State.DELIVERED)
            first = await self.accepted(world, "superseded")
            await world.until(first, State.DELIVERED)
            again = {"supersedes": str(first.application_id), "receipt_number": "A-000007"}
            await world.until(await self.accepted(world, "superseding", **again), State.DELIVERED)
            await broker.publish(_QUEUE, Message(body=b"not ours"))
            await _until_logged(world, "message.refused", 1)
            await self._note_access(world)
        self._note_messages(broker)

    async def _tell_feedback(self, world: World, delivered: DeliveryRecord) -> None:
        statuses = (FeedbackStatus.ACCEPTED, FeedbackStatus.COMPLETED)
        for number, status in enumerate(statuses, 1):
            feedback = Feedback(
                id=f"KEKKA_000{number}.csv:1",
                idempotency_key=str(delivered.id),
                status=status,
                at=delivered.updated_at + timedelta(milliseconds=number),
                code=f"R0{number}",
                reference="K-1",
            )
            world.adapter.statuses.put_nowait(feedback)
        await _until_logged(world, "feedback.received", len(statuses))

    async def _decide(self, world: World) -> None:
        decide, why = world.gateway.operate.decide, "told by telephone"
        by = {name: str(delivery_id) for name, delivery_id in self.names.items()}
        await decide.confirm(by["confirmed"], actor=_ME, reason=why, reference="K-900")
        await decide.cancel(by["cancelled"], actor=_ME, reason=why)
        await decide.replay(by["replayed"], actor=_ME, reason=why)

    async def _until(self, world: World, name: str, *states: State) -> DeliveryRecord:
        record = await world.gateway.journal.delivery(self.names[name])
        if record is None:
            raise LookupError(name)
        return await world.until(record, *states)

    async def _note_access(self, world: World) -> None:
        """Make two API keys, revoke one, and keep what a front end holds of an acceptance."""
        keys = world.gateway.operate.client_keys
        kept, revoked = await keys.add(CLIENT, actor=_ME), await keys.add(CLIENT, actor=_ME)
        await keys.revoke(str(revoked["id"]), actor=_ME)
        submission = self._submissions["delivered"]
        receipt = await world.gateway.accept(submission)
        if not isinstance(receipt, AcceptanceReceipt):
            raise TypeError(receipt)
        self.facts |= {
            "api_key": kept["key"],
            "revoked_api_key": revoked["key"],
            "submission": {
                "idempotency_key": submission.idempotency_key,
                "raw": submission.raw.decode(),
                "receipt": receipt.receipt,
                "commitment": receipt.commitment_value.hex(),
            },
        }

    def _note_messages(self, broker: Wiretap) -> None:
        self.messages["delivery"] = broker.copies[0]
        self.messages["heartbeat"] = broker.seen[HEARTBEATS][0]
        for message in broker.seen[OUTCOMES]:
            kind = message.headers[KIND_HEADER].removeprefix("jp.kakehashi.").removesuffix(".v1")
            if kind == "outcome":
                kind += "-" + json.loads(message.body)["kind"]
            self.messages.setdefault(kind, message)

    async def leave_to_a_person(self) -> None:
        """Put two in doubt for good: the core system cannot be asked. Take one back too late."""
        broker = Wiretap()
        async with self.world(broker, idempotency="none") as world:
            flagged = await self.claimed(world, broker, "flagged")
            decide = world.gateway.operate.decide
            await decide.cancel(str(flagged.id), actor=_ME, reason="asked by the resident")
            await self.report(broker, flagged, OutcomeKind.DELIVERED, reference="K-901")
            await world.until(flagged, State.DELIVERED)
            await self.claim(broker, flagged)
            broker.seen[OUTCOMES].clear()
            world.start_worker()
            for name, error in (
                ("in_doubt", UnknownOutcomeError("core.cut_off")),
                ("in_doubt_defect", RuntimeError("an adapter's mistake")),
            ):
                world.adapter.script.append(_fails(error))
                await world.until(await self.accepted(world, name), State.IN_DOUBT)
        self.messages["outcome-in_doubt"], self.messages["outcome-defect"] = broker.seen[OUTCOMES]

    async def hold_one(self) -> None:
        """Have one held at a pause."""
        async with self.world(Wiretap()) as world:
            held = await self.accepted(world, "held")
            await world.until(held, State.QUEUED)
        broker = Wiretap()
        async with self.world(broker, paused=True) as world:
            await self.claim(broker, held)
            await world.until(held, State.RETRYING)

    async def leave_some_on_their_way(self) -> None:
        """Leave some in the broker, with a worker, or waiting for their time."""
        broker = Wiretap()
        async with self.world(broker, base_s=60.0) as world:
            for name, kind in (
                ("retrying", OutcomeKind.DEFERRED),
                ("retrying_uncounted", OutcomeKind.DEFERRED),
                ("in_doubt_due", OutcomeKind.IN_DOUBT),
            ):
                claimed = await self.claimed(world, broker, name)
                later = SystemClock().now() + _LONG
                over = {"code": "core.busy", "retry_at": later, "counted": name == "retrying"}
                await self.report(broker, claimed, kind, **over)
                await world.until(claimed, State.RETRYING, State.IN_DOUBT)
            for name in ("sending_arrived", "sending_lost"):
                await self.claimed(world, broker, name)
            claimed = await self.claimed(world, broker, "sending_reported")
            worker = PlayedWorker(broker, self._store)
            report = worker.outcome(claimed, OutcomeKind.DELIVERED, reference="K-902")
            self.messages["outcome-under-way"] = report
            queued = await world.until(await self.accepted(world, "queued"), State.QUEUED)
            self.messages["delivery-under-way"] = await worker.copy(queued)

    async def ask_about_some(self) -> None:
        """Have two in doubt looked up; leave one that the broker never got."""
        broker = Wiretap()
        async with self.world(broker) as world:
            for name in ("in_doubt_claimed", "in_doubt_asked"):
                claimed = await self.claimed(world, broker, name)
                broker.copies.clear()
                await self.report(broker, claimed, OutcomeKind.IN_DOUBT, code="send.deadline")
                await PlayedWorker(broker, self._store).copy(claimed)
                asked = await world.until(claimed, State.IN_DOUBT)
                while asked.due_at is None or asked.due_at < asked.updated_at + _LONG:
                    await asyncio.sleep(0.01)
                    asked = await world.until(claimed, State.IN_DOUBT)
                if name == "in_doubt_claimed":
                    await self.claim(broker, claimed)
            broker.is_down = True
            await self.accepted(world, "pending")

    async def write_down(self, folder: Path) -> None:
        """Write down how everything stands, and the log's head behind the last entry."""
        gateway = self.world(Wiretap()).gateway
        await gateway.journal.open()
        records = {name: await gateway.journal.delivery(id_) for name, id_ in self.names.items()}
        verified = await gateway.operate.verify_log(actor=_ME)
        await gateway.journal.close()
        for name, record in records.items():
            if record is None or record.state != (_STATES.get(name) or _state_in(name)):
                raise ValueError(name, record)
        deliveries = _RECORDS.dump_python(records, mode="json")
        self.facts |= {"entries": verified["entries"], "heads": verified["nodes"]}
        _write(folder / "expected.json", {**self.facts, "deliveries": deliveries})

    async def make(self, folder: Path) -> None:
        """Take every step, and write down what came of them."""
        await self.finish_some()
        await self.leave_to_a_person()
        await self.hold_one()
        await self.leave_some_on_their_way()
        await self.ask_about_some()
        await self.write_down(folder)


def _state_in(name: str) -> State:
    """Return the state that a delivery is called after."""
    return next(state for state in State if name.startswith(state.value))


def _write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _write_messages(folder: Path, messages: dict[str, Message]) -> None:
    for name, message in messages.items():
        document = {
            "content_type": message.content_type,
            "headers": dict(message.headers),
            "body": message.body.decode("utf-8"),
        }
        _write(folder / f"{name}.json", document)


def _make_on_sqlite(folder: Path, store: MemoryKeys) -> _Journal:
    with tempfile.TemporaryDirectory() as scratch:
        database = Path(scratch) / "journal.db"
        journal = _Journal(Path(scratch), store, {"url": f"sqlite:///{database}"})
        asyncio.run(journal.make(folder))
        (folder / "journal.db.gz").write_bytes(gzip.compress(database.read_bytes(), mtime=0))
    return journal


def _make_on_postgres(folder: Path, store: MemoryKeys) -> None:
    server = PostgresNode.start()
    try:
        url = server.database()
        with tempfile.TemporaryDirectory() as scratch:
            asyncio.run(_Journal(Path(scratch), store, {"url": url}).make(folder))
        # Escaped, what is text stays legible: sealed bytes and entries are.
        dump = subprocess.run(
            [server._programs / "pg_dump", "--no-owner", "--inserts", url],  # noqa: SLF001
            env={"PGOPTIONS": "-c bytea_output=escape"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    finally:
        server.remove()
    # A program's own words (``\\restrict``), which no server understands.
    lines = [line for line in dump.splitlines(keepends=True) if not line.startswith("\\")]
    (folder / "journal.sql").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    """Write a release's golden files into the folder that is named."""
    folder = Path(sys.argv[1])
    os.umask(0o077)
    store = MemoryKeys()
    journal = _make_on_sqlite(folder / "sqlite", store)
    _make_on_postgres(folder / "postgres", store)
    _write_messages(folder / "messages", journal.messages)
    files = FileKeys(folder / "keys")
    for name in store.names():
        files.add(name, store.private(name), private=True)


if __name__ == "__main__":
    main()
