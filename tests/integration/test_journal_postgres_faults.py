"""What the PostgreSQL journal does when the server or the way to it is not well."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto

import asyncpg
import pytest

from gateway.audit.head import Head, Position
from gateway.domain.errors import (
    CommitUnknownError,
    JournalUnavailableError,
    JournalUnusableError,
)
from gateway.domain.identifiers import NodeName
from gateway.domain.lifecycle import State
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.ports.journal import Accepted, Journal, KeyKnown
from gateway.testing.builders import DESTINATION, an_acceptance, an_entry
from gateway.testing.contracts.journal import accepted, chain_of
from gateway.testing.postgres import PostgresNode

pytestmark = pytest.mark.postgres
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresNode]:
    server = PostgresNode.start()
    yield server
    server.remove()


class Mood(Enum):
    """What the proxy does with what a client sends."""

    HONEST = auto()
    EATS_COMMIT = auto()
    """Cuts the connection instead of passing COMMIT on."""
    EATS_ANSWER = auto()
    """Passes COMMIT on and cuts the connection before its answer."""
    SILENT = auto()
    """Keeps connections open and passes nothing on."""
    DISMISSIVE = auto()
    """Ends a session, as the server does for an administrator, before the end of its line."""


def _message(kind: bytes, content: bytes) -> bytes:
    """Return a message of PostgreSQL's protocol (manual, 54.7)."""
    return kind + (len(content) + 4).to_bytes(4, "big") + content


