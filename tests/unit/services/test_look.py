"""Where everything is: by id, by 受付番号, by state, page by page, and worker by worker."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.ports.journal import Decision
from gateway.sdk import Feedback, FeedbackStatus, RejectedError
from gateway.services.accept import AcceptanceReceipt
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.verdict import NEXT_STEP, next_step
from gateway.testing.builders import (
    NOW,
    a_delivery,
    a_heartbeat,
    an_acceptance,
    an_application,
    an_entry,
)
from gateway.testing.world import CLIENT, DESTINATION, MUNICIPALITY, World

OTHER = "011002"
CLERK = Actor(ActorKind.OPERATOR, "suzuki")


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[World]:
    """Two municipalities that share a portal; nothing is published."""
    worlds = World.make(
        tmp_path,
        paused=True,
        municipalities={OTHER: {"name": "札幌市"}},
        clients={CLIENT: {"municipalities": [MUNICIPALITY, OTHER], "procedures": ["*"]}},
        destinations={"north": {"municipality": OTHER, "adapter": "file", "paused": True}},
        routes=[
            {"municipality": MUNICIPALITY, "procedure": "*", "to": [DESTINATION]},
            {"municipality": OTHER, "procedure": "*", "to": ["north"]},
        ],
    )
    async with worlds as world:
        yield world


async def sent(world: World, **over: Any) -> UUID:
    receipt = await world.submit(**over)
    assert isinstance(receipt, AcceptanceReceipt), receipt
    return receipt.id


async def put(world: World, application: UUID, state: State) -> DeliveryRecord:
    delivery = await world.delivery_of(application)

    def rule(record: DeliveryRecord) -> Decision[DeliveryRecord]:
        changed = replace(record, state=state, code="E1")
        entry = an_entry(action=Action.DELIVERY_DUE, application=record.application_id)
        return Decision(answer=changed, record=changed, entries=(entry,))

    return await world.gateway.journal.decide(delivery.id, rule)


async def test_an_application_is_found_by_its_id(world: World) -> None:
    world.start_worker()
    record = await world.until(await world.accepted(), State.DELIVERED)

    [found] = await world.gateway.operate.look.status(str(record.application_id), actor=CLERK)

    assert found["id"] == str(record.application_id)
    assert (found["status"], found["client"]) == ("delivered", CLIENT)
    timeline: Any = found["timeline"]
    assert [hop["action"] for hop in timeline] == [
        "application.accepted",
        "delivery.queued",
        "delivery.claimed",
        "delivery.delivered",
    ]
    assert timeline[0]["actor"] == f"client:{CLIENT}"


async def test_a_receipt_number_is_found_in_every_municipality(town: World) -> None:
    here = await sent(town, receipt_number="A-2026-1")
    there = await sent(town, receipt_number="A-2026-1", municipality=OTHER)
    await sent(town, receipt_number="A-2026-2")

    found = await town.gateway.operate.look.status("A-2026-1", actor=CLERK)

    assert {(one["municipality"], one["id"]) for one in found} == {
        (MUNICIPALITY, str(here)),
        (OTHER, str(there)),
    }


async def test_a_receipt_number_that_looks_like_an_id_is_found(town: World) -> None:
    number = "0" * 32
    there = await sent(town, receipt_number=number)

    [found] = await town.gateway.operate.look.status(number, actor=CLERK)

    assert found["id"] == str(there)


@pytest.mark.parametrize("subject", ["A-0000", "00000000-0000-7000-8000-000000000000", "", "{}"])
async def test_what_nobody_sent_is_not_found(town: World, subject: str) -> None:
    with pytest.raises(NotFoundError, match="no application has this id or 受付番号"):
        await town.gateway.operate.look.status(subject, actor=CLERK)


async def test_whoever_looks_at_one_application_is_in_the_log_but_not_in_its_timeline(
    town: World,
) -> None:
    application = await sent(town)
    delivery = await town.delivery_of(application)
    look = town.gateway.operate.look

    await look.status(str(application), actor=CLERK)
    await look.parked_one(str(delivery.id), actor=CLERK)
    [found] = await look.status(str(application), actor=CLERK)

    timeline: Any = found["timeline"]
    assert [hop["action"] for hop in timeline] == ["application.accepted"]
    reads = [entry for entry in await town.log() if entry["action"] == "log.read"]
    assert [entry["facts"] for entry in reads] == [
        {"purpose": "status"},
        {"purpose": "parked.show"},
        {"purpose": "status"},
    ]
    assert {entry["application"] for entry in reads} == {str(application)}
    assert {entry["actor"]["name"] for entry in reads} == {"suzuki"}


async def test_messages_are_listed_newest_first_in_pages(town: World) -> None:
    ids = sorted([str(await sent(town)) for _ in range(5)])
    look = town.gateway.operate.look

    first = await look.messages(limit=2)
    second = await look.messages(limit=2, before=str(first[-1]["id"]))
    third = await look.messages(limit=2, before=str(second[-1]["id"]))

    pages = [[one["id"] for one in page] for page in (first, second, third)]
    assert pages == [ids[:2:-1], ids[2:0:-1], ids[:1]]


async def test_messages_are_listed_by_what_is_asked_for(town: World) -> None:
    here = await sent(town)
    there = await sent(town, municipality=OTHER)
    await put(town, here, State.PARKED)
    look = town.gateway.operate.look

    by_state = await look.messages(states=["parked", "in_doubt"])
    by_municipality = await look.messages(municipality=OTHER)
    by_destination = await look.messages(destination="north")
    nothing = await look.messages(municipality=OTHER, states=["parked"])

    assert [one["id"] for one in by_state] == [str(here)]
    assert [one["id"] for one in by_municipality] == [str(there)]
    assert [one["id"] for one in by_destination] == [str(there)]
    assert nothing == []


async def test_a_retry_from_before_the_clock_was_set_back_is_said_to_be_due_now(
    town: World,
) -> None:
    application, now = await sent(town), datetime.now(UTC)
    [delivery] = [await town.delivery_of(application)]
    hour = timedelta(hours=1)
    waits = replace(
        delivery, state=State.RETRYING, due_at=now + hour, updated_at=now + hour, code="x.y"
    )
    await town.gateway.journal.decide(delivery.id, lambda _: Decision(answer=None, record=waits))
    await town.gateway.operate.destinations.resume(
        DESTINATION, actor=CLERK, reason="the hour is over"
    )

    [shown] = await town.gateway.operate.look.status(str(application), actor=CLERK)

    assert datetime.fromisoformat(str(shown["next_attempt_at"])) < now + hour / 2


@pytest.mark.parametrize("limit", [0, -1, 10**6])
async def test_a_page_has_at_least_one_line_and_no_end_of_them(town: World, limit: int) -> None:
    await sent(town)

    assert len(await town.gateway.operate.look.messages(limit=limit)) == 1


async def test_an_unknown_state_or_page_is_refused_in_words(town: World) -> None:
    look = town.gateway.operate.look

    with pytest.raises(OperationError, match="known: pending, queued"):
        await look.messages(states=["lost"])
    with pytest.raises(NotFoundError):
        await look.messages(before="yesterday")


async def test_what_waits_for_a_person_is_listed_by_destination(town: World) -> None:
    for state in (State.PARKED, State.IN_DOUBT, State.RETRYING):
        await put(town, await sent(town), state)
    await put(town, await sent(town, municipality=OTHER), State.PARKED)
    look = town.gateway.operate.look

    everywhere = await look.parked()
    north = await look.parked(destination="north")

    assert sorted(str(one["state"]) for one in everywhere) == ["in_doubt", "parked", "parked"]
    assert [one["destination"] for one in north] == ["north"]


async def test_one_delivery_is_shown_with_its_next_step(town: World) -> None:
    delivery = await put(town, await sent(town), State.PARKED)

    view: Any = await town.gateway.operate.look.parked_one(str(delivery.id), actor=CLERK)

    assert (view["id"], view["code"]) == (str(delivery.id), "E1")
    assert "replay" in view["next_step"]["en"]
    with pytest.raises(NotFoundError):
        await town.gateway.operate.look.parked_one(
            "00000000-0000-7000-8000-000000000000", actor=CLERK
        )


async def test_the_overview_counts_deliveries_and_tells_living_workers_from_dead(
    town: World,
) -> None:
    await sent(town)
    now = datetime.now(UTC)
    for worker, age_s in (("w1/alive", 1), ("w1/dead", 60)):
        await town.gateway.journal.put_heartbeat(
            a_heartbeat(
                worker=WorkerName(worker),
                destination=DestinationName(DESTINATION),
                at=now - timedelta(seconds=age_s),
            )
        )

    overview: Any = await town.gateway.operate.look.overview()

    assert overview["node"] == "gw-1"
    assert overview["destinations"] == [
        {
            "destination": DESTINATION,
            "configured": True,
            "paused": True,
            "hold": "destination.paused",
            "opens_at": None,
            "deliveries": {"pending": 1},
        },
        {
            "destination": "north",
            "configured": True,
            "paused": True,
            "hold": "destination.paused",
            "opens_at": None,
            "deliveries": {},
        },
    ]
    assert {one["worker"]: one["alive"] for one in overview["workers"]} == {
        "w1/alive": True,
        "w1/dead": False,
    }


async def test_a_destination_that_is_configured_no_more_is_seen_while_it_has_deliveries(
    town: World,
) -> None:
    gone = an_acceptance(destinations=("gone",))
    await town.gateway.journal.accept(gone)

    overview: Any = await town.gateway.operate.look.overview()

    assert overview["destinations"][2:] == [
        {
            "destination": "gone",
            "configured": False,
            "paused": False,
            "hold": None,
            "opens_at": None,
            "deliveries": {"pending": 1},
        }
    ]


async def test_what_waits_for_a_person_is_listed_in_pages(town: World) -> None:
    for _ in range(5):
        await put(town, await sent(town), State.PARKED)
    look = town.gateway.operate.look

    first = await look.parked(limit=2)
    second = await look.parked(limit=2, before=str(first[-1]["id"]))
    third = await look.parked(limit=2, before=str(second[-1]["application"]))

    pages = [[one["application"] for one in page] for page in (first, second, third)]
    listed = [id_ for page in pages for id_ in page]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert listed == sorted(set(listed), reverse=True)
    with pytest.raises(NotFoundError):
        await look.parked(before="yesterday")


# What a front end is told


async def test_a_client_is_told_of_its_own_applications_only(world: World) -> None:
    world.start_worker()
    record = await world.until(await world.accepted(), State.DELIVERED)
    world.adapter.statuses.put_nowait(
        Feedback(
            id="r1",
            idempotency_key=str(record.id),
            status=FeedbackStatus.ACCEPTED,
            at=datetime.now(UTC),
        )
    )
    dossiers: list[Any] = []
    while not dossiers or not dossiers[-1]["feedback"]:
        dossiers.append(await world.gateway.track.status(record.application_id, CLIENT))

    assert dossiers[-1]["deliveries"] == [{"destination": DESTINATION, "state": "delivered"}]
    assert dossiers[-1]["feedback"][0]["status_ja"] == "受理"
    assert await world.gateway.track.status(record.application_id, "another") is None
    assert await world.gateway.track.status(record.id, CLIENT) is None


async def test_an_application_and_the_one_it_supersedes_name_each_other(town: World) -> None:
    first = await sent(town, receipt_number="A-1")
    second = await sent(town, receipt_number="A-1", supersedes=str(first))

    older = await town.gateway.track.status(first, CLIENT)
    newer = await town.gateway.track.status(second, CLIENT)

    assert older is not None
    assert newer is not None
    assert older["superseded_by"] == str(second)
    assert newer["supersedes"] == str(first)


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_next_step_in_both_languages(state: State) -> None:
    record = a_delivery(an_application(), state=state, code="E{0}1", due_at=NOW).record

    japanese, english = next_step(record)

    assert state in NEXT_STEP
    assert japanese
    assert english.isascii()
    assert "{due_at}" not in japanese + english


def test_a_doubt_that_will_be_looked_up_asks_nobody() -> None:
    waiting = a_delivery(an_application(), state=State.IN_DOUBT, due_at=NOW).record
    stuck = replace(waiting, due_at=None)

    assert "looks it up at 2026-11-20" in next_step(waiting)[1]
    assert "confirm, replay or cancel" in next_step(stuck)[1]


async def test_a_rejection_shows_its_code_and_nothing_else_of_the_core_system(
    world: World,
) -> None:
    def rejects(*_: object) -> Any:
        raise RejectedError("山田太郎は対象外です", "/content/reason")

    world.adapter.script = [rejects]
    world.start_worker()
    await world.until(await world.accepted(), State.PARKED)

    [parked] = await world.gateway.operate.look.parked()

    assert (parked["code"], parked["pointer"]) == ("destination.rejected", "/content/reason")
    assert "山田" not in str(parked)
