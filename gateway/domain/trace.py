"""W3C trace context: which trace something belongs to, and what in it caused it.

The form is ``traceparent`` of W3C Trace Context, version 00 (section 3.2): 32 hexadecimal
digits of the trace, 16 of the span that caused this, and whether that span is recorded.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_FORM: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
"""Ids of zeros only are invalid (3.2.2.3, 3.2.2.4)."""
_LENGTH: Final = 55
"""Of the form; whatever is longer is not kept in memory either."""
_REMEMBERED: Final = 1024
"""How many are read once for the several spans and lines that ask for them."""
_SAMPLED: Final = 1
_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8
ENTROPY_BYTES: Final = _TRACE_BYTES + _SPAN_BYTES
"""How many random bytes a new trace is made of."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One place in a trace.

    Attributes:
        trace_id: 32 hexadecimal digits, in lower case, not all zero.
        span_id: 16 of the same.
        sampled: Whether whoever made it recorded it.
    """

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The header's value."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


def parse(text: str | None) -> TraceContext | None:
    """Return what ``text`` says; ``None`` if it is no ``traceparent`` of version 00.

    A wrong one is no error: the standard has it ignored, and a new trace begun (4.3).
    """
    return None if text is None or len(text) != _LENGTH else _parsed(text)


@lru_cache(_REMEMBERED)
def _parsed(text: str) -> TraceContext | None:
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    return TraceContext(match[1], match[2], bool(int(match[3], 16) & _SAMPLED))


def new_trace(entropy: bytes, *, sampled: bool = False) -> TraceContext:
    """Return a place in a trace that nobody has begun yet.

    Args:
        entropy: 24 random bytes.
        sampled: Whether it is recorded.

    Raises:
        ValueError: ``entropy`` is not 24 bytes long.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(len(entropy))
    # Never all zero, whatever chance says.
    trace, span = entropy[:_TRACE_BYTES], entropy[_TRACE_BYTES:]
    return TraceContext(
        trace.hex() if any(trace) else "1".zfill(2 * _TRACE_BYTES),
        span.hex() if any(span) else "1".zfill(2 * _SPAN_BYTES),
        sampled,
    )
