"""In words: what the codes of the shipped adapters and of the record formats mean.

The adapters' README files say the same at greater length. The first pattern that fits counts.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from gateway.services.verdict import Words


class Said(NamedTuple):
    """What is said of the codes that fit a pattern.

    Attributes:
        patterns: ``*`` stands for anything.
        happened: What happened.
        action: What to do about it.
    """

    patterns: tuple[str, ...]
    happened: Words
    action: Words


_ASK: Final[Words] = (
    "業務システムに届いているか確認し、届いていれば「到達確認」、なければ「再送」を選んでください。",
    "Look whether the core system has it: confirm what is there, send the rest again.",
)
_BY_ITSELF: Final[Words] = (
    "復旧すると自動で再送します。続くときは業務システムの担当に連絡してください。",
    "It goes on by itself; if it lasts, tell the core system's people.",
)
_CORRECT: Final[Words] = (
    "配信先の項目設定を直して再送するか、申請元に再提出を依頼してください。",
    "Correct the destination's layout and send it again, or ask the front end to resubmit.",
)

_SAID: Final[Sequence[Said]] = (
    Said(
        ("http.401", "http.403", "http.407", "oauth.*", "sftp.login_refused", "sftp.credentials_*"),
        (
            "業務システムが認証を拒否しました。",
            "The core system, or what grants its tokens, does not accept our credentials.",
        ),
        (
            "配信先のトークン・証明書・パスワードを交換してください。自動で読み直し、再送します。",
            "Exchange the token, certificate or password; it is read again by itself.",
        ),
    ),
    Said(
        ("http.202",),
        (
            "業務システムは受け取ったと答えましたが、処理したとは答えていません。",
            "The core system took note of it, and did not say that it was done.",
        ),
        _ASK,
    ),
    Said(
        ("http.307", "http.308"),
        ("業務システムのURLが変わっています。", "The core system's address has moved."),
        ("配信先の url を直してください。", "Correct the destination's url."),
    ),
    Said(
        ("http.429", "http.425"),
        ("業務システムから送信を控えるよう求められました。", "The core system asked to slow down."),
        (
            "続くときは配信先の毎秒の送信数(rate_per_s)を下げてください。",
            "If it lasts, lower the destination's rate_per_s.",
        ),
    ),
    Said(
        ("http.408", "http.409", "http.3[0-9][0-9]", "http.5[0-9][0-9]"),
        (
            "業務システムの側で障害があり、届いたかは分かりません。",
            "The core system, or something before it, failed: perhaps it arrived all the same.",
        ),
        _ASK,
    ),
    Said(
        ("http.4[0-9][0-9]",),
        (
            "業務システムが内容を受け付けませんでした。申請は届いていません。",
            "The core system refused it; it is not there.",
        ),
        (
            "理由を業務システムの担当に確かめ、直して再送するか、申請元に再提出を依頼してください。",
            "Ask its people why; mend that and send it again, or ask the front end to resubmit.",
        ),
    ),
    Said(
        ("http.lookup_not_configured",),
        ("照会先(lookup_url)が設定されていません。", "No lookup_url is configured."),
        _ASK,
    ),
    Said(
        ("http.lookup_*",),
        (
            "照会しましたが、届いているか分かりませんでした。もう一度照会します。",
            "The lookup did not tell whether it arrived; it is asked again.",
        ),
        _ASK,
    ),
    Said(
        ("http.answer_lost", "http.answer_cut_off", "http.answer_late"),
        (
            "送信後、業務システムの応答を受け取る前に接続が切れたか、時間切れになりました。",
            "It was sent, and the answer was late, or cut off on its way.",
        ),
        _ASK,
    ),
    Said(
        ("http.answer_*", "http.reference_missing", "http.proof_missing"),
        (
            "業務システムのものと確かめられない応答が返りました。",
            "What answered does not look like the core system.",
        ),
        _ASK,
    ),
    Said(
        ("*.disk_full", "*.quota_exceeded"),
        ("受渡しフォルダの空きがありません。", "The folder's disk is full."),
        (
            "空きを作ってください。自動で再開します。",
            "Make room; it goes on by itself.",
        ),
    ),
    Said(
        ("*.permission_denied", "*.read_only"),
        ("受渡しフォルダに書き込めません。", "The folder cannot be written to."),
        (
            "書き込み権限を直してください。自動で再開します。",
            "Repair its permissions; it goes on by itself.",
        ),
    ),
    Said(
        ("*.folder_missing", "*.device_failed", "sftp.name_refused", "sftp.unsupported"),
        ("受渡しフォルダが見つからないか、使えません。", "The folder is not there, or of no use."),
        (
            "共有フォルダの接続と配信先の設定を確かめてください。",
            "See that the share is mounted, and how the destination is configured.",
        ),
    ),
    Said(
        ("*.folder_unfamiliar",),
        (
            "受渡しフォルダが以前と別のものです(別の共有、復元など)。",
            "The folder is another one than before: another share, or one that was restored.",
        ),
        (
            "正しい共有を接続してください。入れ替えが意図したものなら、アダプターのページの手順に従ってください。",
            "Mount the right share; if it was replaced on purpose, follow the adapter's page.",
        ),
    ),
    Said(
        ("*.name_taken",),
        (
            "同じ名前のファイルが既にあり、こちらのものではありません。",
            "Another file lies there under its name.",
        ),
        (
            "そのファイルの持ち主を確かめ、取り除いてから再送してください。",
            "Find out whose it is, remove it, then send again.",
        ),
    ),
    Said(
        ("*.rename_unclear", "*.not_synced"),
        (
            "ファイルを置けたか確かめられませんでした。",
            "It is not known whether the file was put there.",
        ),
        _ASK,
    ),
    Said(
        ("sftp.host_key_unknown",),
        (
            "相手のサーバーの鍵が登録と異なります。",
            "The server shows another key than the pinned ones.",
        ),
        (
            "相手の担当に電話で確かめ、相手が替えた場合だけ host_keys を更新してください。",
            "Ask its operators by telephone; only if they changed it, update host_keys.",
        ),
    ),
    Said(
        ("*.not_connected", "*.not_open", "sftp.*", "file.*"),
        ("業務システムの受け口に送れませんでした。", "It could not be handed over."),
        _BY_ITSELF,
    ),
    Said(
        ("text.unmappable:*",),
        (
            "業務システムの文字コードにない文字があります。",
            "It has a character that the core system's charset lacks.",
        ),
        (
            "代わりの字を窓口と、外字の扱いを業務システムの担当と決めてから再送してください。",
            "Agree on a replacement, or on a code for it, then send it again.",
        ),
    ),
    Said(
        ("text.too_long",),
        ("値が項目の長さに収まりません。", "A value is longer than its field."),
        _CORRECT,
    ),
    Said(
        ("text.*", "field.*", "date.*", "kana.*"),
        (
            "項目の値を業務システムの形式に書けませんでした。",
            "A value cannot be written in the core system's format.",
        ),
        _CORRECT,
    ),
)


def said_of_adapters(code: str) -> Said | None:
    """Return what is said of a code of a shipped adapter; ``None`` if it is none."""
    return next(
        (said for said in _SAID if any(fnmatchcase(code, each) for each in said.patterns)), None
    )
