"""What every journal must do with operators' settings.

A driver's test mixes ``ControlsContract``, or ``SharedControlsContract``, into the class
that keeps ``JournalContract`` and its fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from gateway.domain.control import CheckAsked, Control
from gateway.domain.entry import Action, Entry
from gateway.domain.identifiers import DestinationName
from gateway.ports.journal import Journal
from gateway.testing.builders import a_control, a_heartbeat, an_entry
from gateway.testing.contracts.journal import LATER, NodeMaker, chain_of


def a_change() -> Entry:
    """Return the audit entry of a control."""
    return an_entry(action=Action.DESTINATION_CHANGED)


def a_check() -> Entry:
    """Return the audit entry of a request for a check."""
    return an_entry(action=Action.DESTINATION_CHECKED, facts={"destination": "core", "workers": 1})


def rivals_of(version: int) -> Sequence[Control]:
    """Return what several operators want at the same instant."""
    return [a_control(version=version, changed_by=f"operator-{number}") for number in range(5)]


class ControlsContract:
    """Promises of ``ports.controls``, one test each."""

    async def test_no_settings_are_set_at_first(self, journal: Journal) -> None:
        assert list(await journal.controls()) == []

    async def test_a_control_is_found_as_it_was_given(self, journal: Journal) -> None:
        control = a_control(
            settings={
                "paused": False,
                "rate_per_s": 2.0,
                "max_in_flight": 4,
                "window": ("月-金 08:30-17:15", "土 09:00-12:00"),
                "closed": (),
                "mode": "手動",
                "rate_cap": None,
            },
            reason="夜間処理のため",
            changed_at=LATER,
        )

        stored = await journal.put_control(control, a_change())

        [found] = await journal.controls()
        assert stored
        assert found == control
        assert found.settings["paused"] is False
        assert isinstance(found.settings["rate_per_s"], float)
        assert await chain_of(journal) == {"gw-1": 1}

    async def test_controls_are_listed_by_destination(self, journal: Journal) -> None:
        controls = [a_control(destination=DestinationName(name)) for name in ("b", "c", "a")]

        for control in controls:
            await journal.put_control(control, a_change())

        names = [control.destination for control in await journal.controls()]
        assert names == ["a", "b", "c"]

    async def test_the_next_version_replaces_the_last(self, journal: Journal) -> None:
        await journal.put_control(a_control(settings={"paused": True, "mode": "a"}), a_change())
        await journal.put_control(a_control(version=2, settings={}), a_change())
        last = a_control(
            version=3,
            settings={"rate_per_s": 0.5},
            changed_by="operator-2",
            changed_at=LATER,
            reason="Slowly",
        )

        stored = await journal.put_control(last, a_change())

        assert stored
        assert list(await journal.controls()) == [last]
        assert await chain_of(journal) == {"gw-1": 3}

    @pytest.mark.parametrize(("known", "version"), [(0, 0), (0, 2), (2, 0), (2, 1), (2, 2), (2, 4)])
    async def test_any_other_version_is_refused(
        self, journal: Journal, known: int, version: int
    ) -> None:
        await journal.put_control(
            a_control(destination=DestinationName("archive"), version=1), a_change()
        )
        for number in range(1, known + 1):
            await journal.put_control(a_control(version=number), a_change())
        before = await journal.controls()

        stored = await journal.put_control(a_control(version=version, settings={}), a_change())

        assert not stored
        assert await journal.controls() == before
        assert await chain_of(journal) == {"gw-1": 1 + known}

    @pytest.mark.parametrize("version", [1, 2])
    async def test_one_of_several_changes_at_once_wins(
        self, journal: Journal, version: int
    ) -> None:
        for number in range(1, version):
            await journal.put_control(a_control(version=number), a_change())
        rivals = rivals_of(version)

        answers = await asyncio.gather(*(journal.put_control(one, a_change()) for one in rivals))

        assert answers.count(True) == 1
        assert list(await journal.controls()) == [rivals[answers.index(True)]]
        assert await chain_of(journal) == {"gw-1": version}

    async def test_a_control_whose_entry_cannot_be_written_is_not_stored(
        self, journal: Journal
    ) -> None:
        impossible = an_entry(facts={"Bad Name": 1})

        answers = await asyncio.gather(
            journal.put_control(a_control(), impossible),
            journal.put_control(a_control(destination=DestinationName("archive")), a_change()),
            return_exceptions=True,
        )

        assert [type(answer) for answer in answers] == [ValueError, bool]
        assert [one.destination for one in await journal.controls()] == ["archive"]
        assert await chain_of(journal) == {"gw-1": 1}

    async def test_controls_outlive_the_process(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        await journal.open()
        await journal.put_control(a_control(), a_change())
        await journal.close()
        await journal.open()

        assert list(await journal.controls()) == [a_control()]
        assert await journal.put_control(a_control(version=2), a_change())
        await journal.close()

    async def test_a_request_for_a_check_replaces_its_destinations_last_one(
        self, journal: Journal
    ) -> None:
        first, other, again = (
            CheckAsked(destination=DestinationName(name), asked_at=at, asked_by=by)
            for name, at, by in (
                ("core", LATER, "sato"),
                ("archive", LATER, "sato"),
                # A clock was set back meanwhile: it is another request all the same.
                ("core", LATER - timedelta(hours=1), "suzuki"),
            )
        )
        assert list(await journal.checks_asked()) == []

        for asked in (first, other, again):
            await journal.ask_check(asked, a_check())

        assert list(await journal.checks_asked()) == [other, again]
        assert await chain_of(journal) == {"gw-1": 3}

    async def test_a_heartbeat_keeps_what_it_answers(self, journal: Journal) -> None:
        beat = a_heartbeat(answers=LATER, said="受付サーバーが応答しません", host="jigyo-01")

        await journal.put_heartbeat(beat)

        assert list(await journal.heartbeats()) == [beat]


class SharedControlsContract(ControlsContract):
    """Further promises of a journal that several processes share."""

    @pytest.mark.parametrize("version", [1, 2])
    async def test_one_of_several_changes_at_two_nodes_wins(
        self, a_node: NodeMaker, version: int
    ) -> None:
        nodes = [a_node("gw-1"), a_node("gw-2")]
        for node in nodes:
            await node.open()
        for number in range(1, version):
            await nodes[0].put_control(a_control(version=number), a_change())
        rivals = rivals_of(version)

        answers = await asyncio.gather(
            *(nodes[number % 2].put_control(one, a_change()) for number, one in enumerate(rivals))
        )

        assert answers.count(True) == 1
        for node in nodes:
            assert list(await node.controls()) == [rivals[answers.index(True)]]
        assert sum((await chain_of(nodes[0])).values()) == version
        for node in nodes:
            await node.close()
