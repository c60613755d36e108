"""Is the core system there? Opening the adapter, and asking it by ``check``."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Final

import structlog

from gateway.domain.breaker import Sign
from gateway.domain.errors import ConfigError, DestinationTransientError
from gateway.domain.outcome import safe_code
from gateway.ports.clock import Clock
from gateway.sdk import Context, Destination, Health
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.worker_gate import WorkerGate

log = structlog.get_logger()

PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
_CHECK_S: Final = 30.0
_LONGEST_WORDS: Final = 200


class WorkerHealth:
    """Knows whether the adapter's core system is there, and tells the gate.

    It asks one question at a time: at the start, every half minute, when an open breaker's
    wait is over, and when an operator wants to know. A check that fails while copies are sent
    is shown to the operators and stops nothing: it may ask for something else than a delivery
    needs.
    """

    def __init__(
        self,
        *,
        settings: DeliverySettings,
        context: Context,
        gate: WorkerGate,
        clock: Clock,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        """Start as not well: nothing was checked yet."""
        self._settings = settings
        self._context = context
        self._gate = gate
        self._clock = clock
        self._monotonic = monotonic
        self._health = Health(ok=False, detail="not checked yet")
        self._checked_at = clock.now()
        self._asked: datetime | None = None
        self._answers: datetime | None = None

    @property
    def is_ok(self) -> bool:
        """What the adapter's last check said."""
        return self._health.ok

    @property
    def checked_at(self) -> datetime:
        """When that was; before the first, when the worker was made."""
        return self._checked_at

    @property
    def said(self) -> str:
        """What the adapter said then, as one line that can be shown."""
        plain = (character if character.isprintable() else " " for character in self._health.detail)
        return "".join(plain)[:_LONGEST_WORDS].strip()

    @property
    def answers(self) -> datetime | None:
        """The last request that was answered; ``None`` if none was."""
        return self._answers

    def ask(self, request: datetime) -> None:
        """Check soon, for somebody who wants to know; the same request counts once."""
        if request != self._asked:
            self._asked = request
            self._gate.nudge()

    async def open(self, adapter: Destination, stop: asyncio.Event) -> bool:
        """Open and check the adapter until the core system is there; ``False`` if stopped.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        pause_s, is_reported, is_open = PAUSE_S, False, False
        while not stop.is_set():
            asked = self._asked
            is_open = is_open or await self._succeeds(adapter.open(self._context))
            if is_open:
                await self._succeeds(self._check(adapter))
            self._answer(asked)
            if self._health.ok:
                log.info("destination.opened", destination=self._settings.destination)
                self._gate.open()
                return True
            if not is_reported:
                is_reported = True
                log.warning(
                    "destination.not_available",
                    destination=self._settings.destination,
                    detail=self._health.detail,
                )
            try:
                async with asyncio.timeout(pause_s):
                    await self._gate.until(lambda: stop.is_set() or self._asked != asked)  # noqa: B023 - awaited here
            except TimeoutError:
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        return False

    async def _succeeds(self, step: Awaitable[None]) -> bool:
        """Take a step of the adapter's; what it raises is bad health, not the worker's end.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                await step
        except ConfigError:
            raise
        except DestinationTransientError as error:
            self._note(Health(ok=False, detail=safe_code(error.reason, error.code)))
        except TimeoutError:
            self._note(Health(ok=False, detail="check.deadline"))
        except Exception as error:  # noqa: BLE001 - an adapter's defect hurts its destination only
            self._note(Health(ok=False, detail=f"adapter.defect {type(error).__qualname__}"))
        else:
            return True
        return False

    async def _check(self, adapter: Destination) -> None:
        health = await adapter.check()
        self._note(Health(ok=health.ok, detail=health.detail))

    def _answer(self, asked: datetime | None) -> None:
        """Tell those who had asked before the check that it was made."""
        if asked != self._answers:
            self._answers = asked
            self._gate.nudge()

    def _note(self, health: Health) -> None:
        self._health, self._checked_at = health, self._clock.now()

    async def check_for_ever(self, adapter: Destination) -> None:
        """Check when it is due until cancelled; say once each that it is down and back.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        while True:
            await self._until_due()
            was_ok, epoch, asked = self._health.ok, self._gate.epoch, self._asked
            await self._succeeds(self._check(adapter))
            self._answer(asked)
            if self._health.ok:
                self._gate.learn(Sign.CHECKED, epoch=epoch, code="check.ok")
            else:
                self._gate.learn(Sign.NOT_WELL, epoch=epoch, code="check.not_ok")
            if was_ok != self._health.ok:
                event = "destination.recovered" if self._health.ok else "destination.down"
                log.warning(event, destination=self._settings.destination)

    async def _until_due(self) -> None:
        """Wait until an open breaker or an operator wants to know, or for half a minute."""
        routine_at = self._monotonic() + _CHECK_S
        while self._asked == self._answers:
            epoch, probe_at = self._gate.epoch, self._gate.breaker.probe_at
            due_at = routine_at if probe_at is None else probe_at
            with suppress(TimeoutError):
                async with asyncio.timeout(due_at - self._monotonic()):
                    await self._gate.until(
                        lambda: self._gate.epoch != epoch or self._asked != self._answers  # noqa: B023 - awaited here
                    )
            if self._gate.epoch == epoch:
                return
