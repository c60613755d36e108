"""Does the right thing arrive, with what belongs to it, and nothing in a dry run?"""

from dataclasses import replace
from functools import cache
from typing import Final

from gateway.schema.catalogue import Catalogue, load_catalogue
from gateway.sdk import Preview, Receipt
from gateway.testing.adapter_kit.bench import TRACE, Bench, does_not_apply, fail, told
from gateway.testing.adapter_kit.peer import Arrived
from gateway.testing.adapter_kit.samples import FIRST_KEY

_TRACE_ID: Final = TRACE.split("-")[1]
_SHOWN_BYTES: Final = 16


class ArrivalChecks:
    """Of what the core system gets."""

    async def test_dry_run_sends_nothing(self, bench: Bench) -> None:
        """Do everything but the effect, and return what would have been sent as ``preview``.

        A ``Preview`` has the bytes that arrive: people release a delivery by what it shows. A
        string is taken for words about them, and not compared.
        """
        if not bench.features.dry_run:
            does_not_apply("it has no dry run")
        delivery = bench.delivery(dry_run=True)
        async with bench.opened() as destination:
            before = bench.peer.touched()
            result = await bench.send(destination, delivery)
            if bench.peer.touched() != before:
                fail("A dry run had an effect on the core system.")
            if not isinstance(result, Receipt) or not result.preview:
                fail(f"A dry run came to {told(result)} without a preview.")
            shown = result.preview
            await bench.send(destination, replace(delivery, dry_run=False))
        arrivals = bench.arrived(delivery.idempotency_key)
        if isinstance(shown, Preview) and not all(_shows(shown, each) for each in arrivals):
            fail("What arrives is not what the preview of a dry run showed.")

    async def test_trace_is_forwarded(self, bench: Bench) -> None:
        """Send the idempotency key and ``delivery.traceparent`` where the protocol has a place.

        One without headers waives this check in its manifest.
        """
        async with bench.opened() as destination:
            delivery = bench.delivery(traceparent=TRACE)
            result = await bench.send(destination, delivery)
        key = delivery.idempotency_key
        arrivals = bench.arrived(key)
        if not isinstance(result, Receipt) or len(arrivals) != 1:
            fail(f"A delivery with a trace came to {told(result)} and arrived {len(arrivals)}x.")
        for arrived in arrivals:
            if not any(_TRACE_ID in value for value in arrived.headers.values()):
                fail("What arrives has no header with the trace of delivery.traceparent.")
            if key not in arrived.headers.values() and key.encode() not in arrived.data:
                fail("What arrives has the idempotency key in no header and nowhere else.")

    async def test_samples_arrive_as_written(self, bench: Bench) -> None:
        """Keep ``NAME.native.*`` beside each sample: byte for byte what arrives of it.

        Each version of a procedure that there is a sample of has one. When the mapping is
        meant to change, look at the difference, then write the file anew.
        """
        versions = {(sample.body["procedure"], sample.body["version"]) for sample in bench.samples}
        for procedure in _catalogue().procedures():
            known = {name for name, _ in versions}
            if procedure.name in known and (procedure.name, procedure.version) not in versions:
                fail(f"No sample is of {procedure.name} version {procedure.version}.")
        if all(sample.native is None for sample in bench.samples):
            fail("No sample says what arrives: put NAME.native.* beside NAME.message.json.")
        for sample in bench.samples:
            if sample.native is None:
                continue
            async with bench.opened(bench.config(sample)) as destination:
                delivery = bench.delivery()
                result = await bench.send(destination, delivery, sample.application())
            arrived = bench.arrived(delivery.idempotency_key)
            if not isinstance(result, Receipt) or len(arrived) != 1:
                fail(f"The sample {sample.name} came to {told(result)}; {len(arrived)} arrived.")
            key = delivery.idempotency_key.encode()
            written = arrived[0].data.replace(key, FIRST_KEY.encode())
            if written not in (sample.native, sample.native.removesuffix(b"\n")):
                fail(
                    f"What arrives of the sample {sample.name} is not its {sample.name}.native.*:\n"
                    f"{_difference(written, sample.native)}"
                )


def _difference(arrived: bytes, written: bytes) -> str:
    """Return where two byte strings part, and what follows in each."""
    pairs = enumerate(zip(arrived, written, strict=False))
    shorter = min(len(arrived), len(written))
    at = next((at for at, (one, other) in pairs if one != other), shorter)
    return "\n".join(
        f"  {name} from byte {at}: {each[at : at + _SHOWN_BYTES].hex(' ') or '(its end)'}"
        for name, each in (("arrived", arrived), ("native ", written))
    )


@cache
def _catalogue() -> Catalogue:
    return load_catalogue()


def _shows(preview: Preview, arrived: Arrived) -> bool:
    """Tell whether what arrived stands in a preview; peers note one without the other's frame."""
    shown, data = preview.content.strip(), arrived.data.strip()
    return data in shown or shown in data
