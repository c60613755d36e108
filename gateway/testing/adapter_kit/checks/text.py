"""Does every text arrive whole, or not at all?"""

import contextlib
import json
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from gateway.formats.cp932 import UndecodableError, decode
from gateway.sdk import Receipt, TransientError
from gateway.testing.adapter_kit.bench import Bench, fail, told
from gateway.testing.adapter_kit.peer import Arrived
from gateway.testing.adapter_kit.samples import with_text

_LARGEST: Final = 300_000
"""Characters of three bytes each: with the rest of it the 1 MiB that the gateway accepts."""

TEXTS: Final[Mapping[str, str]] = {
    "characters of Windows-31J that JIS X 0208 lacks": "髙﨑①㈱",
    "a character beyond the first plane": "𠮷野",
    "a variation selector": "邉\U000e0104",
    "half-width kana": "ﾀﾞｲｺﾞ",
    "a NUL": "東\x00京",
    "a line break": "東\r\n京",
    "what other formats escape": "<&\"',;\\>",
    "no text at all": "",
    "the largest text": "鬱" * _LARGEST,
}


class TextChecks:
    """Of texts that systems spoil."""

    async def test_hostile_text_arrives_whole(self, bench: Bench) -> None:
        """Deliver a text as it is, or raise ``RejectedError``; never ``?``, 〓 or less of it.

        A name that was changed on the way is a wrong name in a register. Encode strictly.
        """
        async with bench.opened() as destination:
            for what, text in TEXTS.items():
                try:
                    application = with_text(bench.application(), bench.text_pointer, text)
                except (KeyError, IndexError, TypeError):
                    fail(f"The first sample has no text at {bench.text_pointer}: set text_pointer.")
                delivery = bench.delivery()
                result = await bench.send(destination, delivery, application)
                arrived = bench.arrived(delivery.idempotency_key)
                if isinstance(result, Receipt):
                    if not any(_holds(each, text) for each in arrived):
                        fail(f"An application with {what} has a receipt and arrived changed.")
                elif arrived:
                    fail(f"An application with {what} came to {told(result)}, and it arrived.")
                elif isinstance(result, TransientError):
                    fail(f"An application with {what} came to {told(result)}: sent again in vain.")


def _holds(arrived: Arrived, text: str) -> bool:
    """Tell whether a reader of what arrived sees ``text``."""
    readings = [arrived.text] if arrived.text is not None else _readings(arrived.data)
    written = (
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        escape(text),
        escape(text, {'"': "&quot;", "'": "&apos;"}),
        text.replace('"', '""'),
    )
    return any(each in reading for reading in readings for each in written)


def _readings(data: bytes) -> list[str]:
    readings = [data.decode(encoding, "replace") for encoding in ("utf-8", "utf-16")]
    with contextlib.suppress(UndecodableError):
        readings.append(decode(data))
    return readings
