"""Second stage: ask the gateway for the right to open a copy, many at a time."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Claim, ClaimAnswer
from gateway.domain.errors import KakehashiError
from gateway.domain.identifiers import CopyId
from gateway.ports.broker import CLAIMS, Broker
from gateway.services.wire import ANSWERS_CODEC, CLAIMS_CODEC, Claims

log = structlog.get_logger()

_MOST_PER_MESSAGE: Final = 64
_GATHER_S: Final = 0.001
_ANSWER_TIMEOUT_S: Final = 5.0
_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0


class ClaimDesk:
    """Gathers the claims of all copies in hand and asks until each is answered.

    Without an answer nothing is opened. Asking again is safe: the answer to a
    copy this instance has claimed and not opened is the same.
    """

    def __init__(self, *, broker: Broker, signer: Signer, verifier: Verifier) -> None:
        """Keep what it works with; opens nothing."""
        self._broker = broker
        self._signer = signer
        self._verifier = verifier
        self._asked: asyncio.Queue[tuple[Claim, asyncio.Future[ClaimAnswer]]] = asyncio.Queue()
        self._is_down = False

    async def ask(self, claim: Claim) -> tuple[ClaimAnswer, float]:
        """Return the committed answer, however long it takes.

        With it comes the event loop's time when the answered question was asked.
        """
        pause_s, loop = _PAUSE_S, asyncio.get_running_loop()
        while True:
            asked_at = loop.time()
            answered: asyncio.Future[ClaimAnswer] = loop.create_future()
            self._asked.put_nowait((claim, answered))
            try:
                return await answered, asked_at
            except KakehashiError:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def run(self) -> None:
        """Send claims until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                batch = [await self._asked.get()]
                await asyncio.sleep(_GATHER_S)
                while len(batch) < _MOST_PER_MESSAGE and not self._asked.empty():
                    batch.append(self._asked.get_nowait())
                tasks.create_task(self._ask(batch))

    async def _ask(self, batch: Sequence[tuple[Claim, asyncio.Future[ClaimAnswer]]]) -> None:
        question = CLAIMS_CODEC.write(Claims(tuple(claim for claim, _ in batch)), self._signer)
        answers: dict[CopyId, ClaimAnswer] = {}
        failure: KakehashiError = KakehashiError("unanswered")
        try:
            reply = await self._broker.request(CLAIMS, question, timeout_s=_ANSWER_TIMEOUT_S)
            answers = {
                answer.copy: answer
                for answer in ANSWERS_CODEC.read(reply, self._verifier)[0].answers
            }
            if self._is_down:
                self._is_down = False
                log.info("claims.answered_again")
        except KakehashiError as error:
            failure = error
            if not self._is_down:
                self._is_down = True
                log.warning("claims.unanswered", code=error.code)
        for claim, answered in batch:
            answer = answers.get(claim.copy)
            if answered.done():
                continue
            if answer is None or answer.delivery_id != claim.delivery_id:
                answered.set_exception(failure)
            else:
                answered.set_result(answer)
