"""What the demo sends: invented residents, and three applications that must be refused."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.schema.catalogue import Catalogue

MUNICIPALITY: Final = "131016"

_RESIDENTS: Final = (
    # 氏, 名, 氏カナ, 名カナ, 町名, 番地
    ("髙﨑", "健一", "タカサキ", "ケンイチ", "九段南一丁目", "２番１号"),
    ("德永", "みどり", "トクナガ", "ミドリ", "神田錦町三丁目", "１１番地"),
    ("渡邊", "陽子", "ワタナベ", "ヨウコ", "麹町四丁目", "５番２号"),
    ("濵田", "浩二", "ハマダ", "コウジ", "富士見二丁目", "１０番"),
    ("五十嵐", "さくら", "イガラシ", "サクラ", "外神田六丁目", "３番８号"),
    ("神谷", "誠", "カミヤ", "マコト", "岩本町二丁目", "７番１２号"),
    ("齋藤", "由紀", "サイトウ", "ユキ", "飯田橋一丁目", "８番"),
)
_MY_NUMBERS: Final = (
    # From published lists of test numbers; their check digits are valid.
    "614106526000",
    "450817747707",
    "060122228102",
    "362473502703",
    "467430101604",
    "763727588705",
    "734220726006",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request of the demo.

    Attributes:
        receipt_number: 受付番号.
        procedure: ``area/procedure``.
        title: Its official Japanese name.
        body: The request's bytes.
        is_good: Whether it should be accepted.
    """

    receipt_number: str
    procedure: str
    title: str
    body: bytes
    is_good: bool = True


def samples(catalogue: Catalogue) -> Sequence[Sample]:
    """Return 21 good applications of three procedures with 3 bad ones among them."""
    good = list(_good(catalogue))
    bad = list(_bad(good))
    return [*good[:5], bad[0], *good[5:12], bad[1], *good[12:], bad[2]]


def _good(catalogue: Catalogue) -> Iterator[Sample]:
    for procedure in catalogue.procedures():
        area = procedure.name.partition("/")[0]
        for index, resident in enumerate(_RESIDENTS, start=1):
            number = f"{area[:2].upper()}-2026-{index:06}"
            document = _document(procedure.example, number)
            _move_in(document["applicant"]["person"], resident, _MY_NUMBERS[index - 1])
            yield Sample(
                receipt_number=number,
                procedure=procedure.name,
                title=procedure.title["ja"],
                body=_bytes(document),
            )


def _document(example: Mapping[str, Any], number: str) -> dict[str, Any]:
    document = copy.deepcopy(dict(example))
    document["receipt_number"] = number
    document["applicant"]["destination"] = {
        "municipality_code": MUNICIPALITY,
        "addressee": "千代田区長",
    }
    return document


def _move_in(person: dict[str, Any], resident: Sequence[str], my_number: str) -> None:
    family, given, family_kana, given_kana, town, block = resident
    person["name"] = {
        "family": family,
        "given": given,
        "family_kana": family_kana,
        "given_kana": given_kana,
    }
    person["address"] = {
        "postal_code": "1020074",
        "prefecture": "東京都",
        "city": "千代田区",
        "town": town,
        "block": block,
    }
    if "my_number" in person:
        person["my_number"] = my_number


def _bad(good: Sequence[Sample]) -> Iterator[Sample]:
    """Yield a mistyped My Number and an impossible era, missing fields, and a double."""
    by_area = {sample.procedure.partition("/")[0]: sample for sample in good}
    childcare = json.loads(by_area["childcare"].body)
    childcare["receipt_number"] = "CH-2026-000098"
    childcare["applicant"]["person"]["my_number"] = "614106526001"
    childcare["content"]["children"][0]["birth_date_era"] = "平成32年5月1日"
    yield _like(by_area["childcare"], childcare)
    care = json.loads(by_area["care"].body)
    care["receipt_number"] = "CA-2026-000099"
    del care["content"]["doctor"]
    care["content"]["insured"]["number"] = "12345"
    yield _like(by_area["care"], care)
    disaster = json.loads(by_area["disaster"].body)
    disaster["content"]["copies"] = 1 + int(disaster["content"].get("copies", 1))
    yield _like(by_area["disaster"], disaster)


def _like(sample: Sample, document: Mapping[str, Any]) -> Sample:
    return Sample(
        receipt_number=str(document["receipt_number"]),
        procedure=sample.procedure,
        title=sample.title,
        body=_bytes(document),
        is_good=False,
    )


def _bytes(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
