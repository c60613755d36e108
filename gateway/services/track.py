"""Where is it? Status for front ends, timeline and next step for operations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from gateway.audit.verify import read
from gateway.domain.identifiers import ApplicationId, ClientName, DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.records import ApplicationRecord, DeliveryRecord, Dossier, FeedbackRecord
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations

NEXT_STEP: Final[Mapping[State, tuple[str, str]]] = {
    State.PENDING: (
        "配信待ち。まもなくブローカーへ送ります。",
        "Waits to be published to the broker.",
    ),
    State.QUEUED: (
        "ワーカー待ち。ワーカーが動いているか確認してください。",
        "Waits for a worker of its destination.",
    ),
    State.SENDING: (
        "ワーカーが業務システムへ送信中です。",
        "A worker is handing it to the core system.",
    ),
    State.RETRYING: (
        "{due_at} に再送します（理由: {code}）。",
        "Will be tried again at {due_at} ({code}).",
    ),
    State.IN_DOUBT: (
        (
            "届いたか不明（理由: {code}）。業務システムで確認し、"
            "confirm か replay か cancel を選んでください。"
        ),
        (
            "Unknown whether it arrived ({code}). Look in the core system, "
            "then confirm, replay or cancel."
        ),
    ),
    State.PARKED: (
        "保留中（理由: {code}）。原因を直して replay、または cancel してください。",
        "Parked ({code}). Mend the cause and replay it, or cancel it.",
    ),
    State.DELIVERED: ("届きました。", "Delivered; nothing to do."),
    State.CANCELLED: ("取り消されました。", "Cancelled; nothing to do."),
}
_LOOKUP_PENDING: Final = (
    "届いたか不明（理由: {code}）。{due_at} にワーカーが業務システムへ照会します。",
    "Unknown whether it arrived ({code}). A worker looks it up at {due_at}.",
)


class Track:
    """Reads what is known of applications."""

    def __init__(self, *, journal: Journal) -> None:
        """Keep the journal."""
        self._journal = journal

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
        return {
            **_application(dossier),
            "client": dossier.application.client,
            "municipality": dossier.application.municipality,
            "deliveries": [delivery_view(delivery) for delivery in dossier.deliveries],
            "timeline": [_hop(read(entry.data)) for entry in entries],
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


def delivery_view(delivery: DeliveryRecord) -> dict[str, object]:
    """Return one delivery as operations see it, with its next step in words."""
    japanese, english = next_step(delivery)
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
        "worker": delivery.worker,
        "due_at": _iso(delivery.due_at),
        "updated_at": _iso(delivery.updated_at),
        "flagged": delivery.flagged,
        "next_step": {"ja": japanese, "en": english},
    }


def next_step(delivery: DeliveryRecord) -> tuple[str, str]:
    """Return what happens next with a delivery, in Japanese and English."""
    is_looked_up = delivery.state == State.IN_DOUBT and delivery.due_at is not None
    japanese, english = _LOOKUP_PENDING if is_looked_up else NEXT_STEP[delivery.state]
    facts = {"code": delivery.code or "-", "due_at": _iso(delivery.due_at) or "-"}
    return japanese.format(**facts), english.format(**facts)


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
