"""The words of the terminal, in Japanese and English, and times as people read them."""

import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from gateway.domain.entry import Action
from gateway.sdk import JST

Language = Literal["ja", "en"]

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:[+-]\d\d:\d\d|Z)")
_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The first that is set decides (POSIX.1-2017, XBD 8.2)."""

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "pending": ("配信待ち", "pending"),
    "queued": ("ワーカー待ち", "queued"),
    "sending": ("送信中", "sending"),
    "retrying": ("再送待ち", "retrying"),
    "in_doubt": ("到達不明", "in doubt"),
    "parked": ("保留", "parked"),
    "delivered": ("配信済み", "delivered"),
    "cancelled": ("取消済み", "cancelled"),
    "accepted": ("受付済み", "accepted"),
    "needs_attention": ("要対応", "needs attention"),
}
"""States of deliveries and applications, as the API names them."""

STYLES: Final[Mapping[str, str]] = {
    "delivered": "green",
    "parked": "bold red",
    "in_doubt": "bold yellow",
    "needs_attention": "bold red",
    "retrying": "yellow",
    "cancelled": "dim",
}

ACTIONS: Final[Mapping[str, tuple[str, str]]] = {
    Action.APPLICATION_ACCEPTED: ("受け付けました", "accepted: kept for good"),
    Action.APPLICATION_REFUSED: ("受付を拒否しました", "refused"),
    Action.DELIVERY_QUEUED: ("ブローカーが預かりました", "the broker has it"),
    Action.DELIVERY_RETURNED: ("ブローカーが返しました", "returned: there is no such queue"),
    Action.DELIVERY_CLAIMED: ("ワーカーが開封の許可を得ました", "a worker may open it"),
    Action.DELIVERY_CLAIM_REFUSED: ("開封を断りました", "a worker may not open it"),
    Action.DELIVERY_HELD: ("ワーカーを待たせました", "the worker was told to wait"),
    Action.DELIVERY_DELIVERED: ("業務システムに届きました", "the core system has it"),
    Action.DELIVERY_DEFERRED: ("届かず、再送します", "no effect; tried again later"),
    Action.DELIVERY_PARKED: ("保留しました", "parked: waits for a person"),
    Action.DELIVERY_IN_DOUBT: ("届いたか不明です", "unknown whether it arrived"),
    Action.DELIVERY_DUE: ("再送の時刻になりました", "the wait is over"),
    Action.DELIVERY_REPLAYED: ("再送を指示しました", "an operator had it sent again"),
    Action.DELIVERY_CONFIRMED: ("到達を確認しました", "an operator found it arrived"),
    Action.DELIVERY_CANCELLED: ("取り消しました", "an operator took it back"),
    Action.DELIVERY_REPUBLISHED: (
        "失われた電文を再送出しました",
        "lost on the broker; published again",
    ),
    Action.OUTCOME_IGNORED: ("遅れた報告を記録しました", "a late report changed nothing"),
    Action.MESSAGE_REFUSED: ("不正な電文を拒否しました", "a forged message was refused"),
    Action.FEEDBACK_RECEIVED: ("業務システムから結果", "the core system answered"),
    Action.WEBHOOK_SENT: ("申請元に結果を通知しました", "the front end was told"),
    Action.WEBHOOK_FAILED: ("申請元に通知できません", "the front end could not be told"),
    Action.DETAIL_SHREDDED: ("理由などの記述を消去しました", "what was said in words was erased"),
    Action.APPLICATION_EXPIRED: (
        "保存期間が過ぎ、削除しました",
        "kept for long enough, and deleted",
    ),
}
"""What happened to an application, in a few words; other actions concern none."""

FEEDBACK_JA: Final[Mapping[str, str]] = {
    "accepted": "受理",
    "returned": "差戻し",
    "rejected": "却下",
    "withdrawn": "取下げ",
    "completed": "完了",
}


HOLDS: Final[Mapping[str, tuple[str, str]]] = {
    "destination.paused": ("停止中", "paused"),
    "destination.closed": ("時間外", "closed"),
    "destination.unavailable": ("業務システム不通", "core system down"),
}
"""Why nothing is sent to a destination now."""


REPLAYS: Final[Mapping[str, tuple[str, str]]] = {
    "running": ("実行中", "running"),
    "halted": ("中断", "halted"),
    "finished": ("完了", "finished"),
    "cancelled": ("中止", "stopped"),
}
"""How far an order to send again is."""

PROGRESS: Final[Mapping[str, tuple[str, str]]] = {
    "waiting": ("未着手", "not begun"),
    "replayed": ("再送済み", "sent again"),
    "left_alone": ("対象外", "left alone"),
    "on_the_way": ("配信中", "on the way"),
    "delivered": ("配信済み", "delivered"),
    "parked": ("再び保留", "parked again"),
    "in_doubt": ("到達不明", "in doubt"),
    "cancelled": ("取消済み", "cancelled"),
}
"""Where the deliveries of an order stand, in the order in which they are told."""


BREAKERS: Final[Mapping[str, tuple[str, str]]] = {
    "closed": ("送信可", "sends"),
    "open": ("遮断中", "breaker open"),
    "half_open": ("試行中", "trying one"),
}
"""Whether a worker sends, as its circuit breaker says."""


WORDS_LOST: Final = (
    "文言を読めません: 消去の記録はありません",
    "words cannot be read: nobody erased them",
)
"""Of an entry whose words' key was removed or damaged."""


