"""Where an adapter is tested: everything that one check needs, and nothing of another's."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import pytest

from gateway.domain.errors import KakehashiError
from gateway.drivers.discovery import Features, Manifest
from gateway.sdk import (
    AdapterSpec,
    Application,
    Context,
    Delivery,
    Destination,
    Idempotency,
    Receipt,
    TransientError,
)
from gateway.testing.adapter_kit.peer import FOR_EVER, Arrived, Fault, Peer
from gateway.testing.adapter_kit.samples import FIRST_KEY, Sample
from gateway.testing.adapter_kit.slips import Slips
from gateway.testing.adapter_kit.watch import PATIENCE_S, Watch

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""A W3C trace context (Trace Context, 3.2), the one of its examples."""

_KIT: Final = Path(__file__).parent

_Value = TypeVar("_Value")

Result = Receipt | Exception


class OutOfTimeError(Exception):
    """The kit itself ended a send at its deadline; what an adapter raises is its own."""


def fail(sentence: str) -> NoReturn:
    """End the check: this is what is wrong with the adapter."""
    pytest.fail(sentence, pytrace=False)


def does_not_apply(why: str) -> NoReturn:
    """End the check: it asks nothing of this kind of adapter."""
    pytest.skip(why)


@dataclass(slots=True)
class Bench:
    """One check's own peer, folder and counters.

    Attributes:
        adapter: The class under test.
        manifest: What it promises, and which checks it waives.
        checks: The names of all checks.
        samples: Its sample applications, at least one.
        peer: The core system, well.
        folder: The adapter's own, empty.
        home: The adapter's own folder in the source tree.
        text_pointer: As the contract says.
        deadline_s: As the contract says.
    """

    adapter: type[Destination]
    manifest: Manifest
    checks: frozenset[str]
    samples: tuple[Sample, ...]
    peer: Peer
    folder: Path
    home: Path
    text_pointer: str
    deadline_s: float
    watch: Watch = field(default_factory=Watch)
    slips: Slips = field(default_factory=Slips)
    _keys: int = 0

    @property
    def spec(self) -> AdapterSpec:
        """What the adapter says of itself in its code."""
        return self.adapter.spec

    @property
    def features(self) -> Features:
        """What its manifest promises."""
        return self.manifest.features

    @property
    def faults(self) -> frozenset[Fault]:
        """What the peer can be told to do."""
        return frozenset(Fault) - self.peer.absent.keys()

    def needs(self, *faults: Fault) -> None:
        """Go on only with a peer that can do all of this."""
        if not self.faults.issuperset(faults):
            self.lacks(*faults)

    def lacks(self, *faults: Fault) -> NoReturn:
        """End the check: the peer says why it cannot do one of this."""
        missing = sorted(self.peer.absent.keys() & set(faults))
        reasons = dict.fromkeys(self.peer.absent[fault] for fault in missing)
        does_not_apply(f"no {', '.join(missing)}: {'; '.join(reasons)}")

    def needs_idempotency(self, least: Idempotency) -> None:
        """Go on only with an adapter that promises so much against doubles."""
        order = list(Idempotency)
        if order.index(self.features.idempotency) < order.index(least):
            does_not_apply(f"its idempotency is {self.features.idempotency.value}")

    async def behave(self, fault: Fault, *, times: int = FOR_EVER, seconds: float = 0.0) -> None:
        """Tell the peer how to treat what comes."""
        with self.watch.not_watching():
            await self.peer.behave(fault, times=times, seconds=seconds)

    def config(self, sample: Sample | None = None) -> dict[str, object]:
        """Return a valid ``config:``."""
        return {**(sample.config if sample else {}), **self.peer.config()}

    def construct(self, config: Mapping[str, object] | None = None) -> Destination:
        """Return a new adapter that nobody has opened."""
        self.watch.mark()
        make: Callable[[object], Destination] = self.adapter
        return make(self.spec.config.model_validate(config or self.config(self.samples[0])))

    def context(self) -> Context:
        """Return what a worker gives to ``open``."""
        return Context(destination="under-test", municipality="131016", folder=self.folder)

    @asynccontextmanager
    async def opened(
        self, config: Mapping[str, object] | None = None
    ) -> AsyncIterator[Destination]:
        """Give a new adapter that is open, and close it."""
        destination = self.construct(config)
        try:
            await self.ended(destination.open(self.context()), "open")
            yield destination
        finally:
            await self.ended(destination.close(), "close")

    def new_key(self) -> str:
        """Return an idempotency key that no other delivery of this check has."""
        self._keys += 1
        return f"{FIRST_KEY[:-12]}{self._keys:012x}"

    def application(self, **over: Any) -> Application:
        """Return the first sample's application."""
        return self.samples[0].application(**over)

    def delivery(self, **over: Any) -> Delivery:
        """Return a first attempt with a key of its own, and with a trace, as the runtime has."""
        delivery = Delivery(
            idempotency_key=over.get("idempotency_key") or self.new_key(),
            attempt=1,
            deadline=datetime.now(UTC) + timedelta(seconds=self.deadline_s),
            traceparent=TRACE,
        )
        return replace(delivery, **over)

    async def send(
        self,
        destination: Destination,
        delivery: Delivery | None = None,
        application: Application | None = None,
        *,
        deadline_s: float | None = None,
    ) -> Result:
        """Send as the runtime does: cancelled at the deadline, here ``OutOfTimeError``."""
        application = application or self.application()
        delivery = delivery or self.delivery()
        timeout_s = self.patience_s if deadline_s is None else deadline_s

        async def sent() -> Result:
            try:
                async with asyncio.timeout(timeout_s):
                    try:
                        return await destination.send(application, delivery)
                    except Exception as error:  # noqa: BLE001 - the check judges what it raises
                        return error
            except TimeoutError:
                return OutOfTimeError()

        task = asyncio.create_task(sent())
        await asyncio.wait({task}, timeout=timeout_s + PATIENCE_S)
        if not task.done():
            fail(f"send went on for {PATIENCE_S:g} s after it was cancelled at its deadline.")
        if task.cancelled():
            fail("send raised CancelledError, and nobody had cancelled it.")
        return task.result()

    async def ended(self, call: Awaitable[_Value], what: str) -> _Value:
        """Return what a call of the adapter's returns, which must not take for ever."""
        patience_s = max(self.patience_s, PATIENCE_S)
        limit = asyncio.timeout(patience_s)
        try:
            async with limit:
                return await call
        except TimeoutError:
            if not limit.expired():
                raise
        return fail(f"{what} did not end within {patience_s:g} s.")

    @property
    def patience_s(self) -> float:
        """How long a send may take that nothing hinders, on a machine with much else to do."""
        return 10 * self.deadline_s

    def arrived(self, key: str) -> list[Arrived]:
        """Return the effects of one delivery."""
        return [each for each in self.peer.arrivals() if each.key == key]


def claims_no_effect(result: Result) -> bool:
    """Tell whether the runtime would send again after it."""
    return isinstance(result, TransientError)


def told(result: object) -> str:
    """Return what a send came to in words, without what an application holds."""
    match result:
        case Receipt():
            return "a receipt"
        case OutOfTimeError():
            return "no answer until its deadline"
        case Exception():
            if not isinstance(result, KakehashiError):
                return f"{type(result).__name__} ({_where(result)})"
            reason = getattr(result, "reason", None)
            return type(result).__name__ + (f"({reason!r})" if isinstance(reason, str) else "")
        case _:
            return f"a {type(result).__name__}"


def _where(error: Exception) -> str:
    """Return the adapter's own lines on the way to an error that is none of the sdk's."""
    frames = traceback.extract_tb(error.__traceback__)
    foreign = [frame for frame in frames if not Path(frame.filename).is_relative_to(_KIT)]
    if not foreign:
        return "outside the adapter"
    home = Path(foreign[0].filename).parent
    own = [frame for frame in foreign if Path(frame.filename).is_relative_to(home)]
    return ", ".join(f"{Path(each.filename).name}:{each.lineno} in {each.name}" for each in own)
