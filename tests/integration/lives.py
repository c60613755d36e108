"""Applications as a gateway writes them down, and the log sealed and verified as it does."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gateway.audit.note import NoteKey
from gateway.audit.sealing import Signing
from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact
from gateway.domain.identifiers import NodeName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.ports.clock import Clock
from gateway.ports.journal import Acceptance, Accepted, Decision, Journal
from gateway.ports.kept_checkpoint import KeptCheckpoint
from gateway.services.operate.verify_log import VerifyLog
from gateway.services.seal_log import SealLog
from gateway.testing.builders import NOW, an_acceptance, an_id
from gateway.testing.notes import NoteSigner, verify

ORIGIN: Final = "kakehashi/lives"
AUDITOR: Final = Actor(ActorKind.OPERATOR, "sato")
_WORKER: Final = Actor(ActorKind.WORKER, "worker-1")


class SetClock:
    """Stands until it is moved."""

    def __init__(self, at: datetime = NOW) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def move(self, by: timedelta) -> None:
        self._at += by


def journal_at(url: str, node: str) -> Journal:
    """Return a journal, not yet open."""
    if url.startswith("sqlite:///"):
        return SQLiteJournal(Path(url.removeprefix("sqlite:///")), node=NodeName(node))
    return PostgresJournal(url, node=NodeName(node))


def signer(number: int) -> NoteSigner:
    """Return the key ``log/NUMBER``; the matrix's intruder has it as well."""
    return NoteSigner(ORIGIN, f"log/{number}")


def signing(keys: int) -> Signing:
    """Return the log's keys when it has so many."""
    signers = [signer(number) for number in range(1, keys + 1)]
    return Signing(
        names=tuple(each.word for each in signers),
        public=tuple(each.key.public for each in signers),
        sign=signers[-1].sign,
        verify=verify,
    )


def note_keys(keys: int) -> list[NoteKey]:
    return [signer(number).key for number in range(1, keys + 1)]


def sealing(
    journal: Journal, clock: Clock, *, keys: int, kept: KeptCheckpoint | None = None
) -> SealLog:
    return SealLog(
        journal=journal,
        signing=signing(keys),
        origin=None,
        new_origin=ORIGIN,
        clock=clock,
        kept=kept,
    )


async def verified(
    journal: Journal,
    clock: Clock,
    *,
    keys: int,
    checkpoints: Mapping[str, str] | None = None,
    receipts: Mapping[str, str] | None = None,
) -> Any:
    """Return what ``kakehashi audit verify`` would say."""
    service = VerifyLog(journal=journal, clock=clock, signing=lambda: signing(keys))
    return await service(actor=AUDITOR, checkpoints=checkpoints, receipts=receipts)


async def accepted(journal: Journal, clock: Clock) -> tuple[Acceptance, str]:
    """Accept an application; return it and the leaf hash that its receipt would name."""
    acceptance = an_acceptance(accepted_at=clock.now())
    deliveries = " ".join(str(each.record.id) for each in acceptance.deliveries)
    entry = acceptance.entry
    entry = replace(entry, subject=bytes(32), facts={**entry.facts, "deliveries": deliveries})
    answer = await journal.accept(replace(acceptance, entry=entry))
    assert isinstance(answer, Accepted)
    return acceptance, answer.leaf.hex()


async def delivered(
    journal: Journal,
    clock: Clock,
    acceptance: Acceptance,
    stored: Callable[[], None] = lambda: None,
) -> None:
    """Let a worker claim an application's delivery and tell that it arrived.

    ``stored`` is called after each of the three steps.
    """
    delivery, copy = acceptance.deliveries[0].record.id, str(an_id())

    def step(action: Action, state: State, **facts: Fact) -> None:
        steps.append((action, state, {"attempt": 1, "copy": copy, **facts}))

    steps: list[tuple[Action, State, dict[str, Fact]]] = []
    step(Action.DELIVERY_QUEUED, State.QUEUED)
    step(Action.DELIVERY_CLAIMED, State.SENDING, verdict="go")
    step(Action.DELIVERY_DELIVERED, State.DELIVERED, code=None, outcome="delivered")
    for action, state, facts in steps:

        def rule(
            record: DeliveryRecord, action: Action = action, facts: dict[str, Fact] = facts,
            state: State = state,
        ) -> Decision[None]:  # fmt: skip
            entry = Entry(
                action=action,
                at=clock.now(),
                actor=_WORKER,
                municipality=record.municipality,
                application=record.application_id,
                delivery=record.id,
                facts=facts,
            )
            changed = replace(record, state=state, updated_at=clock.now())
            return Decision(answer=None, record=changed, entries=(entry,))

        await journal.decide(delivery, rule)
        stored()
