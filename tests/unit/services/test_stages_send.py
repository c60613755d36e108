"""Whatever an adapter returns or raises becomes a result, in the gateway's words."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.breaker import Sign
from gateway.domain.outcome import OutcomeKind
from gateway.sdk import (
    Application,
    ConfigError,
    Delivery,
    DestinationUnavailableError,
    Receipt,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.services.stages.send import Result, look_up, send
from gateway.testing.world import ScriptedDestination

NOW = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)


class StoppedClock:
    def now(self) -> datetime:
        return NOW


class Adapter(ScriptedDestination):
    """Returns or raises what it was made with."""

    def __init__(self, does: Any) -> None:
        super().__init__()
        self.does = does

    async def send(self, _: Application, __: Delivery) -> Receipt:
        return await self._do()

    async def lookup(self, _: str) -> Receipt | None:
        return await self._do()

    async def _do(self) -> Any:
        if self.does == "cancelled":
            stray = asyncio.ensure_future(asyncio.sleep(3600))
            stray.cancel()
            await stray
        if self.does == "slow":
            await asyncio.sleep(3600)
        if isinstance(self.does, Exception):
            raise self.does
        return self.does


async def sends(does: Any, timeout_s: float = 0.05) -> Result:
    application = Application(
        id="1",
        municipality="131016",
        procedure="childcare/allowance-claim",
        version=1,
        receipt_number="A-1",
        supersedes=None,
        submitted_at=NOW,
        accepted_at=NOW,
        applicant={},
        content={},
    )
    deadline = NOW + timedelta(seconds=0.05)
    delivery = Delivery(idempotency_key="k", attempt=1, deadline=deadline)
    return await send(
        Adapter(does), application, delivery, timeout_s=timeout_s, clock=StoppedClock()
    )


async def looks_up(does: Any, settles_in_s: float = 0.0) -> Result:
    clock = StoppedClock()
    return await look_up(Adapter(does), "k", settles_in_s=settles_in_s, clock=clock, timeout_s=0.05)


@pytest.mark.parametrize("does", [None, "K-1", object(), "cancelled", ValueError()])
async def test_what_is_no_receipt_is_a_defect_and_leaves_a_doubt(does: Any) -> None:
    result = await sends(does)

    assert (result.kind, result.code) == (OutcomeKind.IN_DOUBT, "adapter.defect")
    assert result.defect


ANSWERED, FAILED, UNREACHABLE = Sign.ANSWERED, Sign.FAILED, Sign.UNREACHABLE
THROTTLED = Sign.THROTTLED


@pytest.mark.parametrize(
    ("does", "sent", "looked_up"),
    [
        (Receipt(reference="K-1"), ANSWERED, ANSWERED),
        (RejectedError("E0002"), ANSWERED, FAILED),
        (TransientError("db.locked"), FAILED, FAILED),
        (ThrottledError("http.429"), THROTTLED, THROTTLED),
        (DestinationUnavailableError("tcp.refused"), UNREACHABLE, UNREACHABLE),
        (UnknownOutcomeError("http.reset"), FAILED, FAILED),
        ("slow", FAILED, FAILED),
        ("cancelled", FAILED, FAILED),
        (ValueError(), FAILED, FAILED),
        (None, FAILED, ANSWERED),
    ],
)
async def test_every_end_of_a_send_or_a_lookup_tells_the_breaker_something(
    does: Any, sent: Sign | None, looked_up: Sign | None
) -> None:
    assert (await sends(does)).sign == sent
    assert (await looks_up(does)).sign == looked_up


async def test_what_was_not_sent_for_want_of_time_tells_the_breaker_nothing() -> None:
    assert (await sends(Receipt(), timeout_s=0)).sign is None


async def test_a_worker_that_stops_ends_what_is_sending() -> None:
    sending = asyncio.create_task(sends("slow"))
    await asyncio.sleep(0)
    sending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_a_deadline_leaves_a_doubt() -> None:
    assert (await sends("slow")).code == "send.deadline"


async def test_nothing_is_sent_when_no_time_is_left() -> None:
    result = await sends(Receipt(), timeout_s=0)

    assert (result.kind, result.code) == (OutcomeKind.IN_DOUBT, "send.deadline")


async def test_a_configuration_that_cannot_work_is_not_an_outcome() -> None:
    with pytest.raises(ConfigError):
        await sends(ConfigError("url"))


@pytest.mark.parametrize(
    ("reference", "kept"),
    [
        (None, None),
        ("", None),
        ("K-1", "K-1"),
        ("受付-1\n\x00", "受付-1"),
        ("\udc80", None),
        (4711, "4711"),
        ("x" * 300, "x" * 200),
    ],
)
async def test_a_reference_is_kept_as_far_as_it_can_be_shown(reference: Any, kept: Any) -> None:
    result = await sends(Receipt(reference=reference))

    assert (result.kind, result.reference) == (OutcomeKind.DELIVERED, kept)


@pytest.mark.parametrize(
    ("wait_s", "retry_at"),
    [
        (None, None),
        (60, NOW + timedelta(seconds=60)),
        (-1, NOW),
        (float("inf"), NOW + timedelta(days=366)),
        (1e300, NOW + timedelta(days=366)),
        (float("nan"), None),
        ("60", None),
    ],
)
async def test_a_wait_is_honoured_if_it_is_one(wait_s: Any, retry_at: Any) -> None:
    result = await sends(ThrottledError("http.429", wait_s))

    assert (result.kind, result.retry_at) == (OutcomeKind.DEFERRED, retry_at)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RejectedError("E0002"), "E0002"),
        (RejectedError(2), "destination.rejected"),  # type: ignore[arg-type]
        (RejectedError(None), "destination.rejected"),  # type: ignore[arg-type]
        (TransientError(""), "destination.transient"),
        (UnknownOutcomeError("山田太郎"), "destination.unknown_outcome"),
    ],
)
async def test_a_reason_that_is_no_code_is_replaced(error: Exception, code: str) -> None:
    assert (await sends(error)).code == code


@pytest.mark.parametrize(
    ("pointer", "kept"),
    [("/content/x", "/content/x"), ("#/a/0", "#/a/0"), ("山田", None), (3, None), (None, None)],
)
async def test_a_pointer_that_is_none_is_left_out(pointer: Any, kept: Any) -> None:
    assert (await sends(RejectedError("E1", pointer))).pointer == kept


@pytest.mark.parametrize(
    ("does", "kind", "code"),
    [
        (Receipt(reference="K-1"), OutcomeKind.DELIVERED, None),
        (None, OutcomeKind.DEFERRED, "lookup.not_found"),
        (TransientError("db.locked"), OutcomeKind.IN_DOUBT, "db.locked"),
        ("slow", OutcomeKind.IN_DOUBT, "lookup.deadline"),
        ("cancelled", OutcomeKind.IN_DOUBT, "adapter.defect"),
        (ConfigError("url"), OutcomeKind.IN_DOUBT, "adapter.defect"),
        (True, OutcomeKind.IN_DOUBT, "adapter.defect"),
    ],
)
async def test_a_lookup_settles_a_doubt_or_leaves_it(
    does: Any, kind: OutcomeKind, code: str | None
) -> None:
    result = await looks_up(does)

    assert (result.kind, result.code) == (kind, code)


async def test_a_no_before_the_core_system_has_settled_is_asked_for_again_then() -> None:
    result = await looks_up(None, settles_in_s=1.0)

    assert (result.code, result.retry_at) == ("lookup.settling", NOW + timedelta(seconds=1))
