"""A core system that is a file: it counts every effect, and does what a test tells it."""

import asyncio
import json
import os
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final

from gateway.sdk import (
    AdapterConfig,
    AdapterSpec,
    Application,
    Context,
    Delivery,
    Health,
    Idempotency,
    Receipt,
    RejectedError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.testing.kill_points import NOWHERE

ADAPTER: Final = "counting"
_ASK_EVERY_S: Final = 0.02


class First(StrEnum):
    """What becomes of the first attempt at a delivery; later ones are taken."""

    TAKE = "take"
    DEFER = "defer"
    REJECT = "reject"
    DOUBT_WITHOUT_EFFECT = "doubt-without-effect"
    DOUBT_WITH_EFFECT = "doubt-with-effect"
    SLOW = "slow"
    """Nothing has happened and nothing is answered until the file ``go`` is there."""


class CountingConfig(AdapterConfig):
    """Where the core system is.

    Attributes:
        folder: Its ledger (``arrived``), and orders to it (``first``, ``go``).
        remembers: Whether it answers a key that it has seen as before.
    """

    folder: Path
    remembers: bool = False


class CountingDestination:
    """Appends a line for every effect, on the disk before it is one."""

    spec: ClassVar[AdapterSpec] = AdapterSpec(
        name=ADAPTER,
        version="1.0.0",
        config=CountingConfig,
        idempotency=Idempotency.NATIVE,
        max_in_flight=8,
        # What a dead process has not appended it never will.
        settle_s=0.0,
    )
    points = NOWHERE

    def __init__(self, config: CountingConfig) -> None:
        self._config = config

    async def open(self, context: Context) -> None:
        """Need nothing."""

    async def check(self) -> Health:
        """Be well."""
        return Health(ok=True)

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        """Take the application, or do what was ordered."""
        key = delivery.idempotency_key
        first = first_of(self._config.folder) if delivery.attempt == 1 else First.TAKE
        self.points.reach("send.before_effect")
        match first:
            case First.DEFER:
                raise TransientError("counting.busy")
            case First.REJECT:
                raise RejectedError("counting.refused", "/content")
            case First.DOUBT_WITHOUT_EFFECT:
                raise UnknownOutcomeError("counting.silent")
            case First.SLOW:
                while not (self._config.folder / "go").exists():  # noqa: ASYNC110 - it is a file
                    await asyncio.sleep(_ASK_EVERY_S)
            case First.TAKE | First.DOUBT_WITH_EFFECT:
                pass
        if not (self._config.remembers and key in arrivals(self._config.folder)):
            add(self._config.folder, key, application.receipt_number)
        self.points.reach("send.after_effect")
        if first is First.DOUBT_WITH_EFFECT:
            raise UnknownOutcomeError("counting.silent")
        return Receipt(reference=f"整{key[-12:]}")

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """Say whether the key arrived."""
        self.points.reach("lookup.before")
        has_it = idempotency_key in arrivals(self._config.folder)
        self.points.reach("lookup.after")
        return Receipt(reference=f"整{idempotency_key[-12:]}") if has_it else None

    async def close(self) -> None:
        """Hold nothing."""


def first_of(folder: Path) -> First:
    """Return what is ordered for first attempts."""
    order = folder / "first"
    return First(order.read_text()) if order.exists() else First.TAKE


def add(folder: Path, key: str, receipt_number: str) -> None:
    """Append one effect, durably."""
    line = json.dumps({"key": key, "receipt_number": receipt_number})
    handle = os.open(folder / "arrived", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        os.write(handle, f"{line}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def arrivals(folder: Path) -> list[str]:
    """Return the key of every effect, doubles included, in order."""
    ledger = folder / "arrived"
    if not ledger.exists():
        return []
    return [json.loads(line)["key"] for line in ledger.read_text().splitlines()]
