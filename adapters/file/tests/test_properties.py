"""Whatever an applicant is called, and whatever is written in which order."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.file.batches import BatchFolder, Entry
from adapters.file.client import STATE_FOLDER, DropFolder
from adapters.file.config import FileConfig
from adapters.file.mapping import file_bytes
from gateway.formats.charset import decode
from gateway.sdk import JST, RejectedError
from gateway.testing.adapter_kit.samples import FIRST_KEY, samples_in, with_text

SAMPLES = Path(__file__).parent.parent / "samples"
LAYOUTS = [
    sample
    for folder in (SAMPLES, SAMPLES / "batch", SAMPLES / "xml", SAMPLES / "jsonl")
    for sample in samples_in(folder)
]
NAMES = {
    "care/certification-claim": "/content/insured/name/family",
    "childcare/allowance-claim": "/applicant/person/name/family",
    "disaster/damage-certificate": "/applicant/person/name/family",
}
WAVE_DASHES = str.maketrans("〜−‖—¢£¬", "～－∥―￠￡￢")
ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))

texts = st.one_of(
    st.sampled_from(
        (
            "髙﨑①㈱",
            "𠮷",
            "葛\U000e0100",
            "辻\ufe00",
            "ﾊﾏｻﾞｷ",
            "\x00",
            "",
            "〜",
            "\ue000",
            "亜" * 999,
        )
    ),
    st.text(max_size=12),
)


@given(layout=st.sampled_from(LAYOUTS), text=texts)
@example(layout=LAYOUTS[0], text="髙﨑①㈱")
def test_a_name_stands_in_the_file_as_it_is_or_is_refused_with_its_field(
    layout: object, text: str
) -> None:
    sample = next(each for each in LAYOUTS if each is layout)
    config = FileConfig.model_validate(sample.config)
    pointer = NAMES[sample.body["procedure"]]
    refusals = []
    content = b""

    try:
        content = file_bytes(with_text(sample.application(), pointer, text), FIRST_KEY, config)
    except RejectedError as error:
        refusals.append((error.reason.partition(":")[0], error.pointer))

    if refusals:
        [(reason, where)] = refusals
        assert reason in {
            "field.missing",
            "text.control_character",
            "text.line_break",
            "text.padding_uneven",
            "text.too_long",
            "text.unmappable",
        }
        assert where == pointer
        return
    written = decode(content, config.records.encoding)
    assert written is not None
    if config.xml is not None:
        for plain, escaped in ESCAPES:
            text = text.replace(plain, escaped)
    elif config.csv is not None:
        text = text.replace('"', '""')
    elif config.jsonl is not None:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    as_read = text.translate(WAVE_DASHES) if config.records.encoding == "cp932" else text
    assert as_read in written


keys = st.lists(st.integers(0, 7), max_size=4)
steps = st.lists(
    st.one_of(keys, st.sampled_from(("empty", "restart", "take", "tomorrow"))), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(steps=steps)
def test_whatever_happens_in_between_each_key_is_in_one_file_and_no_number_is_missing(
    steps: list[list[int] | str],
) -> None:
    config = FileConfig.model_validate(
        {
            "folder": "unused",
            "format": "jsonl",
            "jsonl": {"members": [{"name": "key", "pointer": "/key"}]},
            "batch": {"file_name": "{sequence}"},
        }
    )
    with tempfile.TemporaryDirectory() as base:
        drop = DropFolder(Path(base) / "drop", suffix=".jsonl")
        drop.open(Path(base) / "id")
        folder = BatchFolder(drop, config.records, config.batch)
        day = datetime.now(JST)
        taken: dict[str, list[str]] = {}
        asked: set[str] = set()

        def take() -> None:
            for path in sorted(drop.folder.iterdir()):
                if path.name != STATE_FOLDER:
                    taken[path.name] = path.read_text().splitlines()
                    path.unlink()

        for step in steps:
            match step:
                case "empty":
                    folder.put_empty(day)
                case "restart":
                    folder = BatchFolder(drop, config.records, config.batch)
                case "take":
                    take()
                case "tomorrow":
                    day += timedelta(days=1)
                case numbers:
                    chosen = [f"0193453a-0000-7000-8000-00000000000{number}" for number in numbers]
                    asked |= set(chosen)
                    soon = datetime.now(UTC) + timedelta(minutes=1)
                    folder.put([Entry(key, {"key": key}, soon) for key in chosen])
        take()

    lines = [line for content in taken.values() for line in content]
    assert sorted(lines) == sorted(f'{{"key":"{key}"}}' for key in asked)
    assert sorted(taken) == [f"{number:06}.jsonl" for number in range(1, len(taken) + 1)]
