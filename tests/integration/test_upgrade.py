"""What release 1 left behind is opened by this version and comes to its end, nothing doubled.

The golden files are described in ``tests/data/release-1/README.md``. They say what must be
there; that later versions add members and columns is as it should be.
"""

import gzip
import json
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import TypeAdapter

from gateway.audit.verify import Head, verify
from gateway.bootstrap.key_names import GATEWAY_KEY
from gateway.crypto import keys
from gateway.crypto.sign import Purpose, Verifier
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.errors import JournalUnusableError
from gateway.domain.identifiers import ClientName, DeliveryId, DestinationName, NodeName
from gateway.domain.lifecycle import State
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.records import DeliveryRecord, Dossier
from gateway.drivers.file_keys import FileKeys
from gateway.drivers.memory_keys import MemoryKeys
from gateway.ports.audit_log import EntryFilter
from gateway.ports.broker import OUTCOMES, Message, destination_queue
from gateway.ports.journal import Journal
from gateway.sdk import Receipt
from gateway.services.accept import AcceptanceReceipt, Refusal, Submission
from gateway.services.authenticate import Authenticate
from gateway.testing.builders import an_entry
from gateway.testing.contracts.journal_audit import found, places, sealing
from gateway.testing.postgres import PostgresNode
from gateway.testing.world import CLIENT, DESTINATION, MUNICIPALITY, World, eventually

RELEASE = Path(__file__).parents[1] / "data" / "release-1"
ME = Actor(ActorKind.OPERATOR, "sato")

HARMLESS = ("pending", "queued", "held", "retrying", "retrying_uncounted")
"""In flight, and never sent: claimed by nobody, or known to have had no effect."""
PERHAPS_SENT = (
    "sending_arrived", "sending_lost", "sending_reported",
    "in_doubt_due", "in_doubt_asked", "in_doubt_claimed",
)  # fmt: skip
"""In flight, and perhaps in the core system already."""
WAITING = ("parked", "in_doubt", "in_doubt_defect")
"""For a person."""
FINAL = (
    "delivered", "confirmed", "replayed", "retried", "superseded", "superseding",
    "flagged", "cancelled",
)  # fmt: skip


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BEGUN = {"budget_since": None}
"""What ``Release.accepted_just_now`` changes."""


@dataclass(frozen=True, slots=True)
class Release:
    """A copy of one golden journal, and what version 1 said of it."""

    folder: Path
    url: str
    store: MemoryKeys
    expected: dict[str, Any]

    def id(self, name: str) -> DeliveryId:
        return TypeAdapter(DeliveryId).validate_python(self.expected["deliveries"][name]["id"])

    def names(self, ids: list[str]) -> list[str]:
        """Return what deliveries are called, sorted: one that stands twice was sent twice."""
        by_id = {record["id"]: name for name, record in self.expected["deliveries"].items()}
        return sorted(by_id[id_] for id_ in ids)

    def world(self, **over: Any) -> World:
        return World.make(self.folder, store=self.store, journal={"url": self.url}, **over)

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[Journal]:
        """The journal alone, open: nothing of the gateway runs."""
        journal = self.world().gateway.journal
        await journal.open()
        try:
            yield journal
        finally:
            await journal.close()

    async def execute(self, statement: str) -> None:
        if self.url.startswith("sqlite"):
            with sqlite3.connect(self.folder / "journal.db") as database:
                database.execute(statement)
            database.close()
        else:
            connection = await asyncpg.connect(self.url)
            await connection.execute(statement)
            await connection.close()

    async def accepted_just_now(self) -> None:
        """Begin the retry budgets now: what is years old would be parked, and rightly so."""
        now = f"{time.time_ns() // 1000}" if self.url.startswith("sqlite") else "now()"
        await self.execute(f"UPDATE deliveries SET budget_since = {now}")  # noqa: S608 - a number

    async def schema_versions(self) -> list[int]:
        query = "SELECT version FROM schema_migrations ORDER BY version"
        if self.url.startswith("sqlite"):
            database = sqlite3.connect(self.folder / "journal.db")
            found = [version for (version,) in database.execute(query)]
            database.close()
            return found
        connection = await asyncpg.connect(self.url)
        rows = await connection.fetch(query)
        await connection.close()
        return [row["version"] for row in rows]

    def heads(self) -> dict[NodeName, Head]:
        """Return where version 1 saw the log end, and verified it."""
        return {
            NodeName(node): Head(head["nseq"], bytes.fromhex(head["leaf"]))
            for node, head in self.expected["heads"].items()
        }

    async def ended(
        self, world: World, name: str, state: State = State.DELIVERED, code: str | None = None
    ) -> DeliveryRecord:
        """Return a delivery once it is in ``state``."""
        record = await world.gateway.journal.delivery(self.id(name))
        assert record is not None
        return await world.until(record, state, code=code)

    async def dossier(self, journal: Journal, name: str) -> Dossier:
        """Return what is known of a delivery's application."""
        record = await journal.delivery(self.id(name))
        assert record is not None
        dossier = await journal.dossier(record.application_id)
        assert dossier is not None
        return dossier

    async def assert_untouched(self, world: World, names: tuple[str, ...]) -> None:
        for name in names:
            said = await self.says(world.gateway.journal, name)
            assert {**said, **BEGUN} == {**self.expected["deliveries"][name], **BEGUN}, name

    async def says(self, journal: Journal, name: str) -> dict[str, Any]:
        """Return what is read of a delivery, of the members that version 1 knew."""
        record = await journal.delivery(self.id(name))
        said = TypeAdapter(DeliveryRecord | None).dump_python(record, mode="json")
        return {member: said[member] for member in self.expected["deliveries"][name]}


