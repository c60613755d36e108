"""Does ``send`` return and raise what really happened?"""

import asyncio
from typing import Final

from pydantic import ValidationError

from gateway.sdk import (
    Destination,
    DestinationUnavailableError,
    Receipt,
    RejectedError,
    ThrottledError,
    UnknownOutcomeError,
)
from gateway.testing.adapter_kit.bench import (
    Bench,
    OutOfTimeError,
    claims_no_effect,
    fail,
    told,
)
from gateway.testing.adapter_kit.peer import Fault
from gateway.testing.adapter_kit.samples import with_every_text

_LONGEST_REFERENCE: Final = 200
_WAIT_S: Final = 7.0
_TRIES: Final = 3
"""A check of time is done again before it is believed: the machine may have been busy."""

_TOLERANCE: Final = 0.15
"""How late a send may end, as a part of the deadline."""

_LATE: Final = 0.85
"""When an answer comes that is still awaited, as a part of the deadline."""

_CLOCKS_S: Final = 0.02
"""By how much a timer may go off early."""

_HASTE: Final = 0.3
"""A small timeout, as a part of the deadline."""

_TIMEOUT: Final = "timeout_s"

_UNREADABLE: Final = (Fault.GARBLED, Fault.TRUNCATED, Fault.EMPTY)
_NO_TEXT: Final = "\ud842"
"""Half of a surrogate pair: JSON can say it, no encoding can (RFC 8259, 8.2)."""


class OutcomeChecks:
    """Of what one send comes to."""

    async def test_valid_sample_gets_a_reference(self, bench: Bench) -> None:
        """Return a ``Receipt`` with the core system's own number, or else a file's name.

        It is what operators ask the core system's people about; 1 to 200 printable characters.
        """
        for sample in bench.samples:
            async with bench.opened(bench.config(sample)) as destination:
                delivery = bench.delivery()
                result = await bench.send(destination, delivery, sample.application())
            if not isinstance(result, Receipt):
                fail(f"The sample {sample.name} came to {told(result)}.")
            reference = result.reference or ""
            if not 0 < len(reference) <= _LONGEST_REFERENCE or not reference.isprintable():
                fail(f"The receipt of the sample {sample.name} has no usable reference.")
            if not bench.arrived(delivery.idempotency_key):
                fail(f"The sample {sample.name} has a receipt, and the peer does not have it.")

    async def test_unmappable_is_rejected(self, bench: Bench) -> None:
        """Map and encode everything before the first byte is sent; raise ``RejectedError``.

        What cannot be written today cannot be written tomorrow, so it is no ``TransientError``.
        """
        unmappable = with_every_text(bench.application(), lambda text: text + _NO_TEXT)
        async with bench.opened() as destination:
            before = bench.peer.touched()
            result = await bench.send(destination, application=unmappable)
            if not isinstance(result, RejectedError) or not result.reason:
                fail(f"An application that cannot be encoded came to {told(result)}.")
            if bench.peer.touched() != before:
                fail("Something of an application that was rejected reached the core system.")

    async def test_silence_is_unknown(self, bench: Bench) -> None:
        """Raise ``UnknownOutcomeError`` when an answer does not come: it may have arrived.

        So it is when a timeout of your own ends the wait: catch ``TimeoutError``. The kit makes
        every field of the configuration that ends in ``timeout_s`` small and tries it.
        """
        bench.needs(Fault.SILENT)
        await bench.behave(Fault.SILENT)
        async with bench.opened() as destination:
            await _silent_send(bench, destination, bench.deadline_s, "")
        hasty = _with_small_timeouts(bench)
        if hasty is not None:
            async with bench.opened(hasty) as destination:
                await _silent_send(bench, destination, bench.patience_s, " of its own timeout")

    async def test_unreachable_is_unavailable(self, bench: Bench) -> None:
        """Raise ``DestinationUnavailableError`` when no connection comes about.

        Nothing was sent, so the delivery waits without being counted or in doubt.
        """
        bench.needs(Fault.REFUSING)
        async with bench.opened() as destination:
            await bench.behave(Fault.REFUSING)
            result = await bench.send(destination)
            if not isinstance(result, DestinationUnavailableError):
                fail(f"A core system that cannot be reached came to {told(result)}.")

    async def test_retry_after_is_kept(self, bench: Bench) -> None:
        """Raise ``ThrottledError`` with the seconds that the core system asks for."""
        bench.needs(Fault.BUSY)
        async with bench.opened() as destination:
            await bench.behave(Fault.BUSY, seconds=_WAIT_S)
            result = await bench.send(destination)
        if not isinstance(result, ThrottledError):
            fail(f"A core system that is busy came to {told(result)}.")
        wait_s = result.retry_after_s
        if wait_s is None or not _WAIT_S - 2 <= wait_s <= _WAIT_S + 1:
            fail(f"Asked to wait {_WAIT_S:g} s, retry_after_s is {wait_s}.")

    async def test_refusal_has_code_and_pointer(self, bench: Bench) -> None:
        """Raise ``RejectedError`` with the core system's code and the pointer to the field.

        Both stand in the operator's list of parked deliveries: they are what is mended.
        """
        bench.needs(Fault.REFUSE)
        code, pointer = bench.peer.refusal
        async with bench.opened() as destination:
            await bench.behave(Fault.REFUSE)
            result = await bench.send(destination)
        if not isinstance(result, RejectedError):
            fail(f"A definite refusal came to {told(result)}.")
        if (result.reason, result.pointer) != (code, pointer):
            fail(
                f"The refusal {code} at {pointer} came to code {result.reason}, "
                f"pointer {result.pointer}."
            )

    async def test_unreadable_answer_is_unknown(self, bench: Bench) -> None:
        """Raise ``UnknownOutcomeError`` for an answer that is garbled, cut off or empty.

        A receipt needs an answer that says so; an attempt at reading it is no answer.
        """
        faults = [fault for fault in _UNREADABLE if fault in bench.faults]
        if not faults:
            bench.lacks(*_UNREADABLE)
        for fault in faults:
            async with bench.opened() as destination:
                await bench.behave(fault)
                result = await bench.send(destination, deadline_s=3 * bench.deadline_s)
            if not isinstance(result, UnknownOutcomeError | OutOfTimeError):
                fail(f"An answer that was {fault} came to {told(result)}.")

    async def test_deadline_is_kept(self, bench: Bench) -> None:
        """Wait for an answer as long as the deadline allows, and end when it has passed.

        Own timeouts come from the configuration; cleaning up after ``CancelledError`` is quick.
        """
        bench.needs(Fault.SILENT, Fault.SLOW)
        loop = asyncio.get_running_loop()
        deadline_s = bench.deadline_s
        async with bench.opened() as destination:
            answer_s = _LATE * deadline_s
            await bench.behave(Fault.SLOW, seconds=answer_s)
            began = loop.time()
            result = await bench.send(destination, deadline_s=deadline_s)
            took_s = loop.time() - began
            # That it ended too early is no slow machine's fault, whatever else is.
            if took_s < answer_s - _CLOCKS_S and isinstance(result, Receipt):
                fail(
                    f"A receipt came after {took_s:.2f} s from a peer that is slow: {answer_s:g} s."
                )
            if took_s < answer_s - _CLOCKS_S:
                fail(
                    f"With {deadline_s:g} s until the deadline, it gave up after {took_s:.2f} s: "
                    f"{told(result)}."
                )
            await bench.behave(Fault.SILENT)
            late_s = 0.0
            for _ in range(_TRIES):
                late_s = await _late_s(bench, destination)
                if late_s <= _TOLERANCE * deadline_s:
                    return
            fail(f"With a deadline of {deadline_s:g} s, send ended {late_s:.2f} s after it.")


