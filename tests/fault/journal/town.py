"""A whole gateway and worker behind a real door, with a front end that resends what failed."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import aiohttp
from aiohttp import web

from gateway.domain.entry import Action
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ClientName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.http.door import FrontServices, front_app
from gateway.http.protocol import FrontRunner
from gateway.testing.contracts.journal import chain_of
from gateway.testing.world import CLIENT, DESTINATION, MUNICIPALITY, World, a_submission

PATIENCE_S: Final = 40.0
CALLERS: Final = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door said to one request.

    Attributes:
        retry_after_s: ``None`` if it did not say.
        application: What was accepted.
    """

    status: int
    code: str | None
    retry_after_s: int | None
    application: UUID | None


@dataclass(slots=True)
class Town:
    """Everything round one journal.

    Attributes:
        world: The gateway and its worker.
        accepted: The applications that were answered with 202, by the number of their submission.
        refused: Every other answer.
    """

    world: World
    url: str
    session: aiohttp.ClientSession
    accepted: dict[int, UUID] = field(default_factory=dict)
    refused: list[Answer] = field(default_factory=list)
    _number: int = 0

    async def ask(self, number: int) -> Answer:
        """Send the submission of this number once."""
        submission = a_submission(self.world.gateway, number)
        sent = {
            "Idempotency-Key": submission.idempotency_key,
            "Authorization": "Bearer portal-key",
            "Content-Type": "application/json",
        }
        async with self.session.post(self.url, data=submission.raw, headers=sent) as response:
            body = json.loads(await response.read())
            waits = response.headers.get("Retry-After")
            if response.status == 202:
                self.accepted[number] = UUID(body["id"])
                return Answer(202, None, None, self.accepted[number])
            answer = Answer(response.status, body["code"], int(waits) if waits else None, None)
            self.refused.append(answer)
            return answer

    def next_number(self) -> int:
        """Return the number of a submission that nobody has sent yet."""
        self._number += 1
        return self._number

    async def send(self) -> UUID:
        """Send a fresh submission again and again until it is accepted."""
        number = self.next_number()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.ask(number)
                if answer.application is not None:
                    return answer.application
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Send all the time; at the end each caller sees its last submission through."""
        ended = asyncio.Event()

        async def call() -> None:
            while not ended.is_set():
                await self.send()

        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(call())
            try:
                yield
            finally:
                ended.set()

    async def until_accepted(self, more: int) -> None:
        """Wait until so many more have been accepted."""
        enough = len(self.accepted) + more
        async with asyncio.timeout(PATIENCE_S):
            while len(self.accepted) < enough:  # noqa: ASYNC110 - many callers, one onlooker
                await asyncio.sleep(0.01)

    async def until_refused(self, more: int) -> None:
        """Wait until so many more have been refused."""
        enough = len(self.refused) + more
        async with asyncio.timeout(PATIENCE_S):
            while len(self.refused) < enough:  # noqa: ASYNC110 - many callers, one onlooker
                await asyncio.sleep(0.01)

    async def until_finished(self) -> None:
        """Wait until no delivery is unfinished, by nobody's hand."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    if not await self.world.gateway.journal.unfinished():
                        return
                except JournalUnavailableError:
                    pass
                await asyncio.sleep(0.05)

    async def deliveries(self) -> list[DeliveryRecord]:
        """Return the only delivery of each accepted application, in no order."""
        return [await self.world.delivery_of(one) for one in self.accepted.values()]

    async def assert_every_account_is_square(self) -> None:
        """Check that what was accepted, stored, sent and written down is one and the same."""
        journal = self.world.gateway.journal
        records = await self.deliveries()
        counts = (await journal.counts())[DESTINATION]
        sent = Counter(delivery.idempotency_key for _, delivery in self.world.adapter.sent)
        actions = Counter(await self.world.actions())
        assert {record.state for record in records} == {State.DELIVERED}
        assert counts == {State.DELIVERED: len(self.accepted)}
        assert sent == {record.idempotency_key: 1 for record in records}
        assert actions[Action.APPLICATION_ACCEPTED] == len(self.accepted)
        assert actions[Action.DELIVERY_DELIVERED] == len(self.accepted)
        assert sum((await chain_of(journal)).values()) == actions.total()

    def assert_refusals_were_honest(self) -> None:
        """Check that every refusal blamed the journal and said when to come again."""
        assert {(answer.status, answer.retry_after_s is not None) for answer in self.refused} == {
            (503, True)
        }
        assert {answer.code for answer in self.refused} <= {
            "journal.unavailable",
            "journal.commit_unknown",
        }


@asynccontextmanager
async def a_town(world: World) -> AsyncIterator[Town]:
    """Open a door to ``world`` and start its worker."""
    services = FrontServices(
        accept=world.gateway.accept,
        authenticate=lambda _presented: ClientName(CLIENT),
        limit=lambda _client: None,
        track=world.gateway.track.status,
        prove=world.gateway.prove.acceptance,
        catalogue=world.gateway.catalogue,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(world)
        world.start_worker()
        runner = FrontRunner(front_app(services), lingering_s=0.2, shutdown_timeout_s=2.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        session = await stack.enter_async_context(aiohttp.ClientSession())
        path = f"/v1/municipalities/{MUNICIPALITY}/applications"
        yield Town(world, f"http://{host}:{port}{path}", session)
