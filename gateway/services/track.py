"""Where is it? Status for front ends, timeline and next step for operations."""

from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from gateway.audit.verify import read
from gateway.crypto.detail import reveal
from gateway.domain.entry import Action, Detail
from gateway.domain.errors import SealInvalidError
from gateway.domain.identifiers import ApplicationId, ClientName, DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.records import ApplicationRecord, DeliveryRecord, Dossier, FeedbackRecord
from gateway.ports.audit_log import EntryFilter, FoundEntry
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.erasure import Erasures
from gateway.services.verdict import (
    OPEN,
    PUT_OFF,
    Standing,
    judge,
    next_attempt_at,
    next_step,
)

_LOOKS: Final = frozenset({Action.LOG_READ})
"""Entries of somebody who looked; nothing happened to the application."""
_PAGE: Final = 500


class Track:
    """Reads what is known of applications."""

    def __init__(
        self,
        *,
        journal: Journal,
        destinations: Destinations,
        codes: Mapping[ClientName, Mapping[str, str]] | None = None,
    ) -> None:
        """Keep what it works with; opens nothing. ``codes`` are of each client, ours to its own."""
        self._codes = codes or {}
        self._journal = journal
        self._destinations = destinations

    async def status(
        self, application_id: ApplicationId, client: ClientName
    ) -> dict[str, object] | None:
        """Return what its own client is told; ``None`` for anybody else."""
        dossier = await self._journal.dossier(application_id)
        if dossier is None or dossier.application.client != client:
            return None
        codes = self._codes.get(client, {})
        return {
            **_application(dossier),
            "feedback": [_feedback(feedback, codes) for feedback in history(dossier)],
            "deliveries": [
                {"destination": delivery.destination, "state": delivery.state.value}
                for delivery in dossier.deliveries
            ],
        }

    async def timeline(self, dossier: Dossier) -> dict[str, object]:
        """Return everything operations may see of an application: never the payload."""
        entries = await self._entries_about(dossier.application.id)
        standings = {each.destination: self.standing(each) for each in dossier.deliveries}
        verdict, (japanese, english) = judge(dossier.deliveries, standings)
        return {
            **_application(dossier),
            "verdict": {"code": verdict.value, "ja": japanese, "en": english},
            "last_error": _last_error(dossier.deliveries),
            "next_attempt_at": _iso(
                min(
                    (
                        at
                        for each in dossier.deliveries
                        if (at := next_attempt_at(each, standings[each.destination]))
                    ),
                    default=None,
                )
            ),
            "client": dossier.application.client,
            "municipality": dossier.application.municipality,
            "commitment": dossier.application.commitment.hex(),
            "traceparent": dossier.application.traceparent,
            "deliveries": [
                delivery_view(delivery, standings[delivery.destination])
                for delivery in dossier.deliveries
            ],
            "timeline": await self._hops(entries),
        }

    async def _hops(self, entries: Sequence[FoundEntry]) -> list[dict[str, object]]:
        erasures = Erasures(self._journal)
        hops = [await _hop(entry, erasures) for entry in entries]
        return [hop for hop in hops if hop["action"] not in _LOOKS]

    async def _entries_about(self, application_id: ApplicationId) -> list[FoundEntry]:
        """Return an application's entries, oldest first."""
        where = EntryFilter(application=application_id)
        found: list[FoundEntry] = []
        while True:
            before = found[-1].position if found else None
            page = await self._journal.find_entries(where, before=before, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                return found[::-1]

    def standing(self, delivery: DeliveryRecord) -> Standing:
        """Return how a delivery's destination stands, as far as is known here."""
        if delivery.destination not in self._destinations:
            return Standing(has_worker=False)
        return Standing(
            hold=self._destinations.hold(delivery.destination),
            has_worker=bool(self._destinations.alive(delivery.destination)),
            now=self._destinations.now(),
        )


def _last_error(deliveries: Sequence[DeliveryRecord]) -> dict[str, object] | None:
    """Return the latest reason for which one of them has not arrived."""
    failed = [
        each
        for each in deliveries
        if each.code and each.state != State.DELIVERED and each.code not in PUT_OFF
    ]
    if not failed:
        return None
    last = max(failed, key=lambda each: each.updated_at)
    return {
        "destination": last.destination,
        "code": last.code,
        "pointer": last.pointer,
        "at": _iso(last.updated_at),
    }


def summary(dossier: Dossier) -> dict[str, object]:
    """Return one line of a list of applications."""
    application = dossier.application
    return {
        "id": str(application.id),
        "status": dossier.state.value,
        "municipality": application.municipality,
        "procedure": application.procedure,
        "accepted_at": _iso(application.accepted_at),
        "deliveries": [
            {
                "id": str(delivery.id),
                "destination": delivery.destination,
                "state": delivery.state.value,
                "code": delivery.code,
                "reference": delivery.reference,
            }
            for delivery in dossier.deliveries
        ],
        "feedback": [_feedback(feedback) for feedback in history(dossier)],
    }


def _application(dossier: Dossier) -> dict[str, object]:
    application: ApplicationRecord = dossier.application
    return {
        "id": str(application.id),
        "status": dossier.state.value,
        "procedure": application.procedure,
        "version": application.version,
        "accepted_at": _iso(application.accepted_at),
        "supersedes": _text(application.supersedes),
        "superseded_by": _text(application.superseded_by),
        "feedback": [_feedback(feedback) for feedback in history(dossier)],
    }


def delivery_view(delivery: DeliveryRecord, standing: Standing = OPEN) -> dict[str, object]:
    """Return one delivery as operations see it, with its next step in words."""
    japanese, english = next_step(delivery, standing)
    return {
        "id": str(delivery.id),
        "application": str(delivery.application_id),
        "destination": delivery.destination,
        "state": delivery.state.value,
        "attempt": delivery.attempt,
        "counted": delivery.counted,
        "code": delivery.code,
        "pointer": delivery.pointer,
        "reference": delivery.reference,
        "adapter": delivery.adapter,
        "worker": delivery.worker,
        "due_at": _iso(delivery.due_at),
        "updated_at": _iso(delivery.updated_at),
        "flagged": delivery.flagged,
        "next_step": {"ja": japanese, "en": english},
    }


async def _hop(found: FoundEntry, erasures: Erasures) -> dict[str, object]:
    entry = read(found.entry.data)
    actor, sealed = entry["actor"], entry.get("detail")
    words = {} if sealed is None else words_of(sealed, found.detail_key)
    return {
        "at": entry["at"],
        "action": entry["action"],
        "actor": f"{actor['kind']}:{actor['name']}",
        "delivery": entry.get("delivery"),
        "facts": entry["facts"],
        "words": words or {},
        **await erasures.view(found, words, has_words=sealed is not None),
    }


def words_of(sealed: str, key: bytes | None) -> dict[str, str] | None:
    """Return the free words in an entry's ``detail``; ``None`` when they cannot be read.

    Args:
        sealed: The member, base64url without padding.
        key: What is kept beside the log to read it.
    """
    if key is None:
        return None
    detail = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    try:
        return reveal(Detail(key, detail))
    except SealInvalidError:
        return None


def history(dossier: Dossier) -> list[FeedbackRecord]:
    """Return an application's feedback as it was decided, in whatever order it came."""
    return sorted(dossier.feedback, key=lambda feedback: (feedback.at, feedback.received_at))


_AS_IT_IS: Final[Mapping[str, str]] = {}


def _feedback(feedback: FeedbackRecord, codes: Mapping[str, str] = _AS_IT_IS) -> dict[str, object]:
    return {
        "delivery": str(feedback.delivery_id),
        "status": feedback.status.value,
        "status_ja": feedback.status.japanese,
        "code": None if feedback.code is None else codes.get(feedback.code, feedback.code),
        "reference": feedback.reference,
        "at": _iso(feedback.at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def destination_view(
    name: DestinationName, counts: Mapping[State, int], destinations: Destinations
) -> dict[str, object]:
    """Return how many of a destination's deliveries stand where, and whether it is open.

    Args:
        name: Its name; perhaps of one that is configured no more.
        counts: Its deliveries by state.
        destinations: Those that are configured, as they stand now.
    """
    policy = destinations.get(name)
    hold = None if policy is None else destinations.hold(name)
    return {
        "destination": name,
        "configured": policy is not None,
        "paused": policy is not None and policy.paused,
        "hold": None if hold is None else hold.code,
        "opens_at": None if hold is None else _iso(hold.until),
        "deliveries": {state.value: counts[state] for state in State if counts.get(state)},
    }
