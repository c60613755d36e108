"""What people see who watch: overview, workers and procedures."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession

from gateway.console.render import jst
from gateway.domain.account import Role
from gateway.domain.claim import BreakerState
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.sdk import Application, Delivery, Receipt, RejectedError
from gateway.services.operate.by_name import operations
from gateway.testing.builders import a_heartbeat
from gateway.testing.console_site import console_site
from gateway.testing.world import DESTINATION, World, eventually

HANAKO = Actor(ActorKind.OPERATOR, "hanako")
PAGES = ("/", "/workers", "/procedures", "/procedures/childcare/allowance-claim/v1")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path, worker_version="0") as world:
        yield world


async def text_of(url: str, *, language: str = "ja", status: int = 200) -> str:
    async with (
        ClientSession() as browser,
        browser.get(url, headers={"Accept-Language": language}) as answer,
    ):
        assert answer.status == status
        return await answer.text()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("role", list(Role))
async def test_everybody_sees_the_page_in_both_languages(
    world: World, path: str, language: str, role: Role
):
    async with console_site(world.gateway, roles={role}) as url:
        text = await text_of(url + path, language=language)

        assert f'<html lang="{language}"' in text


async def test_where_nothing_is_wrong_the_overview_says_so_in_one_sentence(world: World):
    async with console_site(world.gateway) as url:
        assert "すべて順調です" in await text_of(url)
        assert "Everything is well" in await text_of(url, language="en")


async def test_the_overview_says_first_what_is_worst_and_what_to_do(world: World):
    world.adapter.script.append(_refuse)
    world.start_worker()
    await world.until(await world.accepted(), State.PARKED)
    async with console_site(world.gateway) as url:
        text = await text_of(url)

    assert "保留の配信が1件あります" in text
    assert 'href="/attention"' in text
    assert text.index("保留の配信") < text.index("違う版")
    assert f"最多は {DESTINATION} の E-1（1件）。 2" in text  # and since when


async def test_what_waits_without_a_worker_is_told(world: World):
    await world.accepted()
    async with console_site(world.gateway) as url:
        text = await text_of(url, language="en")

    assert f"No worker serves {DESTINATION}; 1 are waiting." in text


async def test_events_tell_what_became_of_things_and_are_no_read_of_the_log(world: World):
    world.adapter.script.append(_refuse)
    world.start_worker()
    record = await world.until(await world.accepted(), State.PARKED)
    before = await world.actions()
    async with console_site(world.gateway, roles={Role.VIEWER}) as url:
        text = await text_of(url)

    assert f'href="/applications/{record.application_id}"' in text
    assert "code=E-1" in text
    assert await world.actions() == before


async def test_there_are_no_events_before_anything_happened_however_many_are_asked_for(
    world: World,
):
    found = await operations(world.gateway.operate)["events.recent"](HANAKO, {"limit": 10**9})

    assert found == []


async def test_a_worker_is_there_with_what_it_runs_and_one_of_another_version_is_marked(
    world: World,
):
    world.start_worker()
    await world.until(await world.accepted(), State.DELIVERED)
    await eventually(lambda: bool(world.gateway.destinations.heartbeats()))
    async with console_site(world.gateway) as url:
        text = await text_of(f"{url}/workers", language="en")

    assert "w1" in text
    assert "jigyo-01" in text
    assert "scripted 1.0.0" in text
    assert "differs" in text


async def test_no_worker_is_an_answer_too(world: World):
    async with console_site(world.gateway) as url:
        assert "まだどのワーカーからも報告がありません" in await text_of(f"{url}/workers")


async def test_the_catalogue_has_titles_routes_and_what_came(world: World):
    await world.accepted()
    async with console_site(world.gateway) as url:
        text = await text_of(f"{url}/procedures")

    assert "児童手当等の受給資格" in text
    assert f'href="/destinations/{DESTINATION}"' in text
    assert '<td class="n">1</td>' in text


async def test_a_version_reads_as_a_form_with_marks_conditions_checks_and_an_example(world: World):
    async with console_site(world.gateway) as url:
        text = await text_of(f"{url}/procedures/childcare/allowance-claim/v1")

    assert "個人番号（12桁、検査数字）" in text
    assert '<span class="mark mark-strong">個人番号</span>' in text
    assert "「配偶者の有無」が「はい」のとき:" in text
    assert "同じ個人番号を2人に使っていないこと" in text
    assert "&#34;receipt_number&#34;" in text


async def test_a_procedure_leads_to_its_newest_version(world: World):
    async with console_site(world.gateway) as url:
        text = await text_of(f"{url}/procedures/childcare/allowance-claim")

    assert "v1" in text


@pytest.mark.parametrize(
    "path", ["/procedures/no/such/v1", "/procedures/no/such", "/procedures/care/x/v9999"]
)
async def test_a_procedure_that_is_not_there_is_a_page_of_404(world: World, path: str):
    async with console_site(world.gateway) as url:
        assert "<h1>" in await text_of(url + path, status=404)


@pytest.mark.parametrize("path", ["/live/overview", "/live/workers"])
async def test_a_part_is_streamed_at_once(world: World, path: str):
    async with (
        console_site(world.gateway) as url,
        ClientSession() as browser,
        browser.get(url + path) as answer,
    ):
        assert answer.content_type == "text/event-stream"
        assert (await answer.content.readline()).startswith(b"data: ")


async def test_a_worker_is_one_block_with_the_sum_of_what_it_holds_and_folds_many_destinations(
    world: World,
) -> None:
    for number in range(6):
        beat = a_heartbeat(
            worker=WorkerName(f"gw-a/{number}"),
            destination=DestinationName(f"core-{number}"),
            breaker=BreakerState.OPEN if number == 0 else BreakerState.CLOSED,
            in_flight=1200,
            at=datetime.now(UTC),
            heard_at=datetime.now(UTC),
        )
        await world.gateway.journal.put_heartbeat(beat)
    await world.gateway.destinations.refresh()
    async with console_site(world.gateway) as url:
        text = await text_of(f"{url}/workers", language="en")

    assert text.count('<section class="worker"') == 1
    assert "In flight: 7,200" in text
    folded = text.partition("<details>")[2].partition("</details>")[0]
    assert "Destinations served: 6" in folded
    assert folded.count("<li>") == 6


def _refuse(_application: Application, _delivery: Delivery) -> Receipt:
    raise RejectedError("E-1")


async def test_it_is_said_since_when_a_core_system_is_down_and_when_it_is_tried_next(
    world: World,
) -> None:
    now = datetime.now(UTC)
    down = a_heartbeat(
        worker=WorkerName("w1/2"),
        destination=DestinationName(DESTINATION),
        breaker=BreakerState.OPEN,
        healthy=False,
        at=now + timedelta(minutes=7),
        heard_at=now,
        down_s=28 * 60.0,
        trial_in_s=60.0,
    )
    before = replace(down, worker=WorkerName("w1/1"), heard_at=now - timedelta(hours=1))
    for beat in (down, before):
        await world.gateway.journal.put_heartbeat(beat)
    await world.gateway.destinations.refresh()
    since, trial = jst(now - timedelta(minutes=28)), jst(now + timedelta(minutes=1))
    async with console_site(world.gateway) as url:
        overview, destinations, destination, workers = [
            await text_of(url + path, language="en")
            for path in ("/", "/destinations", f"/destinations/{DESTINATION}", "/workers")
        ]

    for page in (overview, destinations, destination):
        assert f"Since {since} (28 min)." in page
        assert f"Tried next at {trial}." in page
    assert f"down since {since}" in workers
    assert "its clock is 7 min ahead" in workers
    assert "Before they were started again: 1" in workers
