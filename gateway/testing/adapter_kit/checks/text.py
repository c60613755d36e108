"""Does every text arrive whole, or not at all?"""

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from gateway.formats.cp932 import UndecodableError, decode
from gateway.sdk import Destination, Receipt, RejectedError
from gateway.testing.adapter_kit.bench import Bench, fail, told
from gateway.testing.adapter_kit.peer import Arrived
from gateway.testing.adapter_kit.samples import with_text

_LARGEST: Final = 300_000
"""Characters of three bytes each: with the rest of it the 1 MiB that the gateway accepts."""

_PLAIN: Final = "a plain text"
_EMPTY: Final = "no text at all"

TEXTS: Final[Mapping[str, str]] = {
    _PLAIN: "鴨川",
    "characters of Windows-31J that JIS X 0208 lacks": "髙﨑①㈱",
    "a character beyond the first plane": "𠮷野",
    "a variation selector": "邉\U000e0104",
    "characters that normalising changes": "\ufa19\ufa1b",  # 神, 福 as in the register
    "a sound mark of its own": "か\u3099",
    "half-width kana": "ﾀﾞｲｺﾞ",
    "a NUL": "東\x00京",
    "a line break": "東\r\n京",
    "what other formats escape": "<&\"',;\\>",
    _EMPTY: "",
    "the largest text": "鬱" * _LARGEST,
}

_BLANKS: Final = " \u3000"
_AROUND: Final = 8
"""Characters beside a text by which its place is known again; farther off may be a number."""

_EMPTY_ELEMENT: Final = re.compile(r"<([^\s/>]+)([^>]*?)\s*/>")


class TextChecks:
    """Of texts that systems spoil."""

    async def test_hostile_text_arrives_whole(self, bench: Bench) -> None:
        """Deliver a text as it is, or raise ``RejectedError``; never ``?``, 〓 or less of it.

        A name that was changed on the way is a wrong name in a register. Encode strictly.
        """
        async with bench.opened() as destination:
            arrivals = {what: await _sent(bench, destination, what) for what in TEXTS}
        if not any(arrivals.values()):
            fail("Every text is refused, the plainest too.")
        plain, empty = arrivals[_PLAIN], arrivals[_EMPTY]
        if plain and empty and not _lacks_only(empty, plain, TEXTS[_PLAIN]):
            fail(
                f"An application with {_EMPTY} has a receipt, and what arrived has something "
                "else in its place, or less around it."
            )


async def _sent(bench: Bench, destination: Destination, what: str) -> Arrived | None:
    """Send an application with a text; return what arrived of it, ``None`` if it is refused."""
    text = TEXTS[what]
    try:
        application = with_text(bench.application(), bench.text_pointer, text)
    except (KeyError, IndexError, TypeError):
        fail(f"The first sample has no text at {bench.text_pointer}: set text_pointer.")
    delivery = bench.delivery()
    result = await bench.send(destination, delivery, application)
    arrived = bench.arrived(delivery.idempotency_key)
    if isinstance(result, RejectedError) and not arrived:
        return None
    if not isinstance(result, Receipt):
        came = "and it arrived" if arrived else "which is neither a receipt nor a refusal"
        fail(f"An application with {what} came to {told(result)}, {came}.")
    holding = [each for each in arrived if _holds(each, text)]
    if not holding:
        fail(f"An application with {what} has a receipt and arrived changed.")
    return holding[0]


def _holds(arrived: Arrived, text: str) -> bool:
    """Tell whether a reader of what arrived sees ``text``."""
    readings = _readings(arrived)
    written = (
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        escape(text),
        escape(text, {'"': "&quot;", "'": "&apos;"}),
        text.replace('"', '""'),
    )
    return any(each in reading for reading in readings for each in written)


def _lacks_only(empty: Arrived, plain: Arrived, text: str) -> bool:
    """Tell whether ``empty`` has blanks or nothing where ``plain`` has ``text``."""
    pairs = zip(_unkeyed(empty), _unkeyed(plain), strict=False)
    return any(_without(one, other, text) for one, other in pairs if text in other)


def _without(empty: str, plain: str, text: str) -> bool:
    before, _, after = plain.partition(text)
    before, after = before.rstrip(_BLANKS), after.lstrip(_BLANKS)
    around = re.escape(before[-_AROUND:]), re.escape(after[:_AROUND])
    return re.search(f"[{_BLANKS}]*".join(around), empty) is not None


def _unkeyed(arrived: Arrived) -> list[str]:
    """Return the readings without the key, and with empty elements of XML written in full."""
    readings = [reading.replace(arrived.key, "") for reading in _readings(arrived)]
    return [_EMPTY_ELEMENT.sub(r"<\1\2></\1>", reading) for reading in readings]


def _readings(arrived: Arrived) -> list[str]:
    if arrived.text is not None:
        return [arrived.text]
    data = arrived.data
    readings = [data.decode(encoding, "replace") for encoding in ("utf-8", "utf-16")]
    with contextlib.suppress(UndecodableError):
        readings.append(decode(data))
    return readings