def language(environment: Mapping[str, str] | None = None) -> Language:
    """Return the language that the environment asks for."""
    environment = os.environ if environment is None else environment
    said = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    return "ja" if said.lower().startswith("ja") else "en"


def of(pair: tuple[str, str]) -> str:
    """Return the one of ``(Japanese, English)`` that the environment asks for."""
    return pair[language() == "en"]


def erased(erasure: Mapping[str, Any]) -> str:
    """Say who erased the words of an entry, and when."""
    at, by = moment(erasure["at"]), erasure["by"]
    return of((f"文言は消去済み: {at} {by}", f"words erased on {at} by {by}"))


def state(name: str) -> str:
    """Return a state's word."""
    return of(STATES.get(name, (name, name)))


def endpoint(view: Mapping[str, Any]) -> str:
    """Say how a client's webhook endpoint stands."""
    if not view["configured"]:
        return of(("設定にありません", "not configured"))
    if view["disabled_at"]:
        since = moment(view["disabled_at"])
        return of((f"停止中 {since}から", f"disabled since {since}"))
    if view["failing_since"]:
        since = moment(view["failing_since"])
        return of((f"通知できません {since}から", f"failing since {since}"))
    return of(("正常", "well"))


def hold(code: str, opens_at: str | None) -> str:
    """Return why nothing is sent to a destination, and until when if that is known."""
    said = of(HOLDS.get(code, (code, code)))
    until = of((f"、{moment(opens_at)} まで", f" until {moment(opens_at)}")) if opens_at else ""
    return said + until


def next_step(delivery: Mapping[str, Any]) -> str:
    """Return what happens next with a delivery, with its times as people here read them."""
    text = str(delivery["next_step"][language()])
    return _TIME.sub(lambda found: moment(found[0]), text)


def parsed(text: str) -> datetime:
    """Return an ISO 8601 time of ours, aware."""
    return datetime.fromisoformat(text)


def moment(text: str | None, *, seconds: bool = True) -> str:
    """Return a time of ours in Japan's time: ``2026-11-20 09:30:00``."""
    if text is None:
        return "-"
    return parsed(text).astimezone(JST).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%m-%d %H:%M")


def clock(text: str) -> str:
    """Return the time of day in Japan, with milliseconds."""
    return parsed(text).astimezone(JST).strftime("%H:%M:%S.%f")[:-3]


def duration(span: timedelta) -> str:
    """Return how long something took, in the unit a person would choose."""
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, size, limit in (("s", 1.0, 100), ("min", 60.0, 100), ("h", 3600.0, 72)):
        if seconds < size * limit:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86_400:.1f} d"
