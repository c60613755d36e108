import pytest

from gateway.domain.values import account_holder, kana

HALF = "ｦ･ｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝ"


@pytest.mark.parametrize(
    ("half", "full"),
    [
        ("ﾎｯｶｲﾄﾞｳ", "ホッカイドウ"),
        ("ｻｯﾎﾟﾛｼ", "サッポロシ"),
        ("ｳﾞｧﾝ ｺﾞｯﾎ", "ヴァン　ゴッホ"),
        ("ﾊﾟﾋﾟﾌﾟﾍﾟﾎﾟ", "パピプペポ"),
        ("ﾜﾞｦﾞ", "ヷヺ"),
        ("ｶﾞｷﾞｸﾞｹﾞｺﾞ", "ガギグゲゴ"),
    ],
)
def test_marks_compose_to_full_width_and_come_apart_to_half_width(half: str, full: str) -> None:
    assert kana.to_full(half) == full
    assert kana.to_half(full) == half


def test_every_half_width_kana_comes_back_unchanged() -> None:
    assert kana.to_half(kana.to_full(HALF)) == HALF


def test_a_mark_without_a_base_becomes_a_mark_of_its_own() -> None:
    assert kana.to_full("ｱﾞ") == "ア゛"
    assert kana.to_half("ア゛") == "ｱﾞ"


def test_nothing_but_kana_and_spaces_changes_width() -> None:
    # NFKC would write 昭和, 1, ABC and another ideograph here.
    assert kana.to_full("㍼①ＡB神") == "㍼①ＡB神"
    assert kana.to_half("㍼①ＡB神ヵヶヮヰヱ") == "㍼①ＡB神ヵヶヮヰヱ"


@pytest.mark.parametrize(
    "text", ["、。「」", "らーめん", "一ー", "東京　大阪", "カ゛ナ", "ヤマダ　花子", "JOHN SMITH"]
)
def test_what_is_no_katakana_keeps_its_width_and_its_marks(text: str) -> None:
    assert kana.to_full(text) == text
    assert kana.to_full(kana.to_half(text)) in {text, text.replace("カ゛", "ガ")}
    assert not set(kana.to_half(text)) & set(" ｡｢｣､ｰ") - set(text)


@pytest.mark.parametrize("text", ["ヱﾋﾞｽ", "ヵ", "ﾔﾏﾀﾞ ヰ 1"])
def test_katakana_without_a_half_width_are_left_among_the_others(text: str) -> None:
    assert kana.is_partly_half(text)
    assert not kana.is_partly_half(f"浜{text}")
    assert not kana.is_partly_half("ﾔﾏﾀﾞ A")


@pytest.mark.parametrize("text", ["ヤマダ", "ヴァン　アン", "マリー・アンヌ", "ヶ", "・ア"])
def test_full_width_katakana_are_full_width(text: str) -> None:
    assert kana.full_fault(text) is None


@pytest.mark.parametrize(
    "text", ["", "　", "ー", "・", "ﾔﾏﾀﾞ", "やまだ", "ヤマダ タロウ", "ヤマダ1", "ヤマダ\n"]
)
def test_other_text_is_not_full_width_katakana(text: str) -> None:
    assert kana.full_fault(text) == "kana.not_full_width"


@pytest.mark.parametrize("text", ["ﾔﾏﾀﾞ ﾀﾛｳ", "ｳﾞｧﾝ", "ﾎｯｶｲﾄﾞｳ", "ﾏﾘｰ･ｱﾝﾇ"])
def test_half_width_kana_are_half_width(text: str) -> None:
    assert kana.half_fault(text) is None


@pytest.mark.parametrize("text", ["", " ", "ヤマダ", "ﾔﾏﾀﾞ　ﾀﾛｳ", "ﾔﾏﾀﾞA", "ﾞ"])
def test_other_text_is_not_half_width_kana(text: str) -> None:
    assert kana.half_fault(text) == "kana.not_half_width"


@pytest.mark.parametrize("text", ["ｱﾞ", "ｶﾟ", "ﾝﾞ", "ｶ ﾞ", "ﾊﾞﾟ"])
def test_a_stray_mark_is_told_apart(text: str) -> None:
    assert kana.half_fault(text) == "kana.mark_without_base"


@pytest.mark.parametrize("holder", ["ﾔﾏﾀﾞ ﾀﾛｳ", "ｶ)ｶｹﾊｼ", "SMITH JOHN", "ﾔﾏﾀﾞ(ﾏﾘｱ)", "ｱ" * 30])
def test_an_account_holder_is_written_as_banks_do(holder: str) -> None:
    assert account_holder.fault(holder) is None


@pytest.mark.parametrize("holder", ["", "ヤマダ", "ｼﾞｬｯｸ", "smith", " ｱ", "ｱ" * 31, "ﾔﾏﾀﾞ　ﾀﾛｳ"])
def test_another_account_holder_is_refused(holder: str) -> None:
    assert account_holder.fault(holder) == "account_holder.format"


def test_an_account_holder_has_no_stray_marks() -> None:
    assert account_holder.fault("ｱﾞ") == "kana.mark_without_base"
