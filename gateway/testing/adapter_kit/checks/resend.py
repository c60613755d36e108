"""Is an application there once, whatever happens on the way and however often it is sent?"""

from dataclasses import replace
from typing import Final

from gateway.sdk import (
    Delivery,
    Destination,
    Idempotency,
    LooksUp,
    Receipt,
    RejectedError,
    TransientError,
)
from gateway.testing.adapter_kit.bench import (
    Bench,
    Result,
    claims_no_effect,
    does_not_apply,
    fail,
    told,
)
from gateway.testing.adapter_kit.peer import Fault, PeerOnALine
from gateway.testing.proxy import ProxiedLine

_CUTS: Final = (Fault.CUT, Fault.CUT_AFTER)
_TRIES: Final = 8
_DELIVERIES: Final = 20

_LOSSES: Final = ((0, False), (1, True), (200, False), (0, True), (1500, False), (40, True))
"""After how many bytes a line is cut, and whether of the answer's; one for each delivery."""


class ResendChecks:
    """Of sending again, as the runtime does: what claims no effect, and native doubts."""

    async def test_cut_makes_no_double(self, bench: Bench) -> None:
        """Raise ``UnknownOutcomeError`` for a connection that ends once anything was sent.

        Only what certainly never left may be a ``TransientError``: it is sent again blindly.
        """
        cuts = [fault for fault in _CUTS if fault in bench.faults]
        if not cuts:
            bench.lacks(*_CUTS)
        for fault in cuts:
            async with bench.opened() as destination:
                delivery = bench.delivery()
                await bench.behave(fault)
                first = await bench.send(destination, delivery)
                await bench.behave(Fault.NONE)
                if fault is Fault.CUT_AFTER and claims_no_effect(first):
                    fail(f"Cut off after it was taken, it came to {told(first)}: sent again.")
                if isinstance(first, Receipt):
                    fail(f"Whatever was sent was cut off ({fault}), and it came to a receipt.")
                await _resolved(bench, destination, delivery, first)
                times = len(bench.arrived(delivery.idempotency_key))
                if times > 1:
                    fail(f"Cut off ({fault}) and sent again, it arrived {times} times.")

    async def test_same_key_gives_the_same_receipt(self, bench: Bench) -> None:
        """Send the idempotency key along, so that the core system answers as before.

        If it has nothing like it, the manifest's ``idempotency`` is ``lookup`` or ``none``.
        """
        bench.needs_idempotency(Idempotency.NATIVE)
        async with bench.opened() as destination:
            delivery = bench.delivery()
            first = await bench.send(destination, delivery)
            again = await bench.send(destination, replace(delivery, attempt=2))
        if not isinstance(first, Receipt):
            fail(f"A first attempt came to {told(first)}.")
        if not isinstance(again, Receipt):
            fail(f"The same key came to a receipt, then to {told(again)}.")
        if first != again:
            fail("The same key came to a receipt, then to another one.")
        times = len(bench.arrived(delivery.idempotency_key))
        if times != 1:
            fail(f"The same key, sent twice, arrived {times} times.")

    async def test_lookup_finds_what_arrived(self, bench: Bench) -> None:
        """Let ``lookup`` return the receipt that ``send`` returned, and ``None`` for others.

        Asking has no effect. "Cannot tell" is a ``TransientError``, never ``None``.
        """
        bench.needs_idempotency(Idempotency.LOOKUP)
        async with bench.opened() as destination:
            if not isinstance(destination, LooksUp):
                fail("It promises lookup and has no method lookup.")
            delivery = bench.delivery()
            sent = await bench.send(destination, delivery)
            before = bench.peer.touched()
            try:
                key = delivery.idempotency_key
                found = await bench.ended(destination.lookup(key), "lookup")
                nothing = await bench.ended(destination.lookup(bench.new_key()), "lookup")
            except TransientError as error:
                fail(f"lookup cannot tell what became of a delivery: {told(error)}.")
        if not isinstance(sent, Receipt) or found != sent:
            fail(f"send came to {told(sent)}, lookup found {told(found)} that is not the same.")
        if nothing is not None:
            fail("lookup finds a delivery that was never sent.")
        if bench.peer.touched() != before:
            fail("lookup had an effect on the core system.")

    async def test_nothing_lost_on_a_lossy_line(self, bench: Bench) -> None:
        """Get every application through a line that breaks at any byte, each of them once."""
        peer = bench.peer
        if not isinstance(peer, PeerOnALine):
            does_not_apply("its peer is on no line that could break")
        with bench.watch.not_watching():
            line = await ProxiedLine.start(peer.port)
        try:
            async with bench.opened(peer.config_through(line.port)) as destination:
                for number in range(_DELIVERIES):
                    count, answers = _LOSSES[number % len(_LOSSES)]
                    line.cut_after(count, answers=answers)
                    delivery = bench.delivery()
                    first = await bench.send(destination, delivery)
                    result = await _resolved(bench, destination, delivery, first)
                    line.heal()
                    _judge(bench, delivery, result)
        finally:
            await line.close()


def _judge(bench: Bench, delivery: Delivery, result: Result | None) -> None:
    """Compare what the runtime would know of a delivery with what the peer has."""
    times = len(bench.arrived(delivery.idempotency_key))
    if times > 1:
        fail(f"On a line that breaks, one application arrived {times} times.")
    if result is None:
        return
    if not isinstance(result, Receipt):
        fail(f"On a line that breaks now and then, an application came to {told(result)}.")
    if times == 0:
        fail("On a line that breaks, an application has a receipt and did not arrive.")


async def _resolved(
    bench: Bench, destination: Destination, delivery: Delivery, result: Result
) -> Result | None:
    """Go on as the runtime does, until there is a receipt or a refusal.

    Returns:
        ``None`` if the delivery stays in doubt, for a person.
    """
    attempt = delivery.attempt
    for _ in range(_TRIES):
        if isinstance(result, Receipt | RejectedError):
            return result
        if not claims_no_effect(result) and bench.features.idempotency != Idempotency.NATIVE:
            if not isinstance(destination, LooksUp):
                return None
            try:
                lookup = destination.lookup(delivery.idempotency_key)
                found = await bench.ended(lookup, "lookup")
            except TransientError:
                continue
            if found is not None:
                return found
        attempt += 1
        result = await bench.send(destination, replace(delivery, attempt=attempt))
    return result