def read(footing: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((RELEASE / footing / "expected.json").read_bytes())
    return document


def golden_message(name: str) -> Message:
    document = json.loads((RELEASE / "messages" / f"{name}.json").read_bytes())
    return Message(**{**document, "body": document["body"].encode()})


@pytest.fixture
def store(tmp_path: Path) -> MemoryKeys:
    """The release's keys, from its files, with the modes that git does not keep."""
    folder = tmp_path / "keys"
    shutil.copytree(RELEASE / "keys", folder)
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o700 if place.is_dir() else 0o600)
    files, store = FileKeys(folder), MemoryKeys()
    for name in files.names():
        store.add(name, files.private(name), private=True)
    return store


@pytest.fixture
def embedded(tmp_path: Path, store: MemoryKeys) -> Release:
    path = tmp_path / "journal.db"
    path.write_bytes(gzip.decompress((RELEASE / "sqlite" / "journal.db.gz").read_bytes()))
    return Release(tmp_path, f"sqlite:///{path}", store, read("sqlite"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def release(request: pytest.FixtureRequest, tmp_path: Path, store: MemoryKeys) -> Release:
    if request.param == "sqlite":
        found: Release = request.getfixturevalue("embedded")
        return found
    server: PostgresNode = request.getfixturevalue("postgres_node")
    release = Release(tmp_path, server.database(), store, read("postgres"))
    await release.execute((RELEASE / "postgres" / "journal.sql").read_text("utf-8"))
    return release


# What is read


async def test_every_delivery_is_read_as_it_was_written(release: Release) -> None:
    async with release.journal() as journal:
        said = {name: await release.says(journal, name) for name in release.expected["deliveries"]}
        counts = await journal.counts()

    assert said == release.expected["deliveries"]
    states = Counter(State(one["state"]) for one in said.values())
    assert counts == {DestinationName(DESTINATION): states}


async def test_what_is_kept_beside_the_deliveries_is_read(release: Release) -> None:
    async with release.journal() as journal:
        delivered = await release.dossier(journal, "delivered")
        superseded = await release.dossier(journal, "superseded")
        superseding = await release.dossier(journal, "superseding")
        beats = await journal.heartbeats()

    assert delivered.application.traceparent == TRACEPARENT
    assert [(status.id, status.status, status.code) for status in delivered.feedback] == [
        ("KEKKA_0001.csv:1", FeedbackStatus.ACCEPTED, "R01"),
        ("KEKKA_0002.csv:1", FeedbackStatus.COMPLETED, "R02"),
    ]
    assert superseded.application.superseded_by == superseding.application.id
    assert superseding.application.supersedes == superseded.application.id
    assert {(beat.adapter, beat.healthy) for beat in beats} == {("scripted 1.0.0", True)}


async def test_the_log_verifies_and_goes_on_from_its_head(release: Release) -> None:
    async with release.journal() as journal:
        await journal.record([an_entry()])
        report = verify(
            [entry async for entry in journal.entries()], expected_heads=release.heads()
        )

    assert report.failures == ()
    # Behind the head stands that version 1 verified the log, then what was recorded now.
    assert report.heads[journal.node].nseq == release.expected["entries"] + 2


async def test_the_log_is_sealed_from_its_first_entry_on_and_can_be_searched(
    release: Release,
) -> None:
    async with release.journal() as journal:
        stored = [entry async for entry in journal.entries()]
        while await journal.seal(sealing(), limit=40) is not None:
            pass
        order = await places(journal)
        actors = Counter(json.loads(entry.data)["actor"]["name"] for entry in stored)
        by_actor = {name: await found(journal, EntryFilter(actor=name)) for name in actors}
        where = EntryFilter(municipality=MUNICIPALITY, actor_kind=ActorKind.CLIENT)
        accepted = await found(journal, where)

    assert sorted(order) == [(entry.node, entry.nseq) for entry in stored]
    assert {name: len(entries) for name, entries in by_actor.items()} == actors
    assert {json.loads(one.entry.data)["action"] for one in accepted} == {"application.accepted"}
    assert all(one.index is not None and one.detail_key is None for one in accepted)


# Who holds something of the old version


async def test_api_keys_open_the_door_as_before(release: Release) -> None:
    async with release.journal() as journal:
        authenticate = Authenticate(journal=journal)
        await authenticate.reload()

    revoked = authenticate(f"Bearer {release.expected['revoked_api_key']}")

    assert authenticate(f"Bearer {release.expected['api_key']}") == CLIENT
    assert isinstance(revoked, Refusal)
    assert revoked.code == "client.key_revoked"


async def test_a_request_that_is_sent_again_gets_the_old_acceptance(release: Release) -> None:
    before = release.expected["submission"]
    submission = Submission(
        client=ClientName(CLIENT),
        municipality=MUNICIPALITY,
        idempotency_key=before["idempotency_key"],
        raw=before["raw"].encode(),
    )
    jwk = release.store.public(GATEWAY_KEY)
    verifier = Verifier({keys.thumbprint(jwk): jwk})

    async with release.world(paused=True) as world:
        again = await world.gateway.accept(submission)
        other = await world.gateway.accept(replace(submission, idempotency_key="another"))
        found = await world.gateway.operate.look.status("A-000001", actor=ME)

    old = json.loads(verifier.verify_attached(before["receipt"], Purpose.RECEIPT)[0])
    assert isinstance(again, AcceptanceReceipt)
    new = json.loads(verifier.verify_attached(again.receipt, Purpose.RECEIPT)[0])
    assert {claim: new[claim] for claim in old} == old
    assert (again.replayed, again.commitment_value.hex()) == (True, before["commitment"])
    assert isinstance(other, Refusal)
    assert (other.code, str(other.existing)) == ("application.already_received", str(again.id))
    assert [status["id"] for status in found] == [str(again.id)]


# What was in flight


async def test_what_was_in_flight_comes_to_its_end_and_nothing_is_doubled(
    release: Release,
) -> None:
    arrived = ("sending_arrived", "in_doubt_asked")
    await release.accepted_just_now()

    async with release.world(idempotency="lookup") as world:
        for name in arrived:
            world.adapter.held[str(release.id(name))] = Receipt(reference="K-there")
        world.start_worker()
        ended = {name: await release.ended(world, name) for name in HARMLESS + PERHAPS_SENT}
        await release.assert_untouched(world, WAITING + FINAL)
        report = verify([entry async for entry in world.gateway.journal.entries()])
        sent = [delivery.idempotency_key for _, delivery in world.adapter.sent]

    assert release.names(sent) == sorted({*HARMLESS, *PERHAPS_SENT} - {*arrived})
    assert {ended[name].reference for name in arrived} == {"K-there"}
    # What was not there was looked for first, and sent in an attempt of its own.
    assert [ended[name].attempt for name in PERHAPS_SENT if name not in arrived] == [2] * 4
    assert report.ok


async def test_what_may_have_been_sent_is_never_sent_where_nobody_can_look(
    release: Release,
) -> None:
    await release.accepted_just_now()

    async with release.world(idempotency="none") as world:
        world.start_worker()
        for name in HARMLESS:
            await release.ended(world, name)
        for name in PERHAPS_SENT:
            await release.ended(world, name, State.IN_DOUBT, code="delivery.effect_unknown")
        await release.assert_untouched(world, WAITING + FINAL)
        sent = [delivery.idempotency_key for _, delivery in world.adapter.sent]

    assert release.names(sent) == sorted(HARMLESS)


async def test_a_person_can_still_decide_about_what_waits(release: Release) -> None:
    await release.accepted_just_now()

    async with release.world() as world:
        world.start_worker()
        decide = world.gateway.operate.decide
        ids = {name: str(release.id(name)) for name in WAITING}
        await decide.replay(ids["parked"], actor=ME, reason="corrected there")
        await decide.confirm(ids["in_doubt"], actor=ME, reason="found there", reference="K-903")
        await decide.cancel(ids["in_doubt_defect"], actor=ME, reason="taken back")
        parked = await release.ended(world, "parked")
        confirmed = await release.ended(world, "in_doubt")
        await release.ended(world, "in_doubt_defect", State.CANCELLED)

    assert (parked.attempt, confirmed.reference) == (2, "K-903")


async def test_messages_under_way_are_taken_by_the_new_version(embedded: Release) -> None:
    await embedded.accepted_just_now()

    async with embedded.world(idempotency="lookup") as world:
        await world.broker.publish(OUTCOMES, golden_message("outcome-under-way"))
        reported = await embedded.ended(world, "sending_reported")
        # A broker that forgets nothing still has the copy that the gateway puts back.
        queue = destination_queue(DESTINATION)
        await world.broker.publish(queue, golden_message("delivery-under-way"))
        world.start_worker()
        await embedded.ended(world, "queued")
        await eventually(lambda: not world.worker._in_hand)
        sent = embedded.names([delivery.idempotency_key for _, delivery in world.adapter.sent])

    assert reported.reference == "K-902"
    assert (sent.count("sending_reported"), sent.count("queued")) == (0, 1)


# The way back


async def test_a_journal_of_a_later_version_is_refused_and_left_as_it_is(
    release: Release,
) -> None:
    await release.execute(
        "INSERT INTO schema_migrations (version, name, sha256) VALUES (9999, 'later', '0')"
    )
    before = await release.schema_versions()

    with pytest.raises(JournalUnusableError, match="schema_newer 9999"):
        await release.world().gateway.journal.open()

    assert await release.schema_versions() == before == [1, 9999]
