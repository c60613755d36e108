"""Four eyes over HTTP: asked for, decided by another person, and no way to be both of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.domain.account import Role
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.lifecycle import State
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.sdk import Application, Delivery, Receipt, RejectedError
from gateway.services.operate.by_name import operations
from gateway.services.operate.four_eyes import LIFETIME, FourEyes, WaitsForApprovalError
from gateway.services.operate.four_eyes_rule import FourEyesRule
from gateway.testing.operators_site import operators_site
from gateway.testing.world import World

MACHINE = Actor(ActorKind.OPERATOR, "root")
PEOPLE = {
    "kanri": (Role.ADMIN,),
    "fuku": (Role.ADMIN,),
    "sato": (Role.OPERATOR,),
    "suzuki": (Role.OPERATOR,),
}
WHY = {"reason": "after a call"}
PASSWORD = "wakaba no kaze ga fuku"


def refuses(_application: Application, _delivery: Delivery) -> Receipt:
    raise RejectedError("K-7")


@dataclass
class Office:
    """Four people, each with a program that shows their token."""

    world: World
    url: str
    session: ClientSession
    tokens: dict[str, str]

    async def ask(
        self, who: str, method: str, path: str, body: object = None, language: str = "en"
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Accept-Language": language}
        request = self.session.request(
            method, f"{self.url}/ops/v1{path}", json=body, headers=headers
        )
        async with request as answer:
            return answer.status, await answer.json(content_type=None)

    async def signs_in(self, name: str, password: str) -> bool:
        form = {"name": name, "password": password, "then": "/"}
        async with self.session.post(
            f"{self.url}/sign-in", data=form, allow_redirects=False
        ) as answer:
            self.session.cookie_jar.clear()
            return answer.status == 303

    async def parked(self) -> str:
        self.world.adapter.script.append(refuses)
        record = await self.world.until(await self.world.accepted(), State.PARKED)
        return str(record.id)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    configured = {"four_eyes": ["parked.cancel"]}
    async with World.make(tmp_path, operations=configured) as world, ClientSession() as session:
        world.start_worker()
        people, tokens = world.gateway.operate.people, {}
        for name, roles in PEOPLE.items():
            await people.accounts.add(name, roles, PASSWORD, actor=MACHINE)
            made = await people.access.add_token(name, "a test", actor=MACHINE)
            tokens[name] = str(made["token"])
        async with operators_site(world.gateway) as url:
            yield Office(world, url, session, tokens)


async def test_what_one_person_asks_for_is_done_refused_or_expires(office: Office) -> None:
    first, second, third = [await office.parked() for _ in range(3)]
    status, asked = await office.ask("sato", "POST", f"/deliveries/{first}/cancel", WHY)
    assert (status, asked["code"]) == (202, "operation.waits_for_approval")
    request = f"/approvals/{asked['approval']}"
    assert (await office.ask("sato", "GET", f"/deliveries/{first}"))[1]["state"] == "parked"

    # Nobody alone, in either language, and whoever may not do it themselves does not decide.
    status, own = await office.ask("sato", "POST", f"{request}/approve", WHY)
    assert (status, own["code"]) == (403, "approval.own_request")
    assert (await office.ask("kanri", "POST", f"{request}/approve", WHY))[0] == 403
    status, approved = await office.ask("suzuki", "POST", f"{request}/approve", WHY)
    assert (status, approved["state"], approved["result"]) == (200, "approved", "done")
    assert approved["answer"]["state"] == "cancelled"
    assert (await office.ask("sato", "GET", f"/deliveries/{first}"))[1]["state"] == "cancelled"
    status, late = await office.ask("suzuki", "POST", f"{request}/refuse", WHY)
    assert (status, late["code"]) == (409, "approval.waits_no_more")

    _, asked = await office.ask("sato", "POST", f"/deliveries/{second}/cancel", WHY)
    status, refused = await office.ask(
        "suzuki", "POST", f"/approvals/{asked['approval']}/refuse", WHY
    )
    assert (status, refused["state"]) == (200, "refused")
    assert (await office.ask("sato", "GET", f"/deliveries/{second}"))[1]["state"] == "parked"

    request = f"/approvals/{await long_ago(office, third)}"
    status, late = await office.ask("suzuki", "POST", f"{request}/approve", WHY)
    assert (status, late["code"]) == (409, "approval.waits_no_more")
    assert (await office.ask("sato", "GET", request))[1]["state"] == "expired"


async def long_ago(office: Office, delivery: str) -> str:
    """Return a request that was made so long ago that its time is over."""

    class Before:
        def now(self) -> datetime:
            return SystemClock().now() - LIFETIME - timedelta(seconds=1)

    operate = office.world.gateway.operate
    eyes = FourEyes(
        rule=FourEyesRule(frozenset({"parked.cancel"})),
        journal=office.world.gateway.journal,
        clock=Before(),
        new_id=new_id,
        at_rest=operate.attention.four_eyes._at_rest,
    )
    plain = operations(operate)
    ask = eyes.watched("parked.cancel", plain["parked.cancel"], plain["parked.plan"])
    with pytest.raises(WaitsForApprovalError) as waits:
        await ask(Actor(ActorKind.OPERATOR, "sato"), {"delivery": delivery, **WHY})
    return waits.value.approval


async def test_an_administrator_cannot_make_themselves_a_second_person(office: Office) -> None:
    made = {"account": "nise", "roles": ["operator"]}
    own = {"roles": ["admin", "operator"]}
    asked = {}
    for name, method, path, body in (
        ("account", "POST", "/accounts", made),
        ("password", "POST", "/accounts/suzuki/password", None),
        ("roles", "PUT", "/accounts/kanri/roles", own),
        ("another's roles", "PUT", "/accounts/fuku/roles", own),
    ):
        status, asked[name] = await office.ask("kanri", method, path, body)
        assert status == 202, name
    status, problem = await office.ask("kanri", "POST", "/accounts/suzuki/tokens", {"label": "x"})
    assert (status, problem["code"]) == (422, "operation.refused")
    chosen = {**made, "account": "futari", "password": PASSWORD}
    assert (await office.ask("kanri", "POST", "/accounts", chosen))[0] == 422
    # To end what somebody may do, in an emergency, needs nobody else; to bring it back does.
    assert (await office.ask("kanri", "POST", "/accounts/suzuki/disable"))[0] == 200
    assert (await office.ask("kanri", "POST", "/accounts/suzuki/enable"))[0] == 202
    for request in asked.values():
        path = f"/approvals/{request['approval']}/approve"
        assert (await office.ask("kanri", "POST", path, WHY))[0] == 403
    assert not await office.signs_in("nise", asked["account"]["half"])
    accounts = await office.world.gateway.operate.people.accounts.list()
    assert {str(one["account"]) for one in accounts} == PEOPLE.keys()
    assert not any("operator" in str(one["roles"]) for one in accounts if one["account"] == "kanri")


async def test_two_administrators_make_an_account_and_neither_can_use_it(office: Office) -> None:
    made = {"account": "tanaka", "roles": ["operator"]}
    _, asked = await office.ask("kanri", "POST", "/accounts", made)

    path = f"/approvals/{asked['approval']}"
    assert "half" not in (await office.ask("fuku", "GET", path))[1]
    status, approved = await office.ask("fuku", "POST", f"{path}/approve", WHY)

    assert status == 200
    assert approved["answer"]["password"] is None
    first, second = asked["half"], approved["answer"]["second_half"]
    assert not await office.signs_in("tanaka", first)
    assert not await office.signs_in("tanaka", second)
    assert await office.signs_in("tanaka", f"{first}-{second}")
    log = [entry for entry in await office.world.log() if entry["action"] == "account.changed"]
    assert (log[-1]["actor"]["name"], log[-1]["facts"]["account"]) == ("kanri", "tanaka")
    assert first not in str(await office.world.log())


async def test_at_the_gateways_machine_the_first_and_the_last_are_not_locked_out(
    office: Office,
) -> None:
    at_the_machine = operations(office.world.gateway.operate, at_the_machine=True)

    made: Any = await at_the_machine["account.add"](MACHINE, {"account": "ato", "roles": ["admin"]})

    assert made["password"]
    entry = (await office.world.log())[-1]
    assert (entry["actor"]["name"], entry["facts"]["change"]) == ("root", "made")


async def test_accounts_are_given_out_alone_where_the_configuration_says_so(tmp_path: Path) -> None:
    for configured in ({"four_eyes": ["parked.cancel"], "accounts_alone": True}, {}):
        folder = tmp_path / str(len(configured))
        folder.mkdir()
        async with World.make(folder, operations=configured) as world:
            add = operations(world.gateway.operate)["account.add"]
            made: Any = await add(MACHINE, {"account": "hanako", "roles": ["viewer"]})
            assert made["password"]
