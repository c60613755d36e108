"""The frame of a batch file that a core system wrote: header, trailer and their counts.

A file cut off in the middle, or put together of two, must not be read as if it were whole:
who looks only at the lines that are there takes half a file for a small one.
"""

import re
from collections.abc import Sequence
from typing import Final

_END_OF_FILE: Final = b"\x1a"
_COUNT: Final = re.compile(r" *0*[0-9]{1,9} *")
"""More records are in no file; Python refuses to read numbers of thousands of digits."""


def unframed(
    content: bytes, codec: str, *, header: str | None, trailer: str | None
) -> tuple[bytes, tuple[int, ...]] | str:
    """Return the lines between header and trailer and what these two count, or the fault.

    Args:
        content: A file of lines, ended by LF or CR LF.
        codec: Python's name of the encoding, for the two lines.
        header: Regular expression of the whole first line, ``None`` if there is none; its
            group ``count`` is a number of records.
        trailer: The same of the last line.

    Returns:
        The fault is ``batch.header_missing``, ``batch.trailer_missing`` or
        ``batch.count_malformed``.
    """
    lines = content.removesuffix(_END_OF_FILE).splitlines(keepends=True)
    counts = []
    for pattern, place, fault in (
        (header, 0, "batch.header_missing"),
        (trailer, -1, "batch.trailer_missing"),
    ):
        if pattern is None:
            continue
        line = lines.pop(place).decode(codec, "replace").rstrip("\r\n") if lines else ""
        match = re.fullmatch(pattern, line)
        if match is None:
            return fault
        count = match.groupdict().get("count")
        if count is not None:
            if _COUNT.fullmatch(count) is None:
                return "batch.count_malformed"
            counts.append(int(count))
    return b"".join(lines), tuple(counts)


def count_fault(records: int, counts: Sequence[int]) -> str | None:
    """Return ``batch.count_differs`` if any of ``counts`` is not the number of records."""
    return "batch.count_differs" if any(count != records for count in counts) else None
