"""What every journal must keep of what people make of what waits, and of requests to approve.

A driver's test mixes ``AttentionContract`` into the class that keeps ``JournalContract`` and its
fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.approval import Approval, ApprovalId, ApprovalState
from gateway.domain.attention import AttentionGroup, AttentionNote, AttentionState, WaitingHour
from gateway.domain.entry import Action
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.domain.repair import WaitingFilter
from gateway.ports.journal import Journal
from gateway.testing.builders import NOW, an_entry, an_id
from gateway.testing.contracts.journal import NodeMaker, chain_of
from gateway.testing.contracts.journal_repairs import waiting

TO = DestinationName("jido-teate")


def a_group(**over: Any) -> AttentionGroup:
    """Return the first version of a group's row."""
    group = AttentionGroup(
        id="6a51de16",
        version=1,
        waits=State.PARKED,
        destination=TO,
        code="core.refused",
        adapter=None,
        state=AttentionState.OPEN,
        since=NOW,
    )
    return replace(group, **over)


def a_note(**over: Any) -> AttentionNote:
    """Return a note on that group."""
    note = AttentionNote(id=an_id(), group="6a51de16", at=NOW, by="sato", text="sealed.1.xyz")
    return replace(note, **over)


def an_approval(**over: Any) -> Approval:
    """Return a request that waits."""
    approval = Approval(
        id=ApprovalId(an_id()),
        operation="replay.order",
        arguments="sealed.1.abc",
        subject="parked, jido-teate",
        fingerprint="f" * 64,
        deliveries=3,
        requested_by="sato",
        requested_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    return replace(approval, **over)


def decided(approval: Approval, **over: Any) -> Approval:
    """Return the request as somebody approved it."""
    by: dict[str, Any] = {
        "state": ApprovalState.APPROVED,
        "decided_by": "suzuki",
        "decided_at": NOW,
        "decided_reason": "sealed.1.def",
    }
    return replace(approval, **{**by, **over})


class AttentionContract:
    """Promises of ``ports.attention`` and ``ports.approvals``, one test each."""

    async def test_a_group_is_kept_with_its_notes_and_entries(self, journal: Journal) -> None:
        entry = an_entry(action=Action.ATTENTION_NOTED)
        first, second = a_note(), a_note(by="suzuki")

        assert await journal.put_attention(a_group(), note=first, entry=entry)
        acknowledged = a_group(
            version=2,
            state=AttentionState.ACKNOWLEDGED,
            acknowledged_by="suzuki",
            acknowledged_until=NOW + timedelta(hours=1),
            reopened_at=NOW,
        )
        assert await journal.put_attention(acknowledged, note=second)

        assert list(await journal.attention()) == [replace(acknowledged, notes=2)]
        assert list(await journal.attention_notes("6a51de16")) == [second, first]
        assert list(await journal.attention_notes("6a51de16", limit=1)) == [second]
        assert list(await journal.attention_notes("00000000")) == []
        assert len([one async for one in journal.entries()]) == 1

    async def test_of_several_who_change_a_group_at_once_one_does(self, journal: Journal) -> None:
        await journal.put_attention(a_group())

        changed = await asyncio.gather(
            *(
                journal.put_attention(
                    a_group(version=2, acknowledged_by=name),
                    note=a_note(by=name),
                    entry=an_entry(action=Action.ATTENTION_ACKNOWLEDGED),
                )
                for name in ("sato", "suzuki", "tanaka")
            )
        )

        assert sorted(changed) == [False, False, True]
        assert len(await journal.attention_notes("6a51de16")) == 1
        assert sum((await chain_of(journal)).values()) == 1

    async def test_what_waits_is_counted_by_the_hour_in_which_it_began(
        self, journal: Journal
    ) -> None:
        hour = datetime(2026, 11, 20, 9, tzinfo=UTC)
        for minutes in (-61, 0, 59, 60):
            await waiting(journal, destination=TO, since=hour + timedelta(minutes=minutes))

        found = await journal.waiting_hours(since=hour)

        group: dict[str, Any] = {
            "state": State.PARKED,
            "destination": TO,
            "code": found[0].code,
            "adapter": found[0].adapter,
        }
        assert sorted(found, key=lambda one: one.hour) == [
            WaitingHour(**group, hour=hour, deliveries=2),
            WaitingHour(**group, hour=hour + timedelta(hours=1), deliveries=1),
        ]

    @pytest.mark.parametrize("is_narrow", [True, False])
    async def test_what_waits_is_paged_by_when_it_came_however_many_came_at_once(
        self,
        journal: Journal,
        is_narrow: bool,  # noqa: FBT001 - pytest passes it by name
    ) -> None:
        made = [
            await waiting(journal, destination=TO, since=NOW + timedelta(seconds=second))
            for second in (0, 1, 1, 1, 2)
        ]
        await waiting(journal, destination="other")
        first = await journal.delivery(made[0])
        assert first is not None
        where = WaitingFilter(destination=TO)
        if is_narrow:
            where = replace(where, code=first.code or "", adapter=first.adapter or "")

        seen: list[DeliveryRecord] = []
        after = None
        while page := await journal.waiting_deliveries(where, after=after, limit=2):
            seen += page
            after = (page[-1].updated_at, page[-1].id)

        expected = sorted(seen, key=lambda one: (one.updated_at, one.id.bytes), reverse=True)
        assert seen == expected
        assert {one.id for one in seen} == set(made)
        since = replace(where, since=NOW + timedelta(seconds=2))
        assert [one.id for one in await journal.waiting_deliveries(since)] == [made[-1]]
        none_of = replace(where, code="another")
        assert list(await journal.waiting_deliveries(none_of)) == []

    async def test_what_has_no_code_is_found_as_such(self, journal: Journal) -> None:
        made = await waiting(journal, destination=TO, code=None, adapter=None)
        await waiting(journal, destination=TO, code="K-1", adapter="file 1.0.0")

        where = WaitingFilter(destination=TO, code="", adapter="")
        assert [one.id for one in await journal.waiting_deliveries(where)] == [made]

    async def test_a_request_waits_until_somebody_decides(self, journal: Journal) -> None:
        asked = an_approval()
        entry = an_entry(action=Action.APPROVAL_REQUESTED)
        assert await journal.add_approval(asked, entry)

        assert list(await journal.approvals(waiting=True)) == [asked]
        approved = decided(asked)
        assert await journal.decide_approval(approved, an_entry(action=Action.APPROVAL_APPROVED))
        await journal.note_approval_result(asked.id, "done")

        assert list(await journal.approvals(waiting=True)) == []
        assert list(await journal.approvals()) == [replace(approved, result="done")]
        assert await journal.approval(asked.id) == replace(approved, result="done")
        assert await journal.approval(ApprovalId(an_id())) is None

    async def test_one_thing_is_asked_for_once_at_a_time(self, journal: Journal) -> None:
        asked = [an_approval(requested_by=name) for name in ("sato", "suzuki")]
        entry = an_entry(action=Action.APPROVAL_REQUESTED)

        added = await asyncio.gather(*(journal.add_approval(one, entry) for one in asked))

        assert sorted(added) == [False, True]
        assert len([one async for one in journal.entries()]) == 1
        [waits] = await journal.approvals(waiting=True)
        over = decided(waits, state=ApprovalState.EXPIRED, decided_by=None, decided_reason=None)
        await journal.decide_approval(over, an_entry(action=Action.APPROVAL_EXPIRED))
        assert await journal.add_approval(an_approval(), entry)

    async def test_of_several_who_decide_at_once_one_does(self, journal: Journal) -> None:
        asked = an_approval()
        await journal.add_approval(asked, an_entry(action=Action.APPROVAL_REQUESTED))

        done = await asyncio.gather(
            *(
                journal.decide_approval(
                    decided(asked, decided_by=name), an_entry(action=Action.APPROVAL_APPROVED)
                )
                for name in ("suzuki", "tanaka", "yamada")
            )
        )

        assert sorted(done) == [False, False, True]
        assert len([one async for one in journal.entries()]) == 2


class SharedAttentionContract(AttentionContract):
    """The same of a journal that several processes share."""

    async def test_of_two_processes_that_decide_at_once_one_does(self, a_node: NodeMaker) -> None:
        nodes = [a_node("gw-1"), a_node("gw-2")]
        for node in nodes:
            await node.open()
        try:
            asked = an_approval()
            await nodes[0].add_approval(asked, an_entry(action=Action.APPROVAL_REQUESTED))
            entry = an_entry(action=Action.APPROVAL_APPROVED)
            done = await asyncio.gather(
                *(node.decide_approval(decided(asked), entry) for node in nodes)
            )
            assert sorted(done) == [False, True]
        finally:
            for node in nodes:
                await node.close()
