"""Is the core system there, and does the worker live? Opening, checking and heartbeats."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from gateway.crypto.sign import Signer
from gateway.domain.claim import Heartbeat
from gateway.domain.errors import ConfigError, DestinationTransientError, TransientError
from gateway.ports.broker import HEARTBEATS, Broker
from gateway.ports.clock import Clock
from gateway.sdk import Context, Destination, Health
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.stages.send import safe_code
from gateway.services.wire import HEARTBEAT_CODEC

log = structlog.get_logger()

HEARTBEAT_S: Final = 5.0
PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
_CHECK_S: Final = 30.0


class WorkerHealth:
    """Knows whether the adapter's core system is there, and says so every five seconds."""

    def __init__(
        self,
        *,
        settings: DeliverySettings,
        context: Context,
        broker: Broker,
        signer: Signer,
        clock: Clock,
        in_flight: Callable[[], int],
    ) -> None:
        """Start as not well: nothing was checked yet."""
        self._settings = settings
        self._context = context
        self._broker = broker
        self._signer = signer
        self._clock = clock
        self._in_flight = in_flight
        self._health = Health(ok=False, detail="not checked yet")
        self._checked_at = clock.now()

    async def open(self, adapter: Destination, stop: asyncio.Event) -> bool:
        """Open and check the adapter until the core system is there; ``False`` if stopped.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        pause_s, is_reported, is_open = PAUSE_S, False, False
        while not stop.is_set():
            is_open = is_open or await self._succeeds(adapter.open(self._context))
            if is_open:
                await self._succeeds(self._check(adapter))
            if self._health.ok:
                log.info("destination.opened", destination=self._settings.destination)
                return True
            if not is_reported:
                is_reported = True
                log.warning(
                    "destination.not_available",
                    destination=self._settings.destination,
                    detail=self._health.detail,
                )
            await self._send_heartbeat()
            try:
                async with asyncio.timeout(pause_s):
                    await stop.wait()
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

    def _note(self, health: Health) -> None:
        self._health, self._checked_at = health, self._clock.now()

    async def check_for_ever(self, adapter: Destination) -> None:
        """Check every half minute until cancelled; say once each that it is down and back.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        while True:
            await asyncio.sleep(_CHECK_S)
            was_ok = self._health.ok
            await self._succeeds(self._check(adapter))
            if was_ok != self._health.ok:
                event = "destination.recovered" if self._health.ok else "destination.down"
                log.warning(event, destination=self._settings.destination)

    async def beat(self) -> None:
        """Send a heartbeat every five seconds until cancelled."""
        while True:
            await self._send_heartbeat()
            await asyncio.sleep(HEARTBEAT_S)

    async def _send_heartbeat(self) -> None:
        heartbeat = Heartbeat(
            worker=self._settings.worker,
            destination=self._settings.destination,
            version=self._settings.version,
            adapter=self._settings.adapter,
            in_flight=self._in_flight(),
            healthy=self._health.ok,
            checked_at=self._checked_at,
            at=self._clock.now(),
        )
        try:
            await self._broker.publish(HEARTBEATS, HEARTBEAT_CODEC.write(heartbeat, self._signer))
        except TransientError as error:
            log.debug("heartbeat.not_sent", code=error.code)
