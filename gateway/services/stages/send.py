"""Fourth stage: hand the application over, or find out what became of it."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from gateway.domain.errors import ConfigError
from gateway.domain.outcome import OutcomeKind
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

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}")
_POINTER: Final = re.compile(r"#?(?:/[A-Za-z0-9_~.-]{0,64}){1,16}")
_LONGEST_REFERENCE: Final = 200


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
    """

    kind: OutcomeKind
    code: str | None = None
    pointer: str | None = None
    retry_at: datetime | None = None
    counted: bool = True
    reference: str | None = None
    defect: bool = False


async def send(
    adapter: Destination, application: Application, delivery: Delivery, clock: Clock
) -> Result:
    """Call the adapter and translate what it returns or raises (design, section 4).

    Raises:
        ConfigError: The adapter cannot work as configured; the worker must stop.
    """
    remaining_s = (delivery.deadline - clock.now()).total_seconds()
    try:
        async with asyncio.timeout(remaining_s):
            receipt = await adapter.send(application, delivery)
    except RejectedError as error:
        return Result(
            kind=OutcomeKind.REJECTED,
            code=safe_code(error.reason, RejectedError.code),
            pointer=_safe_pointer(error.pointer),
        )
    except (ThrottledError, DestinationUnavailableError) as error:
        return _deferred(error, clock, counted=False)
    except TransientError as error:
        return _deferred(error, clock, counted=True)
    except UnknownOutcomeError as error:
        return Result(
            kind=OutcomeKind.IN_DOUBT, code=safe_code(error.reason, UnknownOutcomeError.code)
        )
    except ConfigError:
        raise
    except TimeoutError:
        return Result(kind=OutcomeKind.IN_DOUBT, code="send.deadline")
    except Exception as error:  # noqa: BLE001 - anything else is the adapter's defect
        _report_defect(error)
        return Result(kind=OutcomeKind.IN_DOUBT, code="adapter.defect", defect=True)
    return _delivered(receipt)


async def look_up(
    adapter: LooksUp,
    key: str,
    *,
    settled_at: datetime,
    clock: Clock,
    timeout_s: float,
) -> Result:
    """Ask the core system whether it has the delivery.

    A "no" before ``settled_at`` proves nothing: what was sent may still be on its way.
    """
    try:
        async with asyncio.timeout(timeout_s):
            receipt = await adapter.lookup(key)
    except TransientError as error:
        return Result(kind=OutcomeKind.IN_DOUBT, code=safe_code(error.reason, TransientError.code))
    except TimeoutError:
        return Result(kind=OutcomeKind.IN_DOUBT, code="lookup.deadline")
    except Exception as error:  # noqa: BLE001 - a failed lookup leaves the doubt as it was
        _report_defect(error)
        return Result(kind=OutcomeKind.IN_DOUBT, code="adapter.defect", defect=True)
    if receipt is not None:
        return _delivered(receipt)
    if clock.now() < settled_at:
        return Result(kind=OutcomeKind.IN_DOUBT, code="lookup.settling", retry_at=settled_at)
    return Result(kind=OutcomeKind.DEFERRED, code="lookup.not_found")


def _report_defect(error: Exception) -> None:
    """Log the class only: the text of a foreign exception may hold what was sent."""
    log.error("adapter.failed", error=type(error).__qualname__)


def _delivered(receipt: Receipt) -> Result:
    reference = receipt.reference
    if reference is not None:
        reference = "".join(c for c in reference if c.isprintable())[:_LONGEST_REFERENCE]
    return Result(kind=OutcomeKind.DELIVERED, reference=reference or None)


def _deferred(error: TransientError, clock: Clock, *, counted: bool) -> Result:
    wait_s = error.retry_after_s
    return Result(
        kind=OutcomeKind.DEFERRED,
        code=safe_code(error.reason, error.code),
        retry_at=None if wait_s is None else clock.now() + timedelta(seconds=max(0.0, wait_s)),
        counted=counted,
    )


def safe_code(reason: str, otherwise: str) -> str:
    """Return ``reason`` if it is a code; free text may hold personal data and is replaced."""
    return reason if _CODE.fullmatch(reason) else otherwise


def _safe_pointer(pointer: str | None) -> str | None:
    return pointer if pointer is not None and _POINTER.fullmatch(pointer) else None
