"""Does ``send`` return and raise what really happened?"""

import asyncio
from typing import Final

from gateway.sdk import (
    DestinationUnavailableError,
    Receipt,
    RejectedError,
    ThrottledError,
    UnknownOutcomeError,
)
from gateway.testing.adapter_kit.bench import Bench, does_not_apply, fail, told
from gateway.testing.adapter_kit.peer import Fault
from gateway.testing.adapter_kit.samples import with_every_text

_LONGEST_REFERENCE: Final = 200
_WAIT_S: Final = 7.0
_TRIES: Final = 3
"""A check of time is done again before it is believed: the machine may have been busy."""

_TOLERANCE: Final = 1.1
"""Of the deadline: ten parts in a hundred."""

_SLACK_S: Final = 0.05
"""What a busy machine may take besides."""

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
        """Raise ``UnknownOutcomeError`` when an answer does not come: it may have arrived."""
        bench.needs(Fault.SILENT)
        async with bench.opened() as destination:
            await bench.behave(Fault.SILENT)
            result = await bench.send(destination, deadline_s=bench.deadline_s)
        if not isinstance(result, UnknownOutcomeError | TimeoutError):
            fail(f"An application that was taken without an answer came to {told(result)}.")

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
        faults = [fault for fault in _UNREADABLE if fault in bench.peer.faults]
        if not faults:
            does_not_apply("its peer gives no answers that could be unreadable")
        for fault in faults:
            async with bench.opened() as destination:
                await bench.behave(fault)
                result = await bench.send(destination, deadline_s=3 * bench.deadline_s)
            if not isinstance(result, UnknownOutcomeError | TimeoutError):
                fail(f"An answer that was {fault} came to {told(result)}.")

    async def test_deadline_is_kept(self, bench: Bench) -> None:
        """Wait for an answer as long as the deadline allows, and end when it has passed.

        Own timeouts come from the configuration; cleaning up after ``CancelledError`` is quick.
        """
        bench.needs(Fault.SILENT, Fault.SLOW)
        loop = asyncio.get_running_loop()
        deadline_s = bench.deadline_s
        async with bench.opened() as destination:
            for _ in range(_TRIES):
                await bench.behave(Fault.SLOW, seconds=deadline_s / 2)
                result = await bench.send(destination, deadline_s=2 * deadline_s)
                if isinstance(result, Receipt):
                    break
            else:
                fail(f"An answer after {deadline_s / 2:g} s of {2 * deadline_s:g} is not awaited.")
            await bench.behave(Fault.SILENT)
            took_s = 0.0
            for _ in range(_TRIES):
                began = loop.time()
                await bench.send(destination, deadline_s=deadline_s)
                took_s = loop.time() - began
                if took_s <= _TOLERANCE * deadline_s + _SLACK_S:
                    return
            fail(f"With a deadline of {deadline_s:g} s, send took {took_s:.2f} s.")