async def _silent_send(
    bench: Bench, destination: Destination, deadline_s: float, because: str
) -> None:
    """Send to a peer that takes everything and says nothing."""
    delivery = bench.delivery()
    for _ in range(_TRIES):
        result = await bench.send(destination, delivery, deadline_s=deadline_s)
        if isinstance(result, UnknownOutcomeError | OutOfTimeError):
            return
        if not claims_no_effect(result) or bench.arrived(delivery.idempotency_key):
            break  # else a busy machine was too slow for a timeout that is small
    else:
        return
    fail(f"An application that was taken without an answer came to {told(result)}{because}.")


def _with_small_timeouts(bench: Bench) -> dict[str, object] | None:
    """Return a configuration whose timeouts end long before the deadline; ``None`` without any."""
    config = bench.config(bench.samples[0])
    fields = bench.spec.config.model_json_schema().get("properties", {})
    least = {
        name: max(_HASTE * bench.deadline_s, field.get("minimum", 0))
        for name, field in fields.items()
        if name.endswith(_TIMEOUT) and field.get("type") == "number"
    }
    hasty = {**config, **least}
    try:
        bench.construct(hasty)
    except ValidationError:
        return None
    return hasty if least else None


async def _late_s(bench: Bench, destination: Destination) -> float:
    """Return how long after its deadline a send ended, as a clock beside it saw the deadline."""
    loop = asyncio.get_running_loop()

    async def until_deadline() -> float:
        await asyncio.sleep(bench.deadline_s)
        return loop.time()

    async def ended() -> float:
        await bench.send(destination, deadline_s=bench.deadline_s)
        return loop.time()

    deadline, end = await asyncio.gather(until_deadline(), ended())
    return end - deadline
