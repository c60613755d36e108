import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.trace import ENTROPY_BYTES, TraceContext, new_trace, parse

IDS = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


@given(IDS, st.booleans())
def test_a_new_trace_is_read_back_as_it_was(entropy: bytes, sampled: bool) -> None:  # noqa: FBT001
    context = new_trace(entropy, sampled=sampled)

    assert parse(context.traceparent) == context


@given(st.text())
def test_what_is_no_traceparent_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True)]
)
def test_only_the_last_bit_says_that_it_is_sampled(flags: str, sampled: bool) -> None:  # noqa: FBT001
    context = parse(f"00-{'a' * 32}-{'b' * 16}-{flags}")

    assert context == TraceContext("a" * 32, "b" * 16, sampled)


@pytest.mark.parametrize(
    "text",
    [
        None,
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-01\r\nx: y",
        f"ff-{'a' * 32}-{'b' * 16}-01",
    ],
)
def test_what_the_standard_calls_invalid_is_ignored(text: str | None) -> None:
    assert parse(text) is None


def test_a_trace_is_made_of_24_bytes() -> None:
    with pytest.raises(ValueError, match="23"):
        new_trace(bytes(23))
    assert parse(new_trace(bytes(24)).traceparent) is not None
