"""Who is let in, how long that lasts, and what is written down of it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import argon2
import pytest

from gateway.crypto import password as argon2id
from gateway.domain.account import Account, Person, Role, SessionLimits
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.services.count_denials import CountDenials
from gateway.services.passwords import MOST_WAITING, BusyError, Passwords, new_password
from gateway.services.sessions import Sessions
from gateway.services.sign_in import NotSignedIn, SignedIn, SignIn, WhyNot
from gateway.services.throttle import OF_ACCOUNT, OF_ADDRESS, Patience, Throttle, network_of
from gateway.testing.builders import NOW
from gateway.testing.contracts.journal_accounts import an_account, put

PASSWORD = "wakaba no kaze ga fuku"
HERE = "192.0.2.7"
SLOW = replace(OF_ACCOUNT, first_s=600.0, longest_s=600.0)
"""A wait that is not over before the test is, however busy the machine."""


@dataclass
class SetClock:
    """A clock that a test sets."""

    at: datetime = NOW

    def now(self) -> datetime:
        """Return what it was set to."""
        return self.at


class CountedPasswords(Passwords):
    """Compares as ever, and remembers what with."""

    def __init__(self) -> None:
        super().__init__()
        self.compared: list[str | None] = []

    async def is_right(self, digest: str | None, password: str) -> bool:
        """Compare."""
        self.compared.append(digest)
        return await super().is_right(digest, password)


@dataclass
class Door:
    """Everything that lets people in, over a journal of its own."""

    journal: SQLiteJournal
    clock: SetClock
    sessions: Sessions
    passwords: CountedPasswords
    denials: CountDenials
    sign_in: SignIn

    async def enter(self, name: str = "hanako", password: str = PASSWORD) -> str:
        """Sign in, and return the secret."""
        answer = await self.sign_in(name, password, address=HERE)
        assert isinstance(answer, SignedIn)
        return answer.secret

    async def log(self, action: str) -> list[dict[str, Any]]:
        """Return the facts of the entries of an action."""
        entries = [json.loads(entry.data) async for entry in self.journal.entries()]
        return [entry["facts"] for entry in entries if entry["action"] == action]


@pytest.fixture(scope="module")
def digest() -> str:
    return argon2id.digest_of(PASSWORD)


@pytest.fixture
async def door(tmp_path: Path, digest: str) -> AsyncIterator[Door]:
    journal = SQLiteJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    clock, passwords = SetClock(), CountedPasswords()
    denials = CountDenials(journal=journal, clock=clock)
    sessions = Sessions(journal=journal, clock=clock, limits=SessionLimits())
    sign_in = SignIn(
        journal=journal,
        sessions=sessions,
        passwords=passwords,
        denials=denials,
        patience=SLOW,
    )
    await put(journal, an_account(digest=digest))
    yield Door(journal, clock, sessions, passwords, denials, sign_in)
    await journal.close()


async def test_the_right_password_opens_a_session_that_says_who_it_is(door: Door):
    secret = await door.enter(" Hanako ")

    assert await door.sessions.person_of_session(secret) == Person(
        "hanako", frozenset({Role.VIEWER, Role.OPERATOR})
    )
    assert await door.log("session.opened") == [{"account": "hanako"}]


async def test_a_full_width_password_is_the_same(door: Door):
    wide = "".join(chr(ord(one) + 0xFEE0) if one != " " else "\u3000" for one in PASSWORD)

    assert await door.enter(password=wide)


async def test_a_wrong_password_and_an_unknown_name_take_the_same_way_to_the_same_answer(
    door: Door, digest: str
):
    wrong = await door.sign_in("hanako", "something else", address=HERE)
    unknown = await door.sign_in("taro", PASSWORD, address=HERE)
    impossible = await door.sign_in("Ｔａｒｏ/../x", PASSWORD, address=HERE)

    assert wrong == unknown == impossible == NotSignedIn(WhyNot.WRONG)
    assert door.passwords.compared == [digest, None, None]


async def test_a_comparison_for_an_unknown_name_is_a_whole_comparison(door: Door):
    await door.passwords.is_right(None, "anything")

    of_nobody = door.passwords._of_nobody
    assert of_nobody is not None
    assert of_nobody.split("$")[1:4] == argon2id.digest_of("x").split("$")[1:4]


async def test_a_disabled_account_is_answered_like_a_wrong_password(door: Door, digest: str):
    await put(door.journal, an_account(digest=digest, disabled_at=NOW))

    assert await door.sign_in("hanako", PASSWORD, address=HERE) == NotSignedIn(WhyNot.WRONG)


async def test_refusals_are_written_down_together_without_a_name_that_nobody_has(door: Door):
    for name in ("hanako", "taro", "jiro", "hanako"):
        await door.sign_in(name, "something else", address=HERE)

    await door.denials.write()

    refused = await door.log("session.refused")
    assert sorted(refused, key=str) == [
        {"account": "hanako", "code": "sign_in.wrong", "count": 2},
        {"account": None, "code": "sign_in.wrong", "count": 2},
    ]


async def test_who_guesses_at_a_name_has_to_wait_even_with_the_right_password(door: Door):
    for _ in range(OF_ACCOUNT.free + 1):
        await door.sign_in("hanako", "something else", address=HERE)
    compared = len(door.passwords.compared)

    answer = await door.sign_in("hanako", PASSWORD, address="198.51.100.1")

    assert isinstance(answer, NotSignedIn)
    assert answer.why is WhyNot.WAIT
    assert 0 < answer.retry_after_s <= SLOW.first_s
    assert len(door.passwords.compared) == compared


async def test_a_stranger_who_guesses_keeps_nobody_out_where_they_sign_in(door: Door):
    await door.enter()
    for _ in range(OF_ACCOUNT.free + 2):
        await door.sign_in("hanako", "something else", address="198.51.100.1")

    again = await door.sign_in("hanako", PASSWORD, address=HERE)
    elsewhere = await door.sign_in("hanako", PASSWORD, address="203.0.113.9")

    assert isinstance(again, SignedIn)
    assert isinstance(elsewhere, NotSignedIn)
    assert elsewhere.why is WhyNot.WAIT


async def test_who_guesses_where_people_sign_in_has_to_wait_there(door: Door):
    await door.enter()
    for _ in range(OF_ACCOUNT.free + 1):
        await door.sign_in("hanako", "something else", address=HERE)

    answer = await door.sign_in("hanako", PASSWORD, address=HERE)

    assert isinstance(answer, NotSignedIn)
    assert answer.why is WhyNot.WAIT


async def test_an_unknown_name_has_to_wait_like_a_known_one(door: Door):
    for _ in range(OF_ACCOUNT.free + 1):
        await door.sign_in("nobody", "something else", address=HERE)

    answer = await door.sign_in("nobody", "something else", address="198.51.100.1")

    assert isinstance(answer, NotSignedIn)
    assert answer.why is WhyNot.WAIT


def test_each_failure_doubles_the_wait_up_to_the_longest():
    now = [0.0]
    throttle = Throttle(Patience(free=1, first_s=1.0, longest_s=6.0), lambda: now[0])
    waits = []
    for _ in range(6):
        throttle.note("a")
        waits.append(throttle.wait_s("a"))

    assert waits == [0.0, 1.0, 2.0, 4.0, 6.0, 6.0]
    assert throttle.wait_s("b") == 0.0
    now[0] = 6.0
    assert throttle.wait_s("a") == 0.0
    throttle.forgive("a")
    throttle.note("a")
    assert throttle.wait_s("a") == 0.0


def test_a_right_password_makes_up_for_one_failure_of_its_address_only():
    throttle = Throttle(replace(OF_ADDRESS, free=2), lambda: 0.0)
    for _ in range(3):
        throttle.note("a")
    throttle.take_back("a")
    assert throttle.wait_s("a") == 0.0

    throttle.note("a")

    assert throttle.wait_s("a") == OF_ADDRESS.first_s


async def test_too_many_at_once_are_told_so_and_hold_nobody_up():
    passwords = Passwords()
    passwords._waiting = MOST_WAITING

    with pytest.raises(BusyError):
        await passwords.digest_of("x")


async def test_a_session_that_ended_is_nobodys_whoever_shows_it_again(door: Door):
    secret = await door.enter()

    await door.sessions.sign_out(secret)

    assert await door.sessions.person_of_session(secret) is None
    assert await door.log("session.closed") == [{"account": "hanako", "code": "signed_out"}]


async def test_signing_in_ends_the_session_that_the_browser_had(door: Door):
    first = await door.enter()

    second = await door.sign_in("hanako", PASSWORD, address=HERE, before=first)

    assert isinstance(second, SignedIn)
    assert second.secret != first
    assert await door.sessions.person_of_session(first) is None


@pytest.mark.parametrize("secret", ["", "made-up", "x" * 10_000, "\udcff"])
async def test_a_secret_that_was_not_given_out_is_nobodys(door: Door, secret: str):
    assert await door.sessions.person_of_session(secret) is None


async def test_an_unused_session_ends_and_use_prolongs_it(door: Door):
    secret = await door.enter()
    door.clock.at += timedelta(minutes=29)
    assert await door.sessions.person_of_session(secret)
    door.clock.at += timedelta(minutes=29)
    assert await door.sessions.person_of_session(secret, is_use=False)
    door.clock.at += timedelta(minutes=2)

    assert await door.sessions.person_of_session(secret) is None
    assert await door.log("session.closed") == [{"account": "hanako", "code": "unused"}]


async def test_every_session_ends_however_much_it_is_used(door: Door):
    secret = await door.enter()
    for _ in range(24):
        door.clock.at += timedelta(minutes=29)
        assert await door.sessions.person_of_session(secret)
    door.clock.at += timedelta(minutes=29)

    assert await door.sessions.person_of_session(secret) is None
    assert await door.log("session.closed") == [{"account": "hanako", "code": "too_old"}]


async def test_sessions_that_nobody_shows_again_are_swept(door: Door):
    await door.enter()
    door.clock.at += timedelta(hours=1)

    await door.sessions.sweep()
    await door.sessions.sweep()

    assert list(await door.journal.sessions()) == []
    assert await door.log("session.closed") == [{"account": "hanako", "code": "unused"}]


async def test_other_roles_count_at_once(door: Door, digest: str):
    secret = await door.enter()

    await put(door.journal, an_account(digest=digest, roles=frozenset({Role.AUDITOR})))

    person = await door.sessions.person_of_session(secret)
    assert person == Person("hanako", frozenset({Role.AUDITOR}))


async def test_a_disabled_account_is_nobodys_even_if_its_session_were_left(door: Door, digest: str):
    secret = await door.enter()

    await put(door.journal, an_account(digest=digest, disabled_at=NOW))

    assert await door.sessions.person_of_session(secret) is None


async def test_a_password_that_was_kept_with_weaker_parameters_is_kept_anew(door: Door):
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await put(door.journal, an_account(digest=weak))

    secret = await door.enter()

    kept = await door.journal.account("hanako")
    assert kept is not None
    assert "m=65536,t=3,p=4" in kept.digest
    assert await door.sessions.person_of_session(secret)


async def test_a_passing_account_is_let_in_and_stored_nowhere(door: Door, digest: str):
    passing = Account(
        name="local", roles=frozenset(Role), digest=digest, created_at=NOW, changed_at=NOW
    )
    door.sessions.admit(passing)

    secret = await door.enter("local")

    person = await door.sessions.person_of_session(secret)
    assert person == Person("local", frozenset(Role))
    assert await door.journal.account("local") is None
    assert list(await door.journal.sessions()) == []
    await door.sessions.sign_out(secret)
    assert await door.sessions.person_of_session(secret) is None


def test_a_made_password_is_long_and_another_one_each_time():
    made = {new_password() for _ in range(50)}

    assert len(made) == 50
    assert all(len(one.replace("-", "")) == 20 for one in made)


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("2001:db8:1:2:a:b:c:d", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("", ""),
    ],
)
def test_whoever_has_many_addresses_is_slowed_down_as_one(address: str, who: str) -> None:
    assert network_of(address) == who
