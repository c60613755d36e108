"""In words: what each code of a delivery means, and what an operator does about it.

The console says it beside the code; ``docs/reference/errors.md`` is made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.services.adapter_advice import said_of_adapters
from gateway.services.verdict import Words


@dataclass(frozen=True, slots=True)
class Advice:
    """What there is to say of a code.

    Attributes:
        state: Where it leads, in a word.
        happened: What happened.
        action: What to do; in English ``None.`` begins where nothing is to be done.
    """

    state: str
    happened: Words
    action: Words


_NOTHING: Final = ("対応は不要です。", "None.")
_ASK_AND_DECIDE: Final = (
    "業務システムに届いているか確認し、届いていれば「到達確認」、なければ「再送」を選んでください。"
)

ADVICE: Final[Mapping[str, Advice]] = {
    "adapter.defect": Advice(
        "in doubt",
        (
            "アダプターが契約にない例外を起こしたか、自分の処理を途中で終えました。",
            "The adapter raised what the contract does not have, or ended its own task.",
        ),
        (
            f"{_ASK_AND_DECIDE}エラーのクラス名をアダプターの担当者に伝えてください。",
            (
                "Ask the core system, then confirm or replay; tell the adapter's owner the error's "
                "class."
            ),
        ),
    ),
    "check.deadline": Advice(
        "–",
        (
            "アダプターの疎通確認が send_timeout_s を超えました。",
            "The adapter's check took longer than `send_timeout_s`.",
        ),
        (
            "業務システムが遅くなっていませんか。kakehashi adapter check DEST で確認してください。",
            "Is the core system slow? `kakehashi adapter check DEST`.",
        ),
    ),
    "check.not_ok": Advice(
        "–",
        (
            "アダプターの疎通確認に失敗しました。遮断は続きます。",
            "The adapter's check said no; the breaker stays open.",
        ),
        (
            "kakehashi adapter check DEST で理由を確認してください。",
            "`kakehashi adapter check DEST` says why.",
        ),
    ),
    "delivery.abandoned": Advice(
        "in doubt",
        (
            "ワーカーが受け取ったまま、結果が返ってきていません。",
            "It was claimed, and no worker came back with an outcome.",
        ),
        (
            (
                "ワーカーが止まっていないか確認してください。idempotency: none の配信先では、"
                f"{_ASK_AND_DECIDE}"
            ),
            (
                "Is its worker gone? With `idempotency: none` ask the core system, then confirm or "
                "replay."
            ),
        ),
    ),
    "delivery.crash_loop": Advice(
        "parked",
        (
            "ワーカーが繰り返し落ちたため、ブローカーが配達をあきらめました。",
            "Its copy came back from dying workers until the broker gave it up.",
        ),
        (
            "ワーカーが落ちる原因（メモリ、アダプターのライブラリ）を直してから再送してください。",
            "Look at what ends the worker (memory, the adapter's library); then replay it.",
        ),
    ),
    "delivery.effect_unknown": Advice(
        "in doubt",
        (
            "一度ワーカーが受け取ったものが再び届き、前回の結果が分かりません。",
            "A copy came again that a worker had claimed, and nothing tells what became of it.",
        ),
        (
            _ASK_AND_DECIDE,
            "Ask the core system whether it has it, then `kakehashi parked confirm` or `replay`.",
        ),
    ),
    "delivery.unresolved": Advice(
        "parked",
        (
            "到達不明のまま、許された回数または期間の照会・再送を使い切りました。",
            (
                "In doubt, and sent again as often as allowed, or as long as the core system keeps "
                "keys."
            ),
        ),
        (_ASK_AND_DECIDE, "Ask the core system whether it has it, then confirm or replay."),
    ),
    "destination.closed": Advice(
        "waits",
        ("配信先の受付時間外です。", "Outside the destination's maintenance window."),
        (
            "対応は不要です。再開時刻は配信先のページにあります。",
            "None; `kakehashi destination show` says when it opens.",
        ),
    ),
    "destination.paused": Advice(
        "waits",
        ("運用担当が停止しています。", "An operator paused it."),
        ("配信先のページで再開してください。", "`kakehashi destination resume`."),
    ),
    "destination.rate_limited": Advice(
        "waits",
        ("rate_per_s の上限に達しました。", "The destination's `rate_per_s` is used up."),
        (
            "対応は不要です。業務システムに余裕があれば上限を上げられます。",
            "None; raise it if the core system may take more.",
        ),
    ),
    "destination.rejected": Advice(
        "parked",
        (
            "業務システムが受け付けませんでした（理由コードは保存できない形式でした）。",
            "The core system refused it, and its code was none that may be kept.",
        ),
        (
            "業務システムの担当に確認し、直して再送するか、取り消してください。",
            "Ask the core system's operators; correct and replay, or cancel.",
        ),
    ),
    "destination.throttled": Advice(
        "retrying",
        (
            "業務システムから送信を控えるよう求められました。",
            "The core system asked to slow down.",
        ),
        (
            "対応は不要です。日常的に起きるなら rate_per_s を設定してください。",
            "None; if it is everyday load, set `rate_per_s`.",
        ),
    ),
    "destination.transient": Advice(
        "retrying",
        (
            "一時的な失敗です。間隔を空けて再送します。",
            "It had no effect; tried again with backoff.",
        ),
        (
            "再送の上限に達して保留になるまで、対応は不要です。",
            "None, until the budget is spent and it is parked.",
        ),
    ),
    "destination.unavailable": Advice(
        "waits",
        (
            "業務システムに接続できません（遮断中）。",
            "The breaker is open: the core system cannot be reached.",
        ),
        (
            "業務システムまたは回線を復旧してください。復旧すると自動で送ります。",
            "Restore the core system or the way to it; it goes on by itself.",
        ),
    ),
    "destination.unknown_outcome": Advice(
        "in doubt",
        (
            "送信しましたが、結果の返答がありません。",
            "Something was sent, and no answer tells what became of it.",
        ),
        (
            f"native と lookup の配信先では対応不要です。それ以外は{_ASK_AND_DECIDE}",
            "None with `native` or `lookup`; else ask the core system, then confirm or replay.",
        ),
    ),
    "feedback.code": Advice(
        "–",
        (
            "業務システムの結果コードがコードの形式ではありませんでした。",
            "Stands for a status' code that was none.",
        ),
        (
            "アダプターの担当者に伝えてください（コードは自由文ではありません）。",
            "Report it to the adapter's owner: a code is no free text.",
        ),
    ),
    "lookup.deadline": Advice(
        "in doubt",
        ("照会に時間がかかりすぎました。", "The lookup took too long."),
        ("対応は不要です。もう一度照会します。", "None; it is asked again."),
    ),
    "lookup.not_found": Advice(
        "retrying",
        (
            "業務システムに届いていなかったため、再送します。",
            "The core system does not have it; it is sent again.",
        ),
        _NOTHING,
    ),
    "lookup.settling": Advice(
        "in doubt",
        (
            "業務システムにまだ現れていません（settle_s の経過待ち）。",
            "The core system does not show it yet; `settle_s` is not over.",
        ),
        ("対応は不要です。もう一度照会します。", "None; it is asked again."),
    ),
    "outcome.code_unusable": Advice(
        "any",
        (
            "ワーカーの結果コードがコードの形式ではありませんでした。",
            "Stands for a worker's code that was none.",
        ),
        (
            "アダプターの担当者に伝えてください（コードは自由文ではありません）。",
            "Report it to the adapter's owner: a code is no free text.",
        ),
    ),
    "send.deadline": Advice(
        "in doubt",
        (
            "send_timeout_s 以内に送信が終わりませんでした。",
            "The adapter was not done within `send_timeout_s`.",
        ),
        (
            f"{_ASK_AND_DECIDE}頻発するなら send_timeout_s を延ばしてください。",
            (
                "Ask the core system, then confirm or replay; if it is frequent, raise "
                "`send_timeout_s`."
            ),
        ),
    ),
    "worker.standing_by": Advice(
        "waits",
        (
            "別の1件で業務システムの復旧を確かめています。",
            "Another copy tries first whether the core system is back.",
        ),
        _NOTHING,
    ),
    "worker.stopping": Advice(
        "waits",
        ("ワーカーの停止中でした。", "The worker was being stopped."),
        ("対応は不要です。別のワーカーが送ります。", "None; another takes it."),
    ),
}
"""By code, for those that are the gateway's own."""

OF_THE_CORE_SYSTEM: Final = Advice(
    "any",
    (
        "業務システムまたはアダプターの理由コードです。",
        "A code of the core system or of its adapter.",
    ),
    (
        "意味は業務システムの手引、またはアダプターの README にあります。",
        "Its meaning stands in the core system's manual, or in the adapter's README.",
    ),
)


def advice_on(code: str) -> Advice:
    """Return what there is to say of a code, whoever's it is."""
    if (known := ADVICE.get(code)) is not None:
        return known
    said = said_of_adapters(code)
    return OF_THE_CORE_SYSTEM if said is None else Advice("any", said.happened, said.action)
