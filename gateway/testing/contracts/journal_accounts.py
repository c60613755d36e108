"""What every journal must do with accounts, sessions and tokens.

A driver's test mixes ``AccountsContract``, or ``SharedAccountsContract``, into the class that
keeps ``JournalContract`` and its fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.account import Account, Role, Session, Token
from gateway.domain.entry import Action, Entry
from gateway.ports.accounts import AccountDecision, SessionFilter
from gateway.ports.journal import Journal
from gateway.testing.builders import NOW, an_entry
from gateway.testing.contracts.journal import LATER, NodeMaker, chain_of

DIGEST = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA"


def an_account(**over: Any) -> Account:
    """Return an account of hanako, an operator."""
    account = Account(
        name="hanako",
        roles=frozenset({Role.VIEWER, Role.OPERATOR}),
        digest=DIGEST,
        created_at=NOW,
        changed_at=NOW,
    )
    return replace(account, **over)


def a_session(which: str = "a", **over: Any) -> Session:
    """Return a session of hanako; ``which`` tells it from others."""
    digest = hashlib.sha256(which.encode()).digest()
    session = Session(
        id=digest.hex()[:12],
        account="hanako",
        digest=digest,
        address="192.0.2.7",
        opened_at=NOW,
        seen_at=NOW,
    )
    return replace(session, **over)


def a_token(number: str = "0123456789ab", **over: Any) -> Token:
    """Return a token of hanako."""
    token = Token(
        id=number,
        account="hanako",
        label="監視",
        digest=hashlib.sha256(number.encode()).digest(),
        created_at=NOW,
        expires_at=LATER,
    )
    return replace(token, **over)


def a_change(action: Action = Action.ACCOUNT_CHANGED) -> Entry:
    """Return an audit entry of a change."""
    return an_entry(action=action)


def ended(session: Session) -> Entry:
    """Return the entry of a session that ends."""
    facts = {"account": session.account, "code": "by_hand"}
    return an_entry(action=Action.SESSION_CLOSED, facts=facts)


async def put(journal: Journal, account: Account) -> None:
    """Store an account as it is given."""
    decision = AccountDecision(account=account, entries=(a_change(),))
    await journal.decide_account(account.name, lambda _: decision)


async def enter(journal: Journal, session: Session, verified: str = DIGEST) -> bool:
    """Open a session."""
    return await journal.open_session(session, verified, a_change(Action.SESSION_OPENED))


class AccountsContract:
    """Promises of ``ports.accounts``, one test each."""

    async def test_nobody_has_an_account_at_first(self, journal: Journal) -> None:
        assert await journal.account("hanako") is None
        assert list(await journal.accounts()) == []
        assert list(await journal.sessions()) == []
        assert list(await journal.tokens()) == []

    async def test_an_account_is_found_as_it_was_given(self, journal: Journal) -> None:
        account = an_account(roles=frozenset(Role), disabled_at=LATER, changed_at=LATER)

        await put(journal, account)

        assert await journal.account("hanako") == account
        assert await chain_of(journal) == {"gw-1": 1}

    async def test_accounts_are_listed_by_name(self, journal: Journal) -> None:
        for name in ("b", "c-1", "a", "c.1"):
            await put(journal, an_account(name=name))

        assert [account.name for account in await journal.accounts()] == ["a", "b", "c-1", "c.1"]

    async def test_a_rule_sees_the_account_as_it_is_and_changes_it(self, journal: Journal) -> None:
        await put(journal, an_account())

        def rule(known: Account | None) -> AccountDecision:
            assert known == an_account()
            return AccountDecision(
                account=replace(known, roles=frozenset({Role.AUDITOR})), entries=(a_change(),)
            )

        changed = await journal.decide_account("hanako", rule)

        assert changed == an_account(roles=frozenset({Role.AUDITOR}))
        assert await journal.account("hanako") == changed
        assert await chain_of(journal) == {"gw-1": 2}

    async def test_what_a_rule_raises_comes_back_and_nothing_is_done(
        self, journal: Journal
    ) -> None:
        def rule(known: Account | None) -> AccountDecision:
            raise LookupError(known)

        with pytest.raises(LookupError):
            await journal.decide_account("hanako", rule)

        await put(journal, an_account())
        assert await chain_of(journal) == {"gw-1": 1}

    async def test_a_session_is_found_by_its_secret_with_its_account(
        self, journal: Journal
    ) -> None:
        await put(journal, an_account())

        assert await enter(journal, a_session())

        assert await journal.session(a_session().digest) == (a_session(), an_account())
        assert await journal.session(a_session("b").digest) is None
        assert await chain_of(journal) == {"gw-1": 2}

    @pytest.mark.parametrize("over", [{"digest": "another"}, {"disabled_at": LATER}])
    async def test_no_session_opens_by_a_password_that_is_no_longer_right(
        self, journal: Journal, over: dict[str, Any]
    ) -> None:
        await put(journal, an_account(**over))

        assert not await enter(journal, a_session())
        assert not await enter(journal, a_session(account="nobody"))

        assert list(await journal.sessions()) == []
        assert await chain_of(journal) == {"gw-1": 1}

    async def test_a_session_shows_the_account_as_it_is_now(self, journal: Journal) -> None:
        await put(journal, an_account())
        await enter(journal, a_session())

        await put(journal, an_account(roles=frozenset({Role.VIEWER}), disabled_at=LATER))

        found = await journal.session(a_session().digest)
        assert found is not None
        assert found[1] == an_account(roles=frozenset({Role.VIEWER}), disabled_at=LATER)

    async def test_a_session_is_seen_later_and_never_earlier(self, journal: Journal) -> None:
        await put(journal, an_account())
        await enter(journal, a_session())

        await journal.touch_session(a_session().digest, LATER)
        await journal.touch_session(a_session().digest, NOW)
        await journal.touch_session(a_session("b").digest, LATER)

        assert list(await journal.sessions()) == [a_session(seen_at=LATER)]

    async def test_sessions_are_listed_of_one_account_or_all_latest_first(
        self, journal: Journal
    ) -> None:
        await put(journal, an_account())
        await put(journal, an_account(name="taro"))
        first, second = a_session("a"), a_session("b", opened_at=LATER, seen_at=LATER)
        other = a_session("c", account="taro", opened_at=NOW - timedelta(days=1))
        for session in (first, second, other):
            await enter(journal, session)

        assert list(await journal.sessions("hanako")) == [second, first]
        assert list(await journal.sessions()) == [second, first, other]

    async def test_a_session_that_ended_is_gone_and_ends_once(self, journal: Journal) -> None:
        await put(journal, an_account())
        await enter(journal, a_session("a"))
        await enter(journal, a_session("b"))
        where = SessionFilter(digest=a_session("a").digest)

        assert list(await journal.end_sessions(where, ended)) == [a_session("a")]
        assert list(await journal.end_sessions(where, ended)) == []

        assert await journal.session(a_session("a").digest) is None
        assert list(await journal.sessions()) == [a_session("b")]
        assert await chain_of(journal) == {"gw-1": 4}

    @pytest.mark.parametrize(
        ("where", "names"),
        [
            (SessionFilter(id=a_session("a").id), {"a"}),
            (SessionFilter(id=a_session("a").id, account="taro"), set()),
            (SessionFilter(account="hanako"), {"a", "b"}),
            (SessionFilter(seen_before=LATER), {"a", "c"}),
            (SessionFilter(opened_before=NOW), {"c"}),
        ],
    )
    async def test_only_the_sessions_end_that_were_meant(
        self, journal: Journal, where: SessionFilter, names: set[str]
    ) -> None:
        await put(journal, an_account())
        await put(journal, an_account(name="taro"))
        sessions = {
            "a": a_session("a"),
            "b": a_session("b", seen_at=LATER),
            "c": a_session("c", account="taro", opened_at=NOW - timedelta(hours=1)),
        }
        for session in sessions.values():
            await enter(journal, session)

        gone = await journal.end_sessions(where, ended)

        assert {session.id for session in gone} == {sessions[name].id for name in names}
        left = {session.id for session in await journal.sessions()}
        assert left == {one.id for name, one in sessions.items() if name not in names}

    async def test_a_decision_ends_all_sessions_of_the_account_but_the_one_that_is_kept(
        self, journal: Journal
    ) -> None:
        await put(journal, an_account())
        await put(journal, an_account(name="taro"))
        others = a_session("c", account="taro")
        for session in (a_session("a"), a_session("b"), others):
            await enter(journal, session)
        decision = AccountDecision(
            account=an_account(digest="new"),
            entries=(a_change(),),
            ended=ended,
            kept=a_session("a").id,
        )

        await journal.decide_account("hanako", lambda _: decision)

        left = {session.id for session in await journal.sessions()}
        assert left == {a_session("a").id, others.id}
        assert await chain_of(journal) == {"gw-1": 7}

    async def test_a_token_is_found_as_it_was_given_with_its_account(
        self, journal: Journal
    ) -> None:
        await put(journal, an_account())

        await journal.add_token(a_token(), a_change())

        assert await journal.token("0123456789ab") == (a_token(), an_account())
        assert await journal.token("another") is None

    async def test_tokens_are_listed_of_one_account_or_all_latest_first(
        self, journal: Journal
    ) -> None:
        await put(journal, an_account())
        await put(journal, an_account(name="taro"))
        tokens = [a_token("1", created_at=LATER), a_token("2"), a_token("3", account="taro")]
        for token in tokens:
            await journal.add_token(token, a_change())

        assert list(await journal.tokens("hanako")) == tokens[:2]
        assert list(await journal.tokens()) == tokens

    async def test_a_token_is_revoked_once_and_only_by_whose_it_is(self, journal: Journal) -> None:
        await put(journal, an_account())
        await journal.add_token(a_token("1"), a_change())

        assert not await journal.revoke_token("1", LATER, a_change(), account="taro")
        assert await journal.revoke_token("1", LATER, a_change(), account="hanako")
        assert not await journal.revoke_token("1", LATER, a_change())
        assert not await journal.revoke_token("2", LATER, a_change())

        assert list(await journal.tokens()) == [a_token("1", revoked_at=LATER)]
        assert await chain_of(journal) == {"gw-1": 3}


class SharedAccountsContract(AccountsContract):
    """What several processes on one journal see of each other."""

    async def test_a_sign_out_counts_at_once_in_every_process(
        self, journal: Journal, a_node: NodeMaker
    ) -> None:
        other = a_node("gw-2")
        await other.open()
        try:
            await put(journal, an_account())
            await enter(journal, a_session())
            assert await other.session(a_session().digest) is not None

            await other.end_sessions(SessionFilter(digest=a_session().digest), ended)

            assert await journal.session(a_session().digest) is None
        finally:
            await other.close()

    async def test_of_two_who_make_an_account_at_once_one_sees_the_other(
        self, journal: Journal, a_node: NodeMaker
    ) -> None:
        other = a_node("gw-2")
        await other.open()
        seen: list[Account | None] = []

        def rule(known: Account | None) -> AccountDecision:
            seen.append(known)
            return AccountDecision(account=an_account(), entries=(a_change(),))

        try:
            both = (journal.decide_account("hanako", rule), other.decide_account("hanako", rule))
            await asyncio.gather(*both)
        finally:
            await other.close()

        assert sorted(one is None for one in seen) == [False, True]
