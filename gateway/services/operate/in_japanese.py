"""What operations say when they refuse, in Japanese: a table of their English sentences.

An operation's refusal carries a sentence for whoever asked, in English, as it stands in the
code, in logs and at the command line. Here each has its Japanese twin; a house test reads the
code and holds the table to it. What is filled in (names, ids, numbers) is the same in both.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # Accounts
    "no account {}": "アカウント {0} はありません。",
    "no session {}": "セッション {0} はありません。",
    "no unrevoked token {}": "有効なトークン {0} はありません。",
    "{} is disabled": "{0} は停止されています。",
    "there is an account {} already": "アカウント {0} はすでにあります。",
    "an account's name is 1 to 63 characters of a-z, 0-9, . and -": "アカウント名は a-z、0-9、"
    "「.」「-」の1〜63字です。",
    "an account has one role at least: {}": "役割を1つ以上選んでください: {0}",
    "nobody is both operator and auditor, unless console.operator_may_audit says so": "運用担当と"
    "監査担当は兼ねられません(console.operator_may_audit で変えられます)。",
    "nobody takes the role admin from themselves": "自分から管理者の役割を外すことはできません。",
    "nobody disables their own account": "自分のアカウントは停止できません。",
    "too many tries; again in {} s": "試行が多すぎます。{0}秒後にもう一度お試しください。",
    "the password was changed meanwhile": "その間にパスワードが変更されました。",
    "a password has 12 characters at least": "パスワードは12字以上にしてください。",
    "a password has 256 characters at most": "パスワードは256字以下にしてください。",
    "a password is more than the account's name": "パスワードの大部分がアカウント名です。",
    "this password is among those that everybody guesses first": "よく使われる推測しやすい"
    "パスワードです。",
    "the current password is wrong": "現在のパスワードが違います。",
    "where a second person must approve, the password is made: say none": "別の人の承認が要る"
    "ときは、"
    "パスワードは自動で作られます。指定しないでください。",
    "where a second person is needed, nobody makes a token in somebody else's name: "
    "who knows the account's password makes it": "別の人の承認が要る設定では、他人の名前で"
    "トークンを作れません。本人が作ってください。",
    # Four eyes
    "it was stored under another secret and cannot be read": "別の鍵で保存されたため読めません。",
    "only {} can withdraw it; refuse it instead": "取り下げられるのは {0} "
    "だけです。拒否してください。",
    "this was asked for already and waits for a second person": "同じ依頼がすでに承"
    "認を待っています。",
    "{} requests of yours wait already: withdraw one, or have one decided": "あなたの依頼が"
    "すでに{0}件承認を待っています。1件取り下げるか、承認か拒否をしてもらってください。",
    "you asked for it yourself: another person must decide it": "自分の依頼です。別の人が"
    "判断してください。",
    "{}, who asked for it, may not do it any more": "依頼した {0} には、もうこの操作の権限が"
    "ありません。",
    "this request is {}: it waits no more": "この依頼はもう承認待ちではありません({0})。",
    "no request has this id: {}": "この ID の依頼はありません: {0}",
    # What waits
    "no delivery has this id: {}": "この ID の配信はありません: {0}",
    "it is {}: it does not wait for a person": "{0} の配信です。人の判断を待っていません。",
    "it is {} already: nothing to {}": "すでに {0} です。することはありません({1})。",
    "it is {}: nothing to {} unless it is parked or in doubt": "{0} です。{1} は保留か"
    "到達不明の配信だけにできます。",
    "choose 1 to {} deliveries; {} were chosen": "配信は1〜{0}件選んでくださ"
    "い({1}件選ばれています)。",
    "nothing of this kind can be done": "この操作はありません。",
    "no group has this id: {}": "この ID のグループはありません: {0}",
    "no page begins there: {}": "そこから始まるページはありません: {0}",
    "until must be within the next {} days": "期限は{0}日以内にしてください。",
    "nothing waits in this group any more": "このグループに待っているものはもうありません。",
    "somebody else changed this group at the same time; look again": "ほかの人が同時に変更し"
    "ました。"
    "もう一度見てください。",
    "nothing waits in a group of this name: {}": "この名前のグループに待ってい"
    "るものはありません: {0}",
    "this group is parked, not in doubt": "このグループは保留で、到達不明ではありません。",
    "this group is in doubt: each may have arrived. Look into the core system; to send them all "
    "again nevertheless, ask for in_doubt": "このグループは到達不明で、届いているかもしれません。"
    "業務システムを確認してください。それでも再送するなら in_doubt を指定してください。",
    "a group says its {} itself; leave one of them out": "{0} はグループで決まっています。"
    "どちらかを外してください。",
    "since must be before until: nothing waits between them": "since は unti"
    "l より前にしてください。",
    "say what to send again: a group or a destination": "再送するグループか配信先を"
    "指定してください。",
    "nothing waits of what was selected: it was done meanwhile": "選んだものはすでに処理され"
    "ていて、"
    "待っているものはありません。",
    "nothing waits of what was selected: {}": "選んだものに待っているものはありません: {0}",
    "no order has this id: {}": "この ID の再送指示はありません: {0}",
    "the order is {}; this is for one that is {}": "この再送指示は {0} です"
    "。{1} のときだけできます。",
    "the canary is a number of deliveries, 0 for none": "先に送る件数は数で指定してください"
    "(0 はなし)。",
    "the rate is {} to {} deliveries a second": "速度は毎秒 {0}〜{1} 件です。",
    "the rate is a number of deliveries a second": "速度は毎秒の件数で指定してください。",
    # Applications
    "no application has this id": "この ID の申請はありません。",
    "no application has this id: {}": "この ID の申請はありません: {0}",
    "no application has this id or 受付番号: {}": "この ID や受付番号の申請はありません: {0}",
    "there are no words about it that could be read: nothing to shred": "読める自由記述がないため、"
    "消すものはありません。",
    "no page of this order begins there": "この並び順で、そこから始まるページはありません。",
    "after or before, not both": "after と before はどちらか一方にしてください。",
    "since must be before until: nothing was accepted between them": "since は until より前に"
    "してください。",
    "at most {} ids": "ID は{0}件までです。",
    "a municipality is six digits": "団体コードは6桁です。",
    "unknown state {}; known: {}": "状態 {0} はありません。選べるもの: {1}",
    "no such {}": "この {0} はありません。",
    "{} must be a year from {} to {}": "{0} は {1}〜{2} 年で指定してください。",
    "{} must look like 2026-11-20 or 2026-11-20T09:30": "{0} は 2026-11-20 か 2026-11-20T09:30 の"
    "形で指定してください。",
    "{} must look like 2026-11-20 or 2026-11-20T09:30: {}": "{0} は 2026-11-20 か "
    "2026-11-20T09:30 の形で指定してください: {1}",
    "a {} of 1 to {} characters is required": "{0} は1〜{1}字で入力してください。",
    "{} is not an id": "{0} は ID ではありません。",
    "arguments: {}": "引数が正しくありません: {0}",
    "no operation of this name: {}": "この名前の操作はありません: {0}",
    "there is no such thing to do": "この操作はありません。",
    # Destinations and adapters
    "no destination {}": "配信先 {0} はありません。",
    "no destination of this name: {} (known: {})": "配信先 {0} はありません(あるもの: {1})。",
    "no adapter of this name: {}": "アダプター {0} はありません。",
    "nothing to change; known: {}": "変更するものがありません。変更できるもの: {0}",
    "{}: cannot be changed while it runs; known: {}": "{0} は動作中に変更できません。"
    "変更できるもの: {1}",
    "{}: no worker lives that could check it": "{0}: 確認できるワーカーが動いていません。",
    "{}: somebody changed it meanwhile; look again": "{0}: その間に変更されました。もう一度"
    "見てください。",
    "{}: somebody changed it at the same time; look again": "{0}: 同時に変更されました。もう一度"
    "見てください。",
    "{}: {}: no opening of the window holds on that day, so it would stay closed; set window too, "
    "or take the day out of window.closed_on": "{0}: {1}: この日に開く時間帯がないため、開き"
    "ません。"
    "window も設定するか、window.closed_on からこの日を外してください。",
    "there is no such version of a procedure": "手続のこの版はありません。",
    # Clients
    "the configuration has no client {}": "設定にクライアント {0} はありません。",
    "the configuration has no webhook of a client {}": "設定にクライアント {0} の webhook は"
    "ありません。",
    "no unrevoked key {}": "有効なキー {0} はありません。",
    # The log
    "the log was never sealed; start a gateway": "監査ログはまだ封印されていません。ゲートウェイを"
    "起動してください。",
    "it is not sealed yet; a running gateway seals within a second": "まだ封印されていません。"
    "動いているゲートウェイは1秒以内に封印します。",
    "name an application, or an index": "申請か番号を指定してください。",
    "the entry is not what was written: {}": "記録が書かれたときのものではありません: {0}",
    "the log has no entry of this index": "この番号の記録はありません。",
    "the log goes on from the last checkpoint: nothing to accept": "ログは最後のチェックポイント"
    "から続いています。承認するものはありません。",
    "home: the checkpoint cannot be written": "home: チェックポイントを書けません。",
    "nothing reads the log now": "いまログを読んでいるものはありません。",
    "the whole log is being read already; ask when that is done": "ログ全体をすでに読んでいます。"
    "終わってからもう一度求めてください。",
    "there is no report yet": "レポートはまだありません。",
    "no such entries": "その記録はありません。",
    "no such tiles": "そのタイルはありません。",
    "no such action; name one, or all of a subject: {}": "その種類の記録はありません: {0}",
    "unknown kind of actor; known: {}": "その種類の行為者はありません。選べるもの: {0}",
    "unknown outcome; known: {}": "その結果はありません。選べるもの: {0}",
    "since must be before until: nothing happened between them": "since は until より前に"
    "してください。",
    "a receipt number is looked for by the form only": "受付番号はフォームからだけ探せます。",
    "before: no such position": "before: その位置はありません。",
    "keys: {}": "keys: {0}",
    "receipts: not a leaf hash": "receipts: 葉のハッシュではありません。",
    # The process
    "another process is expiring things now; try again later": "別のプロセスが期限切れのものを"
    "消しています。あとでもう一度お試しください。",
    "no gateway runs here whose level could be changed": "水準を変えられるゲートウェイがここで"
    "動いていません。",
    "say which level": "水準を指定してください。",
    "destination: not a name": "destination: 名前ではありません。",
    "a destination's level needs a time (for_s): workers keep it": "配信先の水準には時間(for_s)が"
    "要ります。",
    "no page has this address": "この URL のページはありません。",
}
"""English, with ``{}`` for what is filled in, to Japanese, with its place among these."""

ONLY_AT_THE_MACHINE: Final = frozenset({"back_up.py", "doubt_restored.py"})
"""Files of operations that neither the console nor the API offers."""


_LONGEST: Final = 1000


def in_japanese(sentence: str) -> str | None:
    """Return an operation's sentence in Japanese, or ``None`` if it has no twin."""
    if len(sentence) > _LONGEST:
        return None
    for pattern, japanese in _patterns():
        if found := pattern.fullmatch(sentence):
            return japanese.format(*found.groups())
    return None


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the table as patterns, those that say most before those that fit more."""
    most_said_first = sorted(SENTENCES, key=lambda each: -len(each.replace("{}", "")))
    return tuple(
        (
            re.compile("(.{1,2000}?)".join(map(re.escape, each.split("{}"))), re.DOTALL),
            SENTENCES[each],
        )
        for each in most_said_first
    )
