"""Say that a worker lives, and hear what the gateway wants of it: heartbeats are questions."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

import structlog

from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Heartbeat, Terms
from gateway.domain.errors import MessageMalformedError, PermanentError, TransientError
from gateway.ports.broker import HEARTBEATS, Broker
from gateway.ports.clock import Clock
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.forward_clock import ForwardClock
from gateway.services.log_levels import About, LogLevels
from gateway.services.wire import HEARTBEAT_CODEC, TERMS_CODEC
from gateway.services.worker_gate import WorkerGate
from gateway.services.worker_health import WorkerHealth

log = structlog.get_logger()

HEARTBEAT_S: Final = 5.0
_ANSWER_TIMEOUT_S: Final = 4.0


class InHand(NamedTuple):
    """How many copies a worker holds, and how many of them wait for their claim's answer."""

    copies: int
    unclaimed: int


class AskTerms:
    """Sends a heartbeat every five seconds, and at once when there is news.

    News is another state of the breaker, and the answer to an operator who wants it checked.

    Each is a question of its own, so that a lost answer delays none. As long as no answer
    comes, what the gateway said last holds.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        settings: DeliverySettings,
        broker: Broker,
        signer: Signer,
        verifier: Verifier,
        clock: Clock,
        gate: WorkerGate,
        health: WorkerHealth,
        in_hand: Callable[[], InHand],
        levels: LogLevels | None = None,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._settings = settings
        self._broker = broker
        self._signer = signer
        self._verifier = verifier
        # Of its heartbeats the latest counts: they must not fall behind one another.
        self._clock = ForwardClock(clock)
        self._gate = gate
        self._health = health
        self._in_hand = in_hand
        self._levels = levels
        self._asked = 0
        self._agreed = 0
        self._is_refusing = False

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as questions:
            while True:
                news = self._news()
                questions.create_task(self._ask())
                with suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._gate.until(lambda: self._news() != news)  # noqa: B023 - awaited here

    def _news(self) -> tuple[int, datetime | None]:
        """Return what the gateway shall hear of at once."""
        return self._gate.epoch, self._health.answers

    async def _ask(self) -> None:
        self._asked += 1
        number, heartbeat = self._asked, self._heartbeat()
        question = HEARTBEAT_CODEC.write(heartbeat, self._signer)
        try:
            answer = await self._broker.request(HEARTBEATS, question, timeout_s=_ANSWER_TIMEOUT_S)
            terms, _ = TERMS_CODEC.read(answer, self._verifier)
            _require_answer(terms, heartbeat)
        except TransientError as error:
            log.debug("heartbeat.not_answered", code=error.code)
        except PermanentError as error:
            if not self._is_refusing:
                self._is_refusing = True
                destination = self._settings.destination
                log.warning("terms.refused", destination=destination, code=error.code)
        else:
            self._is_refusing = False
            if number > self._agreed:
                self._agreed = number
                if terms.check is not None:
                    self._health.ask(terms.check)
                if self._levels is not None and terms.log_level is not None:
                    about = About(terms.destination)
                    self._levels.change(about, terms.log_level, for_s=terms.log_for_s)
                self._gate.agree(replace(terms, check=None, log_level=None, log_for_s=0.0))

    def _heartbeat(self) -> Heartbeat:
        in_hand = self._in_hand()
        return Heartbeat(
            worker=self._settings.worker,
            destination=self._settings.destination,
            version=self._settings.version,
            adapter=self._settings.adapter,
            in_flight=in_hand.copies,
            healthy=self._health.is_ok,
            checked_at=self._health.checked_at,
            at=self._clock.now(),
            breaker=self._gate.breaker.state,
            unclaimed=in_hand.unclaimed,
            answers=self._health.answers,
            said=self._health.said,
            down_s=self._gate.down_s,
            trial_in_s=self._gate.trial_in_s,
            host=self._settings.host,
        )


def _require_answer(terms: Terms, heartbeat: Heartbeat) -> None:
    """Refuse terms that are somebody else's, or were said to an earlier heartbeat.

    Raises:
        MessageMalformedError: They do not answer ``heartbeat``.
    """
    said_of = (terms.worker, terms.destination, terms.heard_at)
    if said_of != (heartbeat.worker, heartbeat.destination, heartbeat.at):
        raise MessageMalformedError("terms")
