"""What the report says, in Japanese and English."""

from collections.abc import Mapping
from typing import Final

from gateway.domain.entry import Action

TEXT: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("監査ログ報告書", "Audit log report"),
    "period": ("対象期間", "Period"),
    "to": ("から", "to"),
    "until": ("まで(終端を含まない)", "(end excluded)"),
    "municipality": ("地方公共団体", "Municipality"),
    "all": ("すべて", "all"),
    "log": ("ログの識別名", "Log"),
    "size": ("記録件数", "Entries in the log"),
    "counted": ("期間内の記録件数", "Entries in the period"),
    "root": ("ルートハッシュ", "Root hash"),
    "checkpoint": ("署名済みチェックポイント", "Signed checkpoint"),
    "made_at": ("作成日時", "Made at"),
    "by": ("作成者", "Made by"),
    "verification": ("検証結果", "Verification"),
    "whole": (
        "改変・欠落は見つかりませんでした。",
        "Nothing was found to be altered or left out.",
    ),
    "broken": (
        "記録が書き込まれた時の内容と異なります。",
        "The log is not what was written.",
    ),
    "first_bad": ("最初の不一致の位置", "First bad index"),
    "verified": ("検証した記録", "Entries verified"),
    "matched": ("一致したチェックポイント", "Checkpoints that agree"),
    "own_keys": (
        (
            "この検証はゲートウェイ自身の鍵によるものです。署名鍵を持つ者による全面的な書換えは、"
            "外部に保管したチェックポイントとの照合でのみ分かります。"
        ),
        (
            "Verified with the gateway's own keys. A whole log rewritten by somebody who has the "
            "signing key is seen only against a checkpoint that was kept elsewhere."
        ),
    ),
    "problem": ("内容", "Problem"),
    "place": ("位置", "Place"),
    "volumes": ("日別・手続別の受付件数", "Applications accepted, by day and procedure"),
    "outcomes": ("日別の結果", "Results, by day"),
    "denials": ("拒否(理由別)", "Denials, by reason"),
    "keys": ("鍵の操作と文言の消去", "Key operations and erasures"),
    "openings": ("開封の許可(配信先別)", "Rights to open, by destination"),
    "openings_note": (
        "ワーカーは開封の前に必ず許可を得ます。許可は開封したことの証明ではありません。",
        "A worker is given the right before it opens anything. A right is not proof of an opening.",
    ),
    "reads": ("監査ログの閲覧", "Reads of the audit log"),
    "decisions": ("運用者の判断と操作", "What operators decided and did"),
    "changes": ("設定の変更", "Changes of configuration"),
    "clocks": ("時計の状態", "Clocks"),
    "jumps": ("時計の飛び", "Clocks that were set"),
    "actions": ("記録の内訳", "Entries by action"),
    "none": ("ありません。", "None."),
    "untold": ("ほかに {} 件。", "And {} more."),
    "unreadable": (
        "期間内に読み取れない記録が {} 件あります。",
        "{} entries of the period cannot be read.",
    ),
    "day": ("日付", "Day"),
    "procedure": ("手続", "Procedure"),
    "count": ("件数", "Count"),
    "action": ("操作", "Action"),
    "code": ("理由コード", "Code"),
    "actor": ("実行者", "Who"),
    "worker": ("ワーカー", "Worker"),
    "destination": ("配信先", "Destination"),
    "purpose": ("目的", "Purpose"),
    "at": ("日時(日本時間)", "When (Japan)"),
    "index": ("番号", "Index"),
    "facts": ("事実", "Facts"),
    "node": ("ノード", "Node"),
    "observed": ("観測回数", "Observed"),
    "most_moved_ms": ("最大のずれ(ms)", "Most moved (ms)"),
    "unsynchronised": ("非同期の回数", "Not synchronised"),
    "total": ("合計", "Total"),
}

ACTIONS: Final[Mapping[str, tuple[str, str]]] = {
    Action.APPLICATION_ACCEPTED: ("申請の受付", "application accepted"),
    Action.APPLICATION_REFUSED: ("申請の拒否", "application refused"),
    Action.REQUESTS_DENIED: ("認証のない要求の拒否", "requests denied"),
    Action.DELIVERY_QUEUED: ("ブローカーへの引渡し", "handed to the broker"),
    Action.DELIVERY_RETURNED: ("ブローカーからの返送", "returned by the broker"),
    Action.DELIVERY_CLAIMED: ("開封の許可", "right to open given"),
    Action.DELIVERY_CLAIM_REFUSED: ("開封の不許可", "right to open refused"),
    Action.DELIVERY_HELD: ("待機の指示", "told to wait"),
    Action.DELIVERY_DELIVERED: ("配信済み", "delivered"),
    Action.DELIVERY_DEFERRED: ("再送待ち", "deferred"),
    Action.DELIVERY_PARKED: ("保留", "parked"),
    Action.DELIVERY_IN_DOUBT: ("到達不明", "in doubt"),
    Action.DELIVERY_DUE: ("再送時刻の到来", "due again"),
    Action.DELIVERY_REPLAYED: ("再送の指示", "sent again by hand"),
    Action.DELIVERY_CONFIRMED: ("到達の確認", "confirmed by hand"),
    Action.DELIVERY_CANCELLED: ("配信の取消し", "cancelled by hand"),
    Action.DELIVERY_REPUBLISHED: ("失われた電文の再送出", "published again"),
    Action.OUTCOME_IGNORED: ("遅れた報告", "late report ignored"),
    Action.MESSAGE_REFUSED: ("不正な電文の拒否", "forged message refused"),
    Action.FEEDBACK_RECEIVED: ("業務システムからの結果", "status from the core system"),
    Action.DESTINATION_CHANGED: ("配信先の設定変更", "destination changed"),
    Action.REPLAY_ORDERED: ("一括再送の指示", "replay ordered"),
    Action.REPLAY_HALTED: ("一括再送の中断", "replay halted"),
    Action.REPLAY_RESUMED: ("一括再送の再開", "replay resumed"),
    Action.REPLAY_CANCELLED: ("一括再送の中止", "replay cancelled"),
    Action.REPLAY_FINISHED: ("一括再送の完了", "replay finished"),
    Action.CLIENT_KEY_ADDED: ("APIキーの発行", "API key added"),
    Action.CLIENT_KEY_REVOKED: ("APIキーの失効", "API key revoked"),
    Action.KEY_MADE: ("新しい鍵の使用開始", "new key in use"),
    Action.KEY_CHANGED: ("ログ署名鍵の交代", "log signing key changed"),
    Action.DETAIL_SHREDDED: ("文言の消去", "words erased"),
    Action.CLOCK_OBSERVED: ("時計の観測", "clock observed"),
    Action.NODE_STARTED: ("ゲートウェイの起動", "gateway started"),
    Action.NODE_STOPPED: ("ゲートウェイの停止", "gateway stopped"),
    Action.LOG_READ: ("監査ログの閲覧", "audit log read"),
}
"""Every action, as a noun."""
