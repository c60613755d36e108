"""Where is it? Status for front ends, timeline and next step for operations."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.audit.verify import read
from gateway.domain.identifiers import ApplicationId, ClientName, DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.records import ApplicationRecord, DeliveryRecord, Dossier, FeedbackRecord
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.verdict import (
    OPEN,
    PUT_OFF,
    Standing,
    judge,
    next_attempt_at,
    next_step,
)


class Track:
    """Reads what is known of applications."""

    def __init__(self, *, journal: Journal, destinations: Destinations) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._destinations = destinations

    async def status(
        self, application_id: ApplicationId, client: ClientName
    ) -> dict[str, object] | None:
        """Return what its own client is told; ``None`` for anybody else."""
        dossier = await self._journal.dossier(application_id)
        if dossier is None or dossier.application.client != client:
            return None
        return {
            **_application(dossier),
            "deliveries": [
                {"destination": delivery.destination, "state": delivery.state.value}
                for delivery in dossier.deliveries
            ],
        }

    async def timeline(self, dossier: Dossier) -> dict[str, object]:
        """Return everything operations may see of an application: never the payload."""
        entries = await self._journal.entries_about(dossier.application.id)
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
            "deliveries": [
                delivery_view(delivery, standings[delivery.destination])
                for delivery in dossier.deliveries
            ],
            "timeline": [_hop(read(entry.data)) for entry in entries],
        }

    def standing(self, delivery: DeliveryRecord) -> Standing:
        """Return how a delivery's destination stands, as far as is known here."""
        if delivery.destination not in self._destinations:
            return Standing(has_worker=False)
        return Standing(
            hold=self._destinations.hold(delivery.destination),
            has_worker=bool(self._destinations.alive(delivery.destination)),
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
        "feedback": [_feedback(feedback) for feedback in dossier.feedback],
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
        "feedback": [_feedback(feedback) for feedback in dossier.feedback],
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


def _hop(entry: Mapping[str, object]) -> dict[str, object]:
    actor = entry["actor"]
    facts = entry.get("facts")
    return {
        "at": entry["at"],
        "action": entry["action"],
        "actor": f"{actor['kind']}:{actor['name']}" if isinstance(actor, Mapping) else None,
        "delivery": entry.get("delivery"),
        "facts": facts if isinstance(facts, Mapping) else {},
    }


def _feedback(feedback: FeedbackRecord) -> dict[str, object]:
    return {
        "delivery": str(feedback.delivery_id),
        "status": feedback.status.value,
        "status_ja": feedback.status.japanese,
        "code": feedback.code,
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
