"""What administrators do with accounts, and everybody with their own."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.account import Person, Role
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.values.password import PasswordFault, password_fault
from gateway.drivers.system_clock import SystemClock
from gateway.services.accept import Refusal
from gateway.services.operate.accounts import OperateAccounts, PasswordRefusedError
from gateway.services.operate.by_name import Operation, operations
from gateway.services.operate.guard import Guard, NotPermittedError
from gateway.services.operate.own_account import OwnAccount
from gateway.services.operate.permissions import PERMITTED
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.passwords import Passwords
from gateway.services.sessions import session_id
from gateway.services.throttle import Patience
from gateway.testing.world import World

ADMIN = Actor(ActorKind.OPERATOR, "kanri")
HANAKO = Actor(ActorKind.OPERATOR, "hanako")
PASSWORD = "wakaba no kaze ga fuku"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        yield world


@pytest.fixture
def offered(world: World) -> Mapping[str, Operation]:
    return operations(world.gateway.operate)


async def make(
    offered: Mapping[str, Operation], *roles: str, name: str = "hanako", password: str = PASSWORD
) -> Any:
    """Make an account."""
    arguments = {"account": name, "roles": roles or ("viewer",), "password": password}
    return await offered["account.add"](ADMIN, arguments)


async def log(world: World, action: str) -> list[dict[str, Any]]:
    """Return the facts of the entries of an action, with who did it."""
    entries = [json.loads(entry.data) async for entry in world.gateway.journal.entries()]
    return [
        {**entry["facts"], "by": entry["actor"]["name"]}
        for entry in entries
        if entry["action"] == action
    ]


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("elevenchars", PasswordFault.TOO_SHORT),
        ("x1" * 129, PasswordFault.TOO_LONG),
        ("hanako-hanako", PasswordFault.HAS_NAME),
        ("Password1234", PasswordFault.TOO_COMMON),
        ("ababababababab", PasswordFault.TOO_COMMON),
        ("345678901234", PasswordFault.TOO_COMMON),
        ("poiuytrewqlkjh"[:12], None),
        ("lkjhgfdsapoiuytrewq"[:14], PasswordFault.TOO_COMMON),
        ("pass word pass", None),
        ("若葉の風が吹く城跡の道", PasswordFault.TOO_SHORT),
        ("若葉の風が吹く城跡の道へ", None),
    ],
)
def test_a_password_is_long_and_not_everybodys_first_guess(
    password: str, fault: PasswordFault | None
):
    assert password_fault(password, "hanako") is fault


async def test_an_account_without_a_password_is_given_one_once(
    world: World, offered: Mapping[str, Operation]
):
    arguments = {"account": "hanako", "roles": ["viewer", "operator"]}

    made: Any = await offered["account.add"](ADMIN, arguments)

    assert len(made["password"]) >= 20
    listed_all: Any = await offered["account.list"](ADMIN, {})
    [listed] = listed_all
    assert listed["roles"] == ["operator", "viewer"]
    assert "password" not in listed
    assert "digest" not in listed
    expected = {"account": "hanako", "change": "made", "roles": "operator viewer", "by": "kanri"}
    assert await log(world, "account.changed") == [expected]


@pytest.mark.parametrize("name", ["", "Hanako", "a b", "-a", "a-", "x" * 64, "花子", "a\n"])
async def test_an_account_has_a_plain_name(offered: Mapping[str, Operation], name: str):
    with pytest.raises(OperationError):
        await make(offered, name=name)


async def test_a_name_is_given_once(offered: Mapping[str, Operation]):
    await make(offered)

    with pytest.raises(OperationError, match="already"):
        await make(offered)


async def test_a_poor_password_is_refused_and_makes_no_account(offered: Mapping[str, Operation]):
    with pytest.raises(PasswordRefusedError):
        await make(offered, password="password1234")

    assert await offered["account.list"](ADMIN, {}) == []


async def test_nobody_is_operator_and_auditor_unless_the_configuration_says_so(world: World):
    gateway = world.gateway
    strict = gateway.operate.people.accounts
    lenient = OperateAccounts(
        journal=gateway.journal,
        passwords=strict._passwords,
        clock=strict._clock,
        operator_may_audit=True,
    )
    both = (Role.OPERATOR, Role.AUDITOR, Role.VIEWER)

    with pytest.raises(OperationError, match="operator_may_audit"):
        await strict.add("hanako", both, PASSWORD, actor=ADMIN)
    await lenient.add("hanako", both, PASSWORD, actor=ADMIN)
    with pytest.raises(OperationError, match="operator_may_audit"):
        await strict.change("hanako", both, actor=ADMIN)


async def test_an_account_has_a_role(offered: Mapping[str, Operation]):
    for roles in ([], ["king"]):
        with pytest.raises(OperationError):
            await offered["account.add"](ADMIN, {"account": "hanako", "roles": roles})


async def test_nobody_locks_themselves_out(offered: Mapping[str, Operation]):
    await make(offered, "admin", name="kanri")

    with pytest.raises(OperationError):
        await offered["account.disable"](ADMIN, {"account": "kanri"})
    with pytest.raises(OperationError):
        await offered["account.change"](ADMIN, {"account": "kanri", "roles": ["viewer"]})


async def test_a_new_password_and_a_disabled_account_end_its_sessions(
    world: World, offered: Mapping[str, Operation]
):
    await make(offered)
    sessions, journal = world.gateway.sessions, world.gateway.journal
    for change in ("password", "disable"):
        account = await journal.account("hanako")
        assert account is not None
        secret = await sessions.open(account, address="")
        assert secret is not None

        await offered[f"account.{change}"](ADMIN, {"account": "hanako"})

        assert await sessions.person_of_session(secret) is None
    closed = await log(world, "session.closed")
    assert [entry["code"] for entry in closed] == ["password", "disabled"]
    assert {entry["by"] for entry in closed} == {"kanri"}


async def test_an_unknown_account_is_not_found(offered: Mapping[str, Operation]):
    for name, more in {
        "account.change": {"roles": ["viewer"]},
        "account.password": {},
        "account.disable": {},
        "account.enable": {},
        "token.add": {"label": "x"},
    }.items():
        with pytest.raises(NotFoundError):
            await offered[name](ADMIN, {"account": "nobody", **more})
    with pytest.raises(NotFoundError):
        await offered["session.end"](ADMIN, {"session": "0123456789ab"})
    with pytest.raises(NotFoundError):
        await offered["token.revoke"](ADMIN, {"token": "0123456789ab"})


async def test_ones_own_password_needs_the_current_one_and_ends_ones_other_sessions(
    world: World, offered: Mapping[str, Operation]
):
    await make(offered)
    sessions = world.gateway.sessions
    account = await world.gateway.journal.account("hanako")
    assert account is not None
    here, there = [await sessions.open(account, address="") for _ in range(2)]
    assert here is not None
    assert there is not None
    new = "aki no yonaga ni mushi no koe"
    keep = session_id(here)

    with pytest.raises(PasswordRefusedError) as refused:
        await offered["own.password"](HANAKO, {"current": new, "password": new})
    assert refused.value.fault is PasswordFault.WRONG
    await offered["own.password"](HANAKO, {"current": PASSWORD, "password": new, "keep": keep})

    assert await sessions.person_of_session(here)
    assert await sessions.person_of_session(there) is None
    stranger = Actor(ActorKind.OPERATOR, "nobody")
    with pytest.raises(NotFoundError):
        await offered["own.password"](stranger, {"current": PASSWORD, "password": new})


async def test_who_guesses_at_the_current_password_has_to_wait(
    world: World, offered: Mapping[str, Operation]
):
    await make(offered)
    people = world.gateway.operate.people
    own = OwnAccount(
        journal=world.gateway.journal,
        access=people.access,
        passwords=Passwords(),
        clock=SystemClock(),
        patience=Patience(free=0, first_s=600.0, longest_s=600.0),
    )
    with pytest.raises(PasswordRefusedError):
        await own.password("something else", PASSWORD, actor=HANAKO)

    with pytest.raises(OperationError, match="too many tries"):
        await own.password(PASSWORD, PASSWORD, actor=HANAKO)


async def test_a_token_is_its_accounts_until_it_is_over(
    world: World, offered: Mapping[str, Operation]
):
    await make(offered, "viewer", "admin")
    who = world.gateway.sessions.person_of_token

    made: Any = await offered["own.token_add"](HANAKO, {"label": "監視", "days": 1})
    presented = f"Bearer {made['token']}"

    assert made["token"].startswith(f"kko_{made['id']}_")
    assert await who(presented) == Person("hanako", frozenset({Role.VIEWER, Role.ADMIN}))
    listed_all: Any = await offered["own.tokens"](HANAKO, {})
    assert "token" not in listed_all[0]
    await offered["account.disable"](ADMIN, {"account": "hanako"})
    assert await who(presented) == Refusal(status=401, code="operator.token_revoked")
    await offered["account.enable"](ADMIN, {"account": "hanako"})
    # No token of before comes back with the account.
    assert await who(presented) == Refusal(status=401, code="operator.token_revoked")
    another: Any = await offered["own.token_add"](HANAKO, {"label": "監視", "days": 1})
    await offered["own.token_revoke"](HANAKO, {"token": another["id"]})
    presented = f"Bearer {another['token']}"
    assert await who(presented) == Refusal(status=401, code="operator.token_revoked")
    changes = await log(world, "account.changed")
    about = [(entry["change"], entry.get("token")) for entry in changes]
    assert ("token_added", made["id"]) in about
    assert ("token_revoked", made["id"]) in about


async def test_whoever_has_an_old_session_or_token_is_nobody_after_a_reset_and_may_less_with_less(
    world: World, offered: Mapping[str, Operation]
):
    await make(offered, "viewer", "operator")
    sessions = world.gateway.sessions
    made: Any = await offered["own.token_add"](HANAKO, {"label": "監視", "days": 1})
    presented = f"Bearer {made['token']}"
    account = await world.gateway.journal.account("hanako")
    assert account is not None
    secret = await sessions.open(account, address="127.0.0.1")
    assert secret is not None

    await offered["account.change"](ADMIN, {"account": "hanako", "roles": ("viewer",)})
    less = Person("hanako", frozenset({Role.VIEWER}))
    assert await sessions.person_of_token(presented) == less
    assert await sessions.person_of_session(secret) == less

    kept: Any = await offered["account.password"](ADMIN, {"account": "hanako"})
    assert kept["tokens_revoked"] == 0
    assert await sessions.person_of_session(secret) is None
    assert await sessions.person_of_token(presented) == less

    done: Any = await offered["account.password"](
        ADMIN, {"account": "hanako", "revoke_tokens": True}
    )
    assert done["tokens_revoked"] == 1
    assert await sessions.person_of_token(presented) == Refusal(
        status=401, code="operator.token_revoked"
    )


async def test_a_token_that_has_expired_is_refused(world: World, offered: Mapping[str, Operation]):
    await make(offered)
    made: Any = await offered["own.token_add"](HANAKO, {"label": "x", "days": 1})
    clock = world.gateway.sessions._clock

    class Tomorrow:
        def now(self) -> Any:
            return clock.now() + timedelta(days=1, seconds=1)

    world.gateway.sessions._clock = Tomorrow()

    found = await world.gateway.sessions.person_of_token(f"Bearer {made['token']}")

    assert found == Refusal(status=401, code="operator.token_expired")


@pytest.mark.parametrize(
    ("presented", "code"),
    [
        (None, "operator.unauthenticated"),
        ("", "operator.unauthenticated"),
        ("Basic aGFuYWtvOng=", "operator.unauthenticated"),
        ("Bearer ", "operator.unauthenticated"),
        ("Bearer kkh_0123456789ab_secret", "operator.token_unknown"),
        ("Bearer kko_0123456789ab_secret", "operator.token_unknown"),
        ("Bearer kko", "operator.token_unknown"),
        ("Bearer kko_0123456789ab_" + "x" * 10_000, "operator.token_unknown"),
    ],
)
async def test_what_is_no_token_is_nobodys(world: World, presented: str | None, code: str):
    found = await world.gateway.sessions.person_of_token(presented)

    assert found == Refusal(status=401, code=code)


async def test_a_tokens_public_part_alone_opens_nothing(
    world: World, offered: Mapping[str, Operation]
):
    await make(offered)
    made: Any = await offered["own.token_add"](HANAKO, {"label": "x"})
    forged = f"Bearer kko_{made['id']}_{'A' * 43}"

    found = await world.gateway.sessions.person_of_token(forged)

    assert found == Refusal(status=401, code="operator.token_unknown")


async def test_nobody_reaches_somebody_elses_sessions_and_tokens_as_their_own(
    world: World, offered: Mapping[str, Operation]
):
    await make(offered)
    await make(offered, name="taro")
    made: Any = await offered["own.token_add"](HANAKO, {"label": "x"})
    account = await world.gateway.journal.account("hanako")
    assert account is not None
    secret = await world.gateway.sessions.open(account, address="")
    assert secret is not None
    taro = Actor(ActorKind.OPERATOR, "taro")

    with pytest.raises(NotFoundError):
        await offered["own.token_revoke"](taro, {"token": made["id"]})
    with pytest.raises(NotFoundError):
        await offered["own.session_end"](taro, {"session": session_id(secret)})
    assert await offered["own.tokens"](taro, {}) == []
    assert await offered["own.sessions"](taro, {}) == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.AUDITOR])
async def test_accounts_are_for_administrators_alone(
    world: World, offered: Mapping[str, Operation], role: Role
):
    guard = Guard(offered, journal=world.gateway.journal, clock=world.gateway.sessions._clock)
    person = Person("taro", frozenset({role}))
    for name in offered:
        if name.startswith(("account.", "session.", "token.")):
            with pytest.raises(NotPermittedError):
                await guard.perform(person, name)
        if name.startswith("own."):
            assert guard.may(person, name)


def test_every_operation_on_people_has_its_roles(offered: Mapping[str, Operation]):
    assert {name for name in offered if name.startswith(("account.", "own."))} <= PERMITTED.keys()
