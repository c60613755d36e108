"""What a code means on a delivery that waits, and what to do, in the language of whoever asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.domain.lifecycle import State
from gateway.services.adapter_advice import said_of_adapters

Words = tuple[str, str]
"""Japanese, English."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A code in words.

    Attributes:
        meaning: What happened.
        action: What to do about it.
    """

    meaning: Words
    action: Words


_ASK_FIRST: Final[Words] = (
    "業務システムに届いているか確認し、届いていれば「到達確認」、なければ再送してください。",
    "Look whether the core system has it: confirm what is there, send the rest again.",
)
_CORRECT: Final[Words] = (
    "アダプターか業務システムを直して再送するか、申請元に再提出を依頼してください。",
    "Mend the adapter or the core system and send it again, or ask the front end to resubmit.",
)

_CAUSES: Final[Mapping[str, Cause]] = {
    "adapter.defect": Cause(
        ("アダプターの不具合です。", "The adapter broke its contract."),
        (
            "業務システムに届いているか確認し、アダプターの担当に連絡してください。",
            "Look into the core system, and tell the adapter's owner.",
        ),
    ),
    "delivery.abandoned": Cause(
        ("送信中にワーカーが応答しなくなりました。", "Its worker took it and never came back."),
        _ASK_FIRST,
    ),
    "delivery.crash_loop": Cause(
        (
            "受け取ったワーカーが繰り返し異常終了しました。",
            "Workers that took it died, again and again.",
        ),
        (
            "ワーカーの異常終了の原因(メモリ、ライブラリ)を取り除き、再送してください。",
            "Find what ends the worker (memory, a library); then send it again.",
        ),
    ),
    "delivery.effect_unknown": Cause(
        (
            "送信の結果が分からないまま電文が戻りました。",
            "It came back after a worker had taken it; nobody knows what became of it.",
        ),
        _ASK_FIRST,
    ),
    "delivery.unresolved": Cause(
        (
            "照会を繰り返しても到達したか分かりませんでした。",
            "Asking again and again did not tell whether it arrived.",
        ),
        _ASK_FIRST,
    ),
    "destination.rejected": Cause(
        ("業務システムが受け付けませんでした。", "The core system refused it."),
        _CORRECT,
    ),
    "destination.throttled": Cause(
        ("業務システムが流量を制限し続けました。", "The core system kept asking to slow down."),
        (
            "配信先の毎秒件数(rate_per_s)を下げ、再送してください。",
            "Lower the destination's rate_per_s, then send it again.",
        ),
    ),
    "destination.transient": Cause(
        (
            "一時的な失敗が続き、再試行を終えました。",
            "It kept failing, and its retries are used up.",
        ),
        (
            "業務システムの復旧を確認し、再送してください。",
            "See that the core system is well again, then send it again.",
        ),
    ),
    "destination.unavailable": Cause(
        ("業務システムに接続できませんでした。", "The core system could not be reached."),
        (
            "接続と業務システムの復旧を確認し、再送してください。",
            "See that it can be reached again, then send it again.",
        ),
    ),
    "destination.unknown_outcome": Cause(
        (
            "送信後に応答がなく、到達したか分かりません。",
            "It was sent, and no answer tells whether it arrived.",
        ),
        _ASK_FIRST,
    ),
    "outcome.code_unusable": Cause(
        (
            "アダプターが返した理由コードを使えませんでした。",
            "The adapter gave a code that may not be kept.",
        ),
        (
            "業務システムで理由を確認し、アダプターの担当に連絡してください。",
            "Ask the core system why, and tell the adapter's owner.",
        ),
    ),
    "record.field_refused": Cause(
        (
            "項目を業務システムの形式に変換できませんでした。",
            "A field does not fit into the core system's format.",
        ),
        _CORRECT,
    ),
    "seal.invalid": Cause(
        ("ワーカーが開封できませんでした。", "The worker could not open the seal."),
        (
            "配信先の鍵がワーカーにあるか確認し、再送してください。",
            "See that the worker has the destination's key, then send it again.",
        ),
    ),
    "send.deadline": Cause(
        (
            "制限時間内に送信が終わらず、到達したか分かりません。",
            "Sending was not done in time; nobody knows whether it arrived.",
        ),
        _ASK_FIRST,
    ),
    "text.unmappable": Cause(
        (
            "業務システムの文字コードにない文字があります。",
            "It has a character that the core system's charset lacks.",
        ),
        _CORRECT,
    ),
}
"""Codes of the gateway and of the adapters' contract; others are the core systems' own."""

_PARKED: Final = Cause(
    (
        "業務システムが返した理由コードです。",
        "The core system's own code: its manual, or the adapter's page, says more.",
    ),
    _CORRECT,
)
_IN_DOUBT: Final = Cause(
    (
        "到達したか分かりません。理由コードは業務システムかアダプターのものです。",
        "Nobody knows whether it arrived. The code is the core system's or the adapter's.",
    ),
    _ASK_FIRST,
)


def cause_of(code: str | None, state: State) -> Cause:
    """Return what ``code`` means on a delivery that waits in ``state``."""
    known = _CAUSES.get(code or "")
    said = None if known else said_of_adapters(code or "")
    if said is not None:
        return Cause(said.happened, _ASK_FIRST if state == State.IN_DOUBT else said.action)
    return known or (_IN_DOUBT if state == State.IN_DOUBT else _PARKED)
