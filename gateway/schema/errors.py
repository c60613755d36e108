"""What is wrong with one field: where, a stable code, and a sentence for people.

Nothing of the body may appear in an error, neither values nor the names of
members that no schema knows: both are the sender's, and may be personal data.
So a pointer names only members that the schemas name, parameters come from the
schemas only, and every sentence stands in this file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["ja", "en"]

MAX_ERRORS: Final = 100
"""Errors reported of one body (design 6.1)."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a body.

    Attributes:
        pointer: JSON pointer as a URI fragment (RFC 6901, 6), from the root of the
            request: ``#/content/children/0/birth_date``. A missing field is pointed at
            itself, an unknown one by the object that it is in.
        code: Stable and dotted, a key of ``SENTENCES``.
        params: Limits and the like, taken from the schema, never from the body.
    """

    pointer: str
    code: str
    params: tuple[tuple[str, str | int], ...] = ()

    def detail(self, language: Language) -> str:
        """Return the sentence for this error."""
        return detail(self.code, language, dict(self.params))


def detail(code: str, language: Language, params: Mapping[str, str | int] | None = None) -> str:
    """Return the sentence of ``code`` with its parameters filled in.

    Raises:
        KeyError: ``SENTENCES`` has no such code, or a parameter is missing.
    """
    japanese, english = SENTENCES[code]
    return (japanese if language == "ja" else english).format_map(params or {})


def in_order(errors: Iterable[FieldError]) -> tuple[FieldError, ...]:
    """Return the first ``MAX_ERRORS`` different errors, ordered by place and code."""
    return tuple(sorted(set(errors), key=_place)[:MAX_ERRORS])


def fragment(tokens: Iterable[str | int]) -> str:
    """Return the pointer of ``tokens`` as a URI fragment.

    Member names in procedures are ``[a-z0-9_]+`` (the catalogue sees to it), so that
    nothing has to be escaped.
    """
    return "/".join(["#", *(str(token) for token in tokens)])


def _place(error: FieldError) -> tuple[list[tuple[bool, int, str]], str, str]:
    tokens = error.pointer.split("/")
    # Item 10 comes after item 2: numbers are compared as numbers.
    place = [(t.isdigit(), int(t), "") if t.isdigit() else (False, 0, t) for t in tokens]
    return place, error.code, str(error.params)


SENTENCES: Final[dict[str, tuple[str, str]]] = {
    # Shape
    "field.required": ("必須の項目です。", "This field is required."),
    "field.unknown": (
        "この手続にない項目が含まれています。",
        "This object contains a field that is not part of the procedure.",
    ),
    "field.not_applicable": (
        "この申請の内容では入力できない項目です。",
        "This field must be left out, given the other answers.",
    ),
    "field.type": ("値の型が正しくありません。", "The value has the wrong JSON type."),
    "field.invalid": ("値が正しくありません。", "The value is not valid."),
    "value.not_in_list": (
        "選択肢にない値です。",
        "The value is not one of the choices.",
    ),
    "number.too_small": ("{limit}以上の値を入力してください。", "Must be at least {limit}."),
    "number.too_large": ("{limit}以下の値を入力してください。", "Must be at most {limit}."),
    "list.too_short": ("{limit}件以上が必要です。", "At least {limit} entries are needed."),
    "list.too_long": ("{limit}件以内で入力してください。", "At most {limit} entries are allowed."),
    "list.not_unique": ("同じ値が重複しています。", "The list contains the same value twice."),
    # Text
    "text.too_short": (
        "{limit}文字以上で入力してください。",
        "Must have at least {limit} characters.",
    ),
    "text.too_long": (
        "{limit}文字以内で入力してください。",
        "Must have at most {limit} characters.",
    ),
    "text.pattern": ("形式が正しくありません。", "The value does not have the required form."),
    "text.blank": ("空白だけの値は入力できません。", "Must not be blank."),
    "text.control_character": (
        "使用できない制御文字が含まれています。",
        "Contains a control character.",
    ),
    "text.lone_surrogate": (
        "文字として成り立たない符号(サロゲートの片方)が含まれています。",
        "Contains half of a surrogate pair.",
    ),
    "text.noncharacter": (
        "文字が割り当てられることのない符号(非文字)が含まれています。",
        "Contains a code point that Unicode reserves as a noncharacter.",
    ),
    # Kana
    "kana.not_full_width": (
        "全角カタカナで入力してください。",
        "Must be written in full-width katakana.",
    ),
    "kana.not_half_width": (
        "半角カナで入力してください。",
        "Must be written in half-width kana.",
    ),
    "kana.mark_without_base": (
        "濁点・半濁点の付かない文字に濁点・半濁点が付いています。",
        "A voicing mark follows a character that cannot take it.",
    ),
    # Identifiers
    "my_number.format": ("個人番号は12桁の数字です。", "A My Number has 12 digits."),
    "my_number.check_digit": (
        "個人番号の検査用数字が合いません。",
        "The check digit of the My Number does not match.",
    ),
    "my_number.repeated": (
        "同じ個人番号が2人に使われています。",
        "The same My Number is given for two people.",
    ),
    "corporate_number.format": (
        "法人番号は13桁の数字です。",
        "A corporate number has 13 digits.",
    ),
    "corporate_number.check_digit": (
        "法人番号の検査用数字が合いません。",
        "The check digit of the corporate number does not match.",
    ),
    "municipality_code.format": (
        "全国地方公共団体コードは6桁の数字です。",
        "A municipality code has six digits.",
    ),
    "municipality_code.prefecture": (
        "都道府県コードは01から47までです。",
        "The prefecture part must be 01 to 47.",
    ),
    "municipality_code.check_digit": (
        "全国地方公共団体コードの検査数字が合いません。",
        "The check digit of the municipality code does not match.",
    ),
    "resident_code.format": ("住民票コードは11桁の数字です。", "A resident code has 11 digits."),
    "resident_code.check_digit": (
        "住民票コードの検査数字が合いません。",
        "The check digit of the resident code does not match.",
    ),
    "insurer_number.format": (
        "保険者番号は6桁又は8桁の数字です。",
        "A medical insurer's number has six or eight digits.",
    ),
    "insurer_number.check_digit": (
        "保険者番号の検証番号が合いません。",
        "The check digit of the insurer's number does not match.",
    ),
    "postal_code.format": (
        "郵便番号はハイフンなしの7桁の数字です。",
        "A postal code has seven digits, without a hyphen.",
    ),
    "phone_number.format": (
        "電話番号は0で始まる10桁又は11桁の数字です(ハイフンなし)。",
        "A telephone number has 10 or 11 digits starting with 0, without hyphens.",
    ),
    "account_holder.format": (
        "口座名義は半角カナ(小さい文字を除く)、英大文字、数字及び記号で入力してください。",
        "An account holder is written in half-width kana (no small kana), capitals and digits.",
    ),
    # Dates
    "date.format": (
        "日付はYYYY-MM-DDの形式で入力してください。",
        "A date must have the form YYYY-MM-DD.",
    ),
    "date.not_in_calendar": ("暦にない日付です。", "The calendar has no such date."),
    "date.era_unknown": (
        "元号は明治・大正・昭和・平成・令和のいずれかです。",
        "The era must be one of 明治, 大正, 昭和, 平成 and 令和.",
    ),
    "date.era_format": (
        "和暦は「平成元年1月8日」の形式で入力してください。",
        "An era date must be written like 平成元年1月8日.",
    ),
    "date.before_era": (
        "その元号が始まる前の日付です。",
        "The date lies before the first day of the era.",
    ),
    "date.after_era": (
        "その元号が終わった後の日付です。",
        "The date lies after the last day of the era.",
    ),
    "date.era_mismatch": (
        "西暦の日付と和暦の日付が一致しません。",
        "The date and its era date are not the same day.",
    ),
    "date.unlikely": (
        "ありえない日付です。",
        "The date cannot be right for this field.",
    ),
    "date.reversed": (
        "期間の終わりが始まりより前になっています。",
        "The end lies before the beginning.",
    ),
    "date.in_the_future": (
        "提出日より後の日付は入力できません。",
        "The date lies after the day of submission.",
    ),
    "timestamp.format": (
        "日時は2026-11-20T09:30:00+09:00の形式(RFC 3339、時差付き)で入力してください。",
        "A time must be RFC 3339 with an offset, like 2026-11-20T09:30:00+09:00.",
    ),
    # Across fields
    "care.category_by_age": (
        "被保険者の区分が年齢と合いません(第1号は65歳以上、第2号は40歳以上65歳未満)。",
        "The category does not match the age: first from 65, second from 40 to 64.",
    ),
    "household.heads": (
        "世帯主は1人だけ指定してください。",
        "Exactly one member of the household must be its head.",
    ),
    "destination.other_municipality": (
        "宛先の団体コードが提出先の団体と異なります。",
        "The destination is not the municipality that the request was sent to.",
    ),
    # The envelope
    "procedure.format": (
        "手続は「分野/手続」の形式で指定してください。",
        "A procedure must be named area/procedure.",
    ),
    "application.not_supersedable": (
        "差し替えの対象となる申請がないか、すでに差し替えられています。",
        "There is no such application to supersede, or it was superseded already.",
    ),
    "receipt_number.format": (
        "受付番号は空白や制御文字を含まない1文字以上64文字以内の文字列です。",
        "A receipt number has 1 to 64 visible characters and no spaces.",
    ),
    "application_id.format": ("申請IDはUUIDです。", "An application id is a UUID."),
}
"""Code to Japanese and English sentence; parameters in braces."""
