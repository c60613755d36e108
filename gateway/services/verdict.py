"""In words: how an application stands, and what happens next with each of its deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import NEEDS_A_PERSON, State
from gateway.domain.records import DeliveryRecord
from gateway.services.policy import Hold
from gateway.services.relay_rules import is_due

Words = tuple[str, str]
"""Japanese and English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a delivery's destination stands.

    Attributes:
        hold: Why nothing is sent there now, if nothing is.
        has_worker: Whether a worker for it lives.
        now: The time of day; what was put off before a clock was set back is due by it.
    """

    hold: Hold | None = None
    has_worker: bool = True
    now: datetime | None = None


OPEN: Final = Standing()

NEXT_STEP: Final[Mapping[State, Words]] = {
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
            "到達確認（confirm）・再送（replay）・取消し（cancel）のどれかを選んでください。"
        ),
        (
            "Unknown whether it arrived ({code}). Look in the core system, "
            "then confirm, replay or cancel."
        ),
    ),
    State.PARKED: (
        "保留中（理由: {code}）。原因を直して再送（replay）するか、取り消して（cancel）ください。",
        "Parked ({code}). Mend the cause and replay it, or cancel it.",
    ),
    State.DELIVERED: ("届きました。", "Delivered; nothing to do."),
    State.CANCELLED: ("取り消されました。", "Cancelled; nothing to do."),
}
_LOOKUP_PENDING: Final = (
    "届いたか不明（理由: {code}）。{due_at} にワーカーが業務システムへ照会します。",
    "Unknown whether it arrived ({code}). A worker looks it up at {due_at}.",
)
_IN_ORDER: Final = (
    "順番待ち。同じ順序キーの先の配信が終わると送ります。",
    "Waits its turn, or to be published: what was accepted before it goes first.",
)
_NO_WORKER: Final = (
    "ワーカーが動いていません。kakehashi work で起動してください。",
    "No worker of its destination is alive: start one (kakehashi work).",
)
_HELD: Final[Mapping[str, Words]] = {
    "destination.paused": (
        "配信先は停止中です。再開（destination resume）を待っています。",
        "Its destination is paused; waits until somebody resumes it.",
    ),
    "destination.closed": (
        "配信先は時間外です。{until} に送ります。",
        "Its destination is closed; goes on at {until}.",
    ),
    "destination.unavailable": (
        "業務システムに接続できません。復旧すると自動で送ります。",
        "Its core system is down; goes on by itself once it is back.",
    ),
}
_WAITS_TO_GO: Final = frozenset({State.PENDING, State.QUEUED, State.RETRYING})


def next_step(delivery: DeliveryRecord, standing: Standing = OPEN) -> Words:
    """Return what happens next with a delivery."""
    facts = {
        "code": delivery.code or "-",
        "due_at": _iso(_due_at(delivery, standing)),
        "until": _iso(None if standing.hold is None else standing.hold.until),
    }
    japanese, english = _next_step(delivery, standing)
    return japanese.format(**facts), english.format(**facts)


def _next_step(delivery: DeliveryRecord, standing: Standing) -> Words:
    if delivery.state == State.IN_DOUBT and delivery.due_at is not None:
        return _LOOKUP_PENDING
    if delivery.state in _WAITS_TO_GO and standing.hold is not None:
        return _HELD[standing.hold.code]
    if delivery.state == State.QUEUED and not standing.has_worker:
        return _NO_WORKER
    if delivery.state == State.PENDING and delivery.order_key is not None:
        return _IN_ORDER
    return NEXT_STEP[delivery.state]


PUT_OFF: Final = frozenset(
    {
        "destination.paused",
        "destination.closed",
        "destination.rate_limited",
        "worker.standing_by",
        "worker.stopping",
    }
)
"""Codes of what was put off by our own doing: no errors."""


def next_attempt_at(delivery: DeliveryRecord, standing: Standing = OPEN) -> datetime | None:
    """Return when a delivery is tried or looked up next; ``None`` if nobody can know."""
    if delivery.state not in _WAITS_TO_GO | {State.IN_DOUBT}:
        return None
    due_at = _due_at(delivery, standing)
    if standing.hold is None:
        return due_at
    if standing.hold.until is None or (delivery.state == State.IN_DOUBT and not due_at):
        return None
    return max(standing.hold.until, due_at or standing.hold.until)


def _due_at(delivery: DeliveryRecord, standing: Standing) -> datetime | None:
    """Return when it is due, by the rule that the relay goes by."""
    if delivery.due_at is None or standing.now is None or not is_due(delivery, standing.now):
        return delivery.due_at
    return min(delivery.due_at, standing.now)


class Verdict(StrEnum):
    """How an application stands, in one word; the worst of its deliveries decides."""

    NEEDS_YOU = "needs_you"
    """A delivery is parked, or in doubt and can be looked up by nobody but a person."""
    NO_WORKER = "no_worker"
    """A delivery waits for a worker, and none is alive."""
    HELD = "held"
    """A destination is paused, closed or down."""
    RETRYING = "retrying"
    """An attempt failed, or is looked up; it goes on by itself."""
    ON_ITS_WAY = "on_its_way"
    """Nothing is wrong; it has not arrived everywhere yet."""
    ARRIVED = "arrived"
    """It arrived, and nothing is to be done."""
    CANCELLED = "cancelled"
    """All of it was taken back."""


VERDICTS: Final[Mapping[Verdict, Words]] = {
    Verdict.NEEDS_YOU: (
        "人の判断を待っています（{where}）。",
        "Waits for a person ({where}).",
    ),
    Verdict.NO_WORKER: (
        "ワーカーが動いていないため届いていません（{where}）。",
        "Waits for a worker, and none is alive ({where}).",
    ),
    Verdict.HELD: (
        "配信先が受け付けていないため待っています（{where}）。",
        "Waits for its destination ({where}).",
    ),
    Verdict.RETRYING: (
        "まだ届いていません。自動で再送または照会します（{where}）。",
        "Not there yet; tried again or looked up by itself ({where}).",
    ),
    Verdict.ON_ITS_WAY: ("配信中です（{where}）。", "On its way ({where})."),
    Verdict.ARRIVED: ("届きました。対応は不要です。", "Arrived; nothing to do."),
    Verdict.CANCELLED: ("取り消されました。対応は不要です。", "Taken back; nothing to do."),
}
"""In the order in which they outweigh one another."""


def judge(
    deliveries: Sequence[DeliveryRecord], standings: Mapping[DestinationName, Standing]
) -> tuple[Verdict, Words]:
    """Return how an application stands.

    Args:
        deliveries: All of its deliveries, at least one.
        standings: How each destination stands, by name; one that is missing is open.
    """
    found = {
        delivery.id: _verdict(delivery, standings.get(delivery.destination, OPEN))
        for delivery in deliveries
    }
    # Some arrived and some taken back: what arrived counts.
    worst = min(found.values(), key=list(VERDICTS).index)
    japanese, english = VERDICTS[worst]
    where = ", ".join(each.destination for each in deliveries if found[each.id] == worst)
    return worst, (japanese.format(where=where), english.format(where=where))


def _verdict(delivery: DeliveryRecord, standing: Standing) -> Verdict:
    state = delivery.state
    if state == State.DELIVERED:
        return Verdict.ARRIVED
    if state == State.CANCELLED:
        return Verdict.CANCELLED
    if state in NEEDS_A_PERSON and delivery.due_at is None and delivery.copy is None:
        return Verdict.NEEDS_YOU
    if state in _WAITS_TO_GO and standing.hold is not None:
        return Verdict.HELD
    if state == State.QUEUED and not standing.has_worker:
        return Verdict.NO_WORKER
    is_again = state in (State.RETRYING, State.IN_DOUBT) or delivery.attempt > 1
    return Verdict.RETRYING if is_again else Verdict.ON_ITS_WAY


def _iso(moment: datetime | None) -> str:
    return "-" if moment is None else moment.isoformat(timespec="milliseconds")
