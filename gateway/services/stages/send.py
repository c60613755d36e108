"""Fourth stage: hand the application over, or find out what became of it."""

import asyncio
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from gateway.domain.breaker import Sign
from gateway.domain.errors import ConfigError
from gateway.domain.outcome import OutcomeKind, safe_code, safe_pointer
from gateway.ports.clock import Clock
from gateway.sdk import (
    Application,
    Delivery,
    Destination,
    DestinationUnavailableError,
    LooksUp,
    Receipt,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)

log = structlog.get_logger()

_LONGEST_REFERENCE: Final = 200
_LONGEST_WAIT_S: Final = 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a send or a lookup came to, in the gateway's words.

    Attributes:
        kind: What it came to.
        code: Stable code, ``None`` when delivered.
        pointer: Where the core system objected, if it said so.
        retry_at: Not before, if the core system asked for it.
        counted: Whether it counts against the retry budget.
        reference: The core system's own number.
        defect: The adapter raised what it must not raise.
        sign: What it tells of the core system, for the breaker; ``None`` if nothing.
    """

    kind: OutcomeKind
    code: str | None = None
    pointer: str | None = None
    retry_at: datetime | None = None
    counted: bool = True
    reference: str | None = None
    defect: bool = False
    sign: Sign | None = None


async def send(
    adapter: Destination,
    application: Application,
    delivery: Delivery,
    *,
    timeout_s: float,
    clock: Clock,
) -> Result:
    """Call the adapter and translate what it returns or raises (design, section 4).

    Args:
        adapter: The destination's, open.
        application: In clear.
        delivery: Which attempt.
        timeout_s: What is left until the deadline; with nothing left it is not called.
        clock: For the times that the core system asks for.

    Raises:
        ConfigError: The adapter cannot work as configured; the worker must stop.
    """
    if timeout_s <= 0:
        return Result(kind=OutcomeKind.IN_DOUBT, code="send.deadline")
    try:
        async with asyncio.timeout(timeout_s):
            return _delivered(await adapter.send(application, delivery))
    except RejectedError as error:
        return Result(
            kind=OutcomeKind.REJECTED,
            code=safe_code(error.reason, RejectedError.code),
            pointer=safe_pointer(error.pointer),
            sign=Sign.ANSWERED,
        )
    except (ThrottledError, DestinationUnavailableError) as error:
        return _deferred(error, clock, counted=False)
    except TransientError as error:
        return _deferred(error, clock, counted=True)
    except UnknownOutcomeError as error:
        return _doubtful(safe_code(error.reason, UnknownOutcomeError.code))
    except ConfigError:
        raise
    except TimeoutError:
        return _doubtful("send.deadline")
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - an adapter's defect
        return _defect(error)


async def look_up(
    adapter: LooksUp,
    key: str,
    *,
    settles_in_s: float,
    clock: Clock,
    timeout_s: float,
) -> Result:
    """Ask the core system whether it has the delivery.

    Args:
        adapter: The destination's, open.
        key: The delivery's idempotency key.
        settles_in_s: For how long from now a "no" proves nothing, as what was sent may still
            be on its way; not positive if it counts.
        clock: For the time to ask again.
        timeout_s: Most that an answer may take.
    """
    asked_at = clock.now()
    try:
        async with asyncio.timeout(timeout_s):
            receipt = await adapter.lookup(key)
            if receipt is not None:
                return _delivered(receipt)
    except TransientError as error:
        return replace(_doubtful(safe_code(error.reason, TransientError.code)), sign=_sign(error))
    except TimeoutError:
        return _doubtful("lookup.deadline")
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - leaves the doubt as it was
        return _defect(error)
    if settles_in_s > 0:
        return Result(
            kind=OutcomeKind.IN_DOUBT,
            code="lookup.settling",
            retry_at=asked_at + timedelta(seconds=settles_in_s),
            sign=Sign.ANSWERED,
        )
    return Result(kind=OutcomeKind.DEFERRED, code="lookup.not_found", sign=Sign.ANSWERED)


def _doubtful(code: str) -> Result:
    return Result(kind=OutcomeKind.IN_DOUBT, code=code, sign=Sign.FAILED)


def _sign(error: TransientError) -> Sign:
    """Return what a failure tells."""
    match error:
        case ThrottledError():
            return Sign.THROTTLED
        case DestinationUnavailableError():
            return Sign.UNREACHABLE
        case _:
            return Sign.FAILED


def _defect(error: BaseException) -> Result:
    """Tell what nobody may raise, by its class: a foreign text may hold what was sent.

    A cancellation that nobody asked this task for came out of the adapter's own tasks.
    It must not end ours: the copy would stay in hand for ever, and nobody would know.
    """
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error
    log.error("adapter.failed", error=type(error).__qualname__)
    return replace(_doubtful("adapter.defect"), defect=True)


def _delivered(receipt: Receipt) -> Result:
    return Result(
        kind=OutcomeKind.DELIVERED,
        reference=safe_reference(receipt.reference),
        sign=Sign.ANSWERED,
    )


def _deferred(error: TransientError, clock: Clock, *, counted: bool) -> Result:
    return Result(
        kind=OutcomeKind.DEFERRED,
        code=safe_code(error.reason, error.code),
        retry_at=_retry_at(error.retry_after_s, clock.now()),
        counted=counted,
        sign=_sign(error),
    )


def _retry_at(wait_s: float | None, now: datetime) -> datetime | None:
    """Return when the core system wants to be asked again, if that is a time at all."""
    if not isinstance(wait_s, int | float) or math.isnan(wait_s):
        return None
    return now + timedelta(seconds=min(max(0.0, wait_s), _LONGEST_WAIT_S))


def safe_reference(reference: object) -> str | None:
    """Return the core system's number without what is not printable, at most 200 characters."""
    if reference is None:
        return None
    return "".join(c for c in str(reference) if c.isprintable())[:_LONGEST_REFERENCE] or None
