"""What waits, by its causes; orders to send it again; and whom to ask for it once more."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.verify import read
from gateway.crypto import keys
from gateway.crypto.at_rest import WordsAtRest
from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.identifiers import NodeName
from gateway.domain.lifecycle import State
from gateway.domain.repair import ReplayState
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.operate.repair import Repair
from gateway.services.operate.selection import Wanted
from gateway.testing.builders import NOW, an_acceptance
from gateway.testing.contracts.journal import becomes
from gateway.testing.contracts.journal_repairs import halt, waiting
from gateway.testing.world import words_of_last

ME = Actor(ActorKind.OPERATOR, "sato")
TO = "jido-teate"
NOBODY = "01a20000-0000-7000-8000-000000000000"


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SQLiteJournal]:
    journal = SQLiteJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    yield journal
    await journal.close()


@pytest.fixture
def repair(journal: SQLiteJournal) -> Repair:
    at_rest = WordsAtRest(keys.new_secret())
    return Repair(journal=journal, clock=SystemClock(), new_id=new_id, at_rest=at_rest)


async def log(journal: SQLiteJournal) -> list[Any]:
    return [read(stored.data) async for stored in journal.entries()]


async def ordered(repair: Repair, where: Wanted | None = None, **over: Any) -> Any:
    said: dict[str, Any] = {"actor": ME, "reason": "直した", **over}
    return await repair.order(where or Wanted(destination=TO), **said)


# Groups


async def test_a_group_keeps_its_name_as_long_as_its_cause_is_the_same(
    journal: SQLiteJournal, repair: Repair
) -> None:
    await waiting(journal)
    [before] = await repair.groups()
    await waiting(journal, since=NOW + timedelta(hours=1), municipality="131024")
    [after] = await repair.groups()

    assert before["id"] == after["id"] == "6a51de16"
    assert (before["deliveries"], after["deliveries"]) == (1, 2)
    assert after["first_at"] == "2026-11-20T00:30:00.000+00:00"
    assert after["last_at"] == "2026-11-20T01:30:00.000+00:00"


async def test_what_differs_in_any_part_of_the_cause_is_another_group(
    journal: SQLiteJournal, repair: Repair
) -> None:
    for over in (
        {},
        {"state": State.IN_DOUBT},
        {"destination": "archive"},
        {"code": "core.full"},
        {"code": None},
        {"adapter": "file 2.0.0"},
        {"adapter": None},
    ):
        await waiting(journal, **over)

    assert len({group["id"] for group in await repair.groups()}) == 7


async def test_groups_are_of_both_states_unless_one_is_asked_for(
    journal: SQLiteJournal, repair: Repair
) -> None:
    await waiting(journal)
    await waiting(journal, state=State.IN_DOUBT)

    assert len(await repair.groups()) == 2
    [group] = await repair.groups(Wanted(in_doubt=True))
    assert group["state"] == "in_doubt"


@pytest.mark.parametrize(
    ("over", "count"),
    [
        ({"code": "core.full"}, 1),
        ({"adapter": "file 2.0.0"}, 1),
        ({"municipality": "131024"}, 1),
        ({"destination": "archive"}, 1),
        ({"since": "2026-11-20T10:00"}, 1),
        ({"since": "2026-11-20T01:00:00Z"}, 1),
        ({"until": "2026-11-20T10:00"}, 4),
        ({"until": "2026-11-20"}, 0),
    ],
)
async def test_a_filter_selects_and_its_times_are_japans(
    journal: SQLiteJournal, repair: Repair, over: dict[str, str], count: int
) -> None:
    await waiting(journal, code="core.full")
    await waiting(journal, adapter="file 2.0.0")
    await waiting(journal, municipality="131024")
    await waiting(journal, since=NOW + timedelta(hours=1))
    await waiting(journal, destination="archive")

    groups: list[Any] = await repair.groups(Wanted(**over))  # type: ignore[arg-type]

    assert sum(group["deliveries"] for group in groups) == count


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (Wanted(since="yesterday"), "since must look like 2026-11-20"),
        (Wanted(since="2026-11-20", until="2026-11-20"), "since must be before until"),
        (Wanted(code="a\nb"), "a code of 1 to 200 characters"),
        (Wanted(adapter=""), "an? adapter of 1 to 200"),
        (Wanted(group="c18bbcff", code="x"), "a group says its code itself"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused_in_words(
    repair: Repair, where: Wanted, says: str
) -> None:
    with pytest.raises(OperationError, match=says):
        await repair.groups(where)


async def test_a_group_that_is_not_there_is_not_found(repair: Repair) -> None:
    with pytest.raises(NotFoundError, match="c18bbcff"):
        await repair.groups(Wanted(group="c18bbcff"))


# Orders


async def test_a_plan_tells_what_an_order_would_do_and_changes_nothing(
    journal: SQLiteJournal, repair: Repair
) -> None:
    for _ in range(21):
        await waiting(journal)
    await waiting(journal, code="core.full")
    before = await log(journal)

    plan: Any = await repair.plan(Wanted(destination=TO))

    assert (plan["total"], plan["canary"], plan["rate_per_s"]) == (22, 5, 10.0)
    assert [group["deliveries"] for group in plan["groups"]] == [21, 1]
    assert await log(journal) == before
    assert await repair.orders() == []


async def test_an_order_is_frozen_and_written_down(journal: SQLiteJournal, repair: Repair) -> None:
    for _ in range(2):
        await waiting(journal, municipality="131024")

    order = await ordered(
        repair, Wanted(destination=TO, municipality="131024", code="core.refused"), rate_per_s=2.5
    )
    await waiting(journal, municipality="131024")

    assert order["total"] == 2
    assert order["progress"]["waiting"] == 2
    assert (order["ordered_by"], order["node"]) == ("sato", "gw-1")
    shown: Any = await repair.show(order["id"])
    assert shown["total"] == 2
    entry = next(one for one in await log(journal) if one["facts"].get("order"))
    assert entry["action"] == "replay.ordered"
    assert entry["actor"] == {"kind": "operator", "name": "sato"}
    assert entry["municipality"] == "131024"
    assert entry["facts"] == {
        "order": order["id"],
        "deliveries": 2,
        "selection": "parked, jido-teate, core.refused, 131024",
        "canary": 0,
        "rate_per_s": "2.5",
    }
    assert await words_of_last(journal, Action.REPLAY_ORDERED) == {"reason": "直した"}


@pytest.mark.parametrize(
    ("deliveries", "said", "canary"), [(20, None, 0), (21, None, 5), (3, 9, 3), (21, 0, 0)]
)
async def test_few_go_without_a_canary_and_many_with_one_unless_it_is_said(
    journal: SQLiteJournal, repair: Repair, deliveries: int, said: int | None, canary: int
) -> None:
    for _ in range(deliveries):
        await waiting(journal)

    assert (await ordered(repair, canary=said))["canary"] == canary


async def test_a_group_is_ordered_by_its_name_and_nothing_else_with_it(
    journal: SQLiteJournal, repair: Repair
) -> None:
    bare = await waiting(journal, code=None, adapter=None)
    await waiting(journal)
    await waiting(journal, code=None)
    await waiting(journal, adapter=None)
    group = next(
        str(one["id"])
        for one in await repair.groups()
        if (one["code"], one["adapter"]) == (None, None)
    )

    order = await ordered(repair, Wanted(group=group))

    [stored] = await journal.replay_orders()
    [item] = await journal.replay_items(stored.id, limit=9)
    assert item.delivery == bare
    assert order["selection"] == "parked, jido-teate, no code, no adapter"


async def test_what_is_in_doubt_is_sent_again_only_when_that_is_asked_for(
    journal: SQLiteJournal, repair: Repair
) -> None:
    await waiting(journal, state=State.IN_DOUBT)
    [group] = await repair.groups()
    named = str(group["id"])

    with pytest.raises(OperationError, match="nothing waits of what was selected: parked"):
        await ordered(repair)
    with pytest.raises(OperationError, match="may have arrived"):
        await ordered(repair, Wanted(group=named))
    order = await ordered(repair, Wanted(group=named, in_doubt=True))

    assert order["selection"] == "in_doubt, jido-teate, core.refused, file 1.0.0"


async def test_what_is_parked_is_not_sent_with_what_is_in_doubt(
    journal: SQLiteJournal, repair: Repair
) -> None:
    await waiting(journal)
    await waiting(journal, state=State.IN_DOUBT)
    parked = str((await repair.groups())[0]["id"])

    assert (await ordered(repair, Wanted(destination=TO, in_doubt=True)))["total"] == 1
    with pytest.raises(OperationError, match="parked, not in doubt"):
        await ordered(repair, Wanted(group=parked, in_doubt=True))


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"reason": " "}, "a reason of 1 to 200"),
        ({"reason": "x" * 201}, "a reason of 1 to 200"),
        ({"where": Wanted()}, "a group or a destination"),
        ({"where": Wanted(code="core.refused")}, "a group or a destination"),
        ({"where": Wanted(destination="archive")}, "nothing waits of what was selected: parked, a"),
        ({"canary": -1}, "the canary is a number"),
        ({"rate_per_s": 0.0}, "the rate is 0.001 to 1000"),
        ({"rate_per_s": float("nan")}, "the rate is 0.001 to 1000"),
        ({"rate_per_s": 1e6}, "the rate is 0.001 to 1000"),
    ],
)
async def test_an_order_that_cannot_be_is_refused_and_not_stored(
    journal: SQLiteJournal, repair: Repair, over: dict[str, Any], says: str
) -> None:
    await waiting(journal)
    before = await log(journal)

    with pytest.raises(OperationError, match=says):
        await ordered(repair, **over)

    assert await repair.orders() == []
    assert await log(journal) == before


async def test_orders_are_listed_newest_first(journal: SQLiteJournal, repair: Repair) -> None:
    await waiting(journal)
    ids = [(await ordered(repair))["id"] for _ in range(3)]

    assert [order["id"] for order in await repair.orders(limit=2)] == [ids[2], ids[1]]


async def test_an_unknown_order_is_not_found(repair: Repair) -> None:
    for unknown in (NOBODY, "7"):
        with pytest.raises(NotFoundError):
            await repair.show(unknown)
        with pytest.raises(NotFoundError):
            await repair.stop(unknown, actor=ME, reason="x")


async def test_a_halted_order_is_resumed_without_a_canary(
    journal: SQLiteJournal, repair: Repair
) -> None:
    await waiting(journal)
    order = await ordered(repair, canary=1)
    [stored] = await journal.replay_orders()
    await halt(journal, stored.id)

    resumed = await repair.resume(order["id"], actor=ME, reason="見た")

    assert (resumed["state"], resumed["canary"]) == ("running", 0)
    entry = (await log(journal))[-1]
    assert entry["action"] == "replay.resumed"
    assert entry["facts"] == {"order": order["id"]}
    assert await words_of_last(journal, Action.REPLAY_RESUMED) == {"reason": "見た"}


@pytest.mark.parametrize("state", [ReplayState.RUNNING, ReplayState.HALTED])
async def test_an_open_order_is_stopped_once(
    journal: SQLiteJournal, repair: Repair, state: ReplayState
) -> None:
    await waiting(journal)
    order = await ordered(repair)
    [stored] = await journal.replay_orders()
    if state == ReplayState.HALTED:
        await halt(journal, stored.id)

    stopped = await repair.stop(order["id"], actor=ME, reason="別の原因")

    assert stopped["state"] == "cancelled"
    assert (await log(journal))[-1]["action"] == "replay.cancelled"
    with pytest.raises(OperationError, match="is cancelled; this is for one that is halted or run"):
        await repair.stop(order["id"], actor=ME, reason="x")


async def test_an_order_that_runs_is_not_resumed(journal: SQLiteJournal, repair: Repair) -> None:
    await waiting(journal)
    order = await ordered(repair)
    before = await log(journal)

    with pytest.raises(OperationError, match="the order is running; this is for one that is halt"):
        await repair.resume(order["id"], actor=ME, reason="x")
    for decision in (repair.resume, repair.stop):
        with pytest.raises(OperationError, match="a reason of"):
            await decision(order["id"], actor=ME, reason="")

    assert await log(journal) == before


# Resubmissions


async def test_whom_to_ask_for_what_is_told_without_personal_data(
    journal: SQLiteJournal, repair: Repair
) -> None:
    acceptance = an_acceptance()
    await journal.accept(acceptance)
    delivery = acceptance.deliveries[0].record.id
    parked = becomes(State.PARKED, code="core.refused", pointer="/content/x", adapter="file 1.0.0")
    await journal.decide(delivery, parked)

    found: Any = await repair.resubmissions(Wanted(adapter="file 1.0.0"))

    assert found == {
        "applications": [
            {
                "client": "portal",
                "application": str(acceptance.application.id),
                "municipality": "131016",
                "procedure": "childcare/allowance-claim",
                "version": 1,
                "accepted_at": "2026-11-20T00:30:00.000+00:00",
                "delivery": str(delivery),
                "destination": TO,
                "state": "parked",
                "code": "core.refused",
                "pointer": "/content/x",
            }
        ],
        "before": None,
    }


async def test_what_waits_elsewhere_or_was_resubmitted_is_not_asked_for(
    journal: SQLiteJournal, repair: Repair
) -> None:
    first = an_acceptance(destinations=(TO, "archive"))
    await journal.accept(first)
    for sealed in first.deliveries:
        await journal.decide(sealed.record.id, becomes(State.PARKED))
    doubted = an_acceptance()
    await journal.accept(doubted)
    await journal.decide(doubted.deliveries[0].record.id, becomes(State.IN_DOUBT))

    async def asked(**where: Any) -> list[str]:
        found: Any = await repair.resubmissions(Wanted(**where))
        return [f"{one['destination']} {one['state']}" for one in found["applications"]]

    assert await asked(destination=TO) == [f"{TO} parked"]
    assert await asked() == [f"{TO} parked", "archive parked"]
    assert await asked(in_doubt=True) == [f"{TO} in_doubt"]
    assert await asked(code="core.other") == []
    assert await asked(since="2099-01-01") == []

    await journal.accept(
        an_acceptance(receipt_mac=first.application.receipt_mac, supersedes=first.application.id)
    )

    assert await asked() == []


async def test_what_to_ask_for_is_told_page_by_page(journal: SQLiteJournal, repair: Repair) -> None:
    wanted = [await waiting(journal) for _ in range(3)]
    for _ in range(3):
        await waiting(journal, code="core.other")

    found: list[str] = []
    before: str | None = None
    pages = 0
    while pages == 0 or before:
        page: Any = await repair.resubmissions(Wanted(code="core.refused"), before=before, limit=2)
        found += [one["delivery"] for one in page["applications"]]
        before, pages = page["before"], pages + 1

    assert found == [str(delivery) for delivery in reversed(wanted)]
    assert pages == 3