READY = _message(b"Z", b"I")
ENDED = _message(b"E", b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0")


class Proxy:
    """Stands between the journal and the server."""

    def __init__(self, server: PostgresNode) -> None:
        self._server = server
        self.mood = Mood.HONEST
        self.answer_eaten = asyncio.Event()
        self._serving: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def listening(self, url: str) -> AsyncIterator[str]:
        """Listen while the context lasts; gives the URL to use instead."""
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        async with listener:
            yield url.replace(f":{self._server.port}/", f":{port}/")
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.append(task)
        back, forth = await asyncio.open_connection("127.0.0.1", self._server.port)
        try:
            ways = [
                asyncio.create_task(self._pass_questions(reader, forth)),
                asyncio.create_task(self._pass_answers(back, writer)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            for end in (forth, writer):
                end.close()
                with suppress(ConnectionError):
                    await end.wait_closed()

    async def _pass_questions(
        self, reader: asyncio.StreamReader, forth: asyncio.StreamWriter
    ) -> None:
        while sent := await reader.read(65_536):
            if b"COMMIT\0" in sent and self.mood in {Mood.EATS_COMMIT, Mood.EATS_ANSWER}:
                if self.mood is Mood.EATS_ANSWER:
                    forth.write(sent)
                    async with asyncio.timeout(PATIENCE_S):
                        await self.answer_eaten.wait()
                self.mood = Mood.HONEST
                return
            if self.mood is not Mood.SILENT:
                forth.write(sent)

    async def _pass_answers(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer := await back.read(65_536):
            if self.mood is Mood.EATS_ANSWER and answer.startswith(b"C\0\0\0\x0bCOMMIT\0"):
                self.answer_eaten.set()
            elif self.mood is Mood.DISMISSIVE and answer.endswith(READY):
                writer.write(answer + ENDED)
            elif self.mood is not Mood.SILENT:
                writer.write(answer)


async def until_it_writes(journal: Journal) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await journal.ping()
            except JournalUnavailableError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("mood", "answer_when_asked_again"),
    [(Mood.EATS_COMMIT, Accepted), (Mood.EATS_ANSWER, KeyKnown)],
)
async def test_a_connection_lost_during_commit_leaves_the_outcome_unknown(
    server: PostgresNode, mood: Mood, answer_when_asked_again: type
) -> None:
    proxy = Proxy(server)
    async with proxy.listening(server.database()) as url:
        journal = PostgresJournal(url, node=NodeName("gw-1"))
        await journal.open()
        await accepted(journal)
        acceptance = an_acceptance()
        proxy.mood = mood

        with pytest.raises(CommitUnknownError):
            await journal.accept(acceptance)

        await until_it_writes(journal)
        assert type(await journal.accept(acceptance)) is answer_when_asked_again
        await accepted(journal)
        assert await chain_of(journal) == {"gw-1": 3}
        await journal.close()


async def test_a_silent_server_is_given_up_and_taken_back(server: PostgresNode) -> None:
    proxy = Proxy(server)
    async with proxy.listening(server.database()) as url:
        journal = PostgresJournal(url, node=NodeName("gw-1"), timeout_s=0.5)
        await journal.open()
        await accepted(journal)
        proxy.mood = Mood.SILENT

        with pytest.raises(JournalUnavailableError):
            await journal.accept(an_acceptance())
        with pytest.raises(JournalUnavailableError):
            await journal.counts()

        proxy.mood = Mood.HONEST
        await until_it_writes(journal)
        await accepted(journal)
        assert await chain_of(journal) == {"gw-1": 2}
        await journal.close()


async def test_sessions_that_are_ended_while_they_are_idle_are_given_up_and_replaced(
    server: PostgresNode,
) -> None:
    proxy = Proxy(server)
    async with proxy.listening(server.database()) as url:
        journal = PostgresJournal(url, node=NodeName("gw-1"))
        await journal.open()
        await accepted(journal)
        await journal.counts()

        proxy.mood = Mood.DISMISSIVE
        for _ in range(10):
            with suppress(JournalUnavailableError):
                await journal.accept(an_acceptance())
            with suppress(JournalUnavailableError):
                await journal.counts()
            await asyncio.sleep(0.05)

        proxy.mood = Mood.HONEST
        await until_it_writes(journal)
        await accepted(journal)
        assert (await journal.counts())[DESTINATION][State.PENDING] == sum(
            (await chain_of(journal)).values()
        )
        await journal.close()


async def test_what_somebody_wrote_in_its_name_is_not_followed_on_a_new_connection_either(
    server: PostgresNode,
) -> None:
    url = server.database()
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    await accepted(journal)
    place = journal.chain_head
    assert place is not None
    foreign = Head(NodeName("gw-1"), Position(*place)).append(an_entry())
    intruder = await asyncpg.connect(url)
    await intruder.execute(
        "INSERT INTO entries (node, nseq, at, action, data, series)"
        " SELECT node, $1, at, action, $2, series FROM entries",
        foreign.nseq,
        foreign.data,
    )
    await intruder.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async with asyncio.timeout(PATIENCE_S):
        while True:
            if "chain" in str(await refused(journal)):
                break
            await asyncio.sleep(0.02)

    assert "chain" in str(await refused(journal))
    assert journal.chain_head == place
    assert await chain_of(journal) == {"gw-1": 2}
    await intruder.close()
    await journal.close()


async def refused(journal: Journal) -> JournalUnavailableError:
    with pytest.raises(JournalUnavailableError) as refusal:
        await accepted(journal)
    return refusal.value


async def test_nothing_is_written_while_somebody_else_holds_the_name(
    server: PostgresNode,
) -> None:
    url = server.database()
    name = url.rpartition("/")[2]
    journal = PostgresJournal(url, node=NodeName("gw-1"))
    await journal.open()
    await accepted(journal)
    rival = await asyncpg.connect(url)
    gate = await asyncpg.connect(url.replace(name, "postgres"))
    [held] = await rival.fetch(
        "SELECT pid, (classid::bigint << 32) | objid::bigint AS key FROM pg_locks"
        " WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
        " WHERE datname = current_database())"
    )

    await gate.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await rival.execute("SELECT pg_terminate_backend($1)", held["pid"])
    await rival.execute("SELECT pg_advisory_lock($1)", held["key"])
    await gate.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    for _ in range(5):
        with pytest.raises(JournalUnavailableError):
            await journal.accept(an_acceptance())
        await asyncio.sleep(0.05)
    await rival.close()
    await gate.close()
    await until_it_writes(journal)
    await accepted(journal)
    assert await chain_of(journal) == {"gw-1": 2}
    await journal.close()


async def test_a_session_that_need_not_reach_the_disk_is_refused(server: PostgresNode) -> None:
    url = server.database()
    connection = await asyncpg.connect(url)
    name = url.rpartition("/")[2]
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await connection.close()
    journal = PostgresJournal(url, node=NodeName("gw-1"))

    with pytest.raises(JournalUnusableError, match="synchronous_commit=off"):
        await journal.open()


@pytest.mark.parametrize("setting", ["fsync=off", "full_page_writes=off"])
async def test_a_server_that_may_lose_commits_is_refused(
    server: PostgresNode, setting: str
) -> None:
    journal = PostgresJournal(server.database(), node=NodeName("gw-1"))
    await asyncio.to_thread(server.restart, setting)

    with pytest.raises(JournalUnusableError, match=setting):
        await journal.open()

    await asyncio.to_thread(server.restart)
    await journal.open()
    await journal.close()


async def test_no_server_is_unavailable() -> None:
    journal = PostgresJournal("postgresql://postgres@127.0.0.1:1/none", node=NodeName("gw-1"))

    with pytest.raises(JournalUnavailableError):
        await journal.open()

    await journal.close()


async def test_an_address_that_is_none_is_unusable() -> None:
    journal = PostgresJournal("mysql://127.0.0.1/none", node=NodeName("gw-1"))

    with pytest.raises(JournalUnusableError):
        await journal.open()
