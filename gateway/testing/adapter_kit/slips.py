"""What an adapter lets slip: log lines, errors and prints, and in which spellings to look."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Final
from urllib.parse import quote, quote_plus

import structlog

from gateway.formats.cp932 import UnmappableError, encode

_LEAST_ENCODED: Final = 6
"""A shorter piece of base64 or hex turns up by chance."""

_BASE64_BITS: Final = 6
"""Of a character (RFC 4648, 4)."""

_BYTE_BITS: Final = 8


class Slips:
    """Everything that an adapter shows to whoever reads logs, terminals and errors."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._shown = io.StringIO()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep every print and log line, structlog's and the standard library's, ``DEBUG`` too.

        A level is changed in the configuration when something is wrong, which is when people
        send logs around.
        """
        root = logging.getLogger()
        handler = logging.StreamHandler(self._shown)
        level = root.level
        configuration = structlog.get_config()
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET))
        try:
            with (
                redirect_stdout(self._shown),
                redirect_stderr(self._shown),
                structlog.testing.capture_logs() as lines,
            ):
                try:
                    yield
                finally:
                    self._shown.writelines(f"{line!r}\n" for line in lines)
        finally:
            structlog.configure(**configuration)
            root.removeHandler(handler)
            root.setLevel(level)

    def add(self, text: str) -> None:
        """Keep a text that was shown otherwise."""
        self._shown.write(f"{text}\n")

    def first_of(self, values: list[str]) -> str | None:
        """Return the first of ``values`` that was shown in any spelling, or ``None``."""
        shown = self._shown.getvalue()
        return next((each for each in values if any(one in shown for one in spellings(each))), None)


def spellings(value: str) -> set[str]:
    """Return how ``value`` looks as text, as JSON, in a URL, and as bytes that a log shows.

    Bytes are UTF-8, CP932 and UTF-16, as Python writes them, in hex and in base64 at any place
    of a longer text (``Authorization: Basic``).
    """
    found = {value, repr(value)[1:-1], ascii(value)[1:-1], json.dumps(value)[1:-1]}
    found |= {json.dumps(value, ensure_ascii=False)[1:-1], quote_plus(value)}
    for encoded in _encoded(value):
        found |= {repr(encoded)[2:-1], quote(encoded, safe="")}
        pieces = {encoded.hex(), encoded.hex(" "), *_in_base64(encoded)}
        found |= {piece for piece in pieces if len(piece) >= _LEAST_ENCODED}
    return found - {""}


def _encoded(value: str) -> Iterator[bytes]:
    yield value.encode()
    yield value.encode("utf-16-le")
    yield value.encode("utf-16-be")
    with suppress(UnmappableError):
        yield encode(value)
    with suppress(UnicodeEncodeError):
        yield value.encode("cp932")  # has other codes for some characters, see formats.cp932


def _in_base64(encoded: bytes) -> Iterator[str]:
    """Yield the characters that depend on ``encoded`` alone, for each place in a group of three."""
    for before in range(3):
        bits = _BYTE_BITS * before, _BYTE_BITS * (before + len(encoded))
        first, end = -(-bits[0] // _BASE64_BITS), bits[1] // _BASE64_BITS
        for spell in (base64.b64encode, base64.urlsafe_b64encode):
            yield spell(b"\x00" * before + encoded).decode()[first:end]
