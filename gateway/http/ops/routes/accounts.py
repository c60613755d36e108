"""People's accounts, sessions and tokens; one's own, and for admins everybody's."""

from typing import Final

from pydantic import Field

from gateway.domain.account import Role
from gateway.http.ops.answers import Answer, Count, Moment
from gateway.http.ops.route import Items, Route, account_version
from gateway.services.operate.account_access import AccountAccess
from gateway.services.operate.accounts import OperateAccounts
from gateway.services.operate.own_account import OwnAccount


class Account(Answer):
    """One person's account."""

    version: Count = Field(description="Another one when anything here is; the `ETag` of one.")
    account: str
    roles: list[Role]
    created_at: Moment
    changed_at: Moment
    disabled_at: Moment | None


class AccountWithPassword(Account):
    """An account whose password was set."""

    password: str | None


class AccountWithNewPassword(AccountWithPassword):
    """An account whose password was set anew."""

    tokens_revoked: Count


class Session(Answer):
    """Where somebody has signed in."""

    session: str
    account: str
    address: str
    opened_at: Moment
    seen_at: Moment


class EndedSession(Answer):
    """A session that has ended."""

    session: str
    ended: bool


class Token(Answer):
    """The public part of an operations token."""

    id: str
    account: str
    label: str
    created_at: Moment
    expires_at: Moment
    revoked_at: Moment | None


class NewToken(Token):
    """A new token, shown this once."""

    token: str


class RevokedToken(Answer):
    """A token that is refused from now on."""

    id: str
    revoked: bool


class ChangedPassword(Answer):
    """A password that was changed."""

    account: str
    changed: bool


_OF: Final = frozenset({"account"})

ROUTES: Final = (
    Route(
        method="GET",
        path="/accounts",
        operation="account.list",
        does=OperateAccounts.list,
        summary="Every account, by name.",
        answer=Account,
        shape=Items(),
    ),
    Route(
        method="POST",
        path="/accounts",
        operation="account.add",
        does=OperateAccounts.add,
        summary="Make an account; a password that is made for it is shown this once.",
        answer=AccountWithPassword,
        status=201,
    ),
    Route(
        method="GET",
        path="/accounts/{account}",
        operation="account.show",
        does=OperateAccounts.show,
        summary="One account. The `ETag` is that of what it is and may do.",
        answer=Account,
        version=account_version,
    ),
    Route(
        method="PUT",
        path="/accounts/{account}/roles",
        operation="account.change",
        does=OperateAccounts.change,
        summary="Give an account other roles.",
        answer=Account,
        version=account_version,
    ),
    Route(
        method="POST",
        path="/accounts/{account}/password",
        operation="account.password",
        does=OperateAccounts.password,
        summary="Set somebody's password; all their sessions end.",
        answer=AccountWithNewPassword,
    ),
    Route(
        method="POST",
        path="/accounts/{account}/disable",
        operation="account.disable",
        does=OperateAccounts.disable,
        summary="Let nobody in with an account any more.",
        answer=Account,
    ),
    Route(
        method="POST",
        path="/accounts/{account}/enable",
        operation="account.enable",
        does=OperateAccounts.enable,
        summary="Let somebody in again.",
        answer=Account,
    ),
    Route(
        method="POST",
        path="/accounts/{account}/tokens",
        operation="token.add",
        does=AccountAccess.add_token,
        summary="Make a token that acts in somebody's name. It is shown this once.",
        answer=NewToken,
        status=201,
    ),
    Route(
        method="GET",
        path="/sessions",
        operation="session.list",
        does=AccountAccess.sessions,
        summary="Where people have signed in, the latest first.",
        answer=Session,
        shape=Items(),
    ),
    Route(
        method="DELETE",
        path="/sessions/{session}",
        operation="session.end",
        does=AccountAccess.end_session,
        summary="End a session.",
        answer=EndedSession,
        without=_OF,
    ),
    Route(
        method="GET",
        path="/tokens",
        operation="token.list",
        does=AccountAccess.tokens,
        summary="Every operations token: its public part.",
        answer=Token,
        shape=Items(),
    ),
    Route(
        method="DELETE",
        path="/tokens/{token}",
        operation="token.revoke",
        does=AccountAccess.revoke_token,
        summary="Refuse a token from now on.",
        answer=RevokedToken,
        without=_OF,
    ),
    Route(
        method="POST",
        path="/me/password",
        operation="own.password",
        does=OwnAccount.password,
        summary="Change one's own password; one's other sessions end.",
        answer=ChangedPassword,
    ),
    Route(
        method="GET",
        path="/me/sessions",
        operation="own.sessions",
        does=OwnAccount.sessions,
        summary="Where one has signed in oneself.",
        answer=Session,
        shape=Items(),
    ),
    Route(
        method="DELETE",
        path="/me/sessions/{session}",
        operation="own.session_end",
        does=OwnAccount.end_session,
        summary="End one of one's own sessions.",
        answer=EndedSession,
    ),
    Route(
        method="GET",
        path="/me/tokens",
        operation="own.tokens",
        does=OwnAccount.tokens,
        summary="One's own tokens.",
        answer=Token,
        shape=Items(),
    ),
    Route(
        method="POST",
        path="/me/tokens",
        operation="own.token_add",
        does=OwnAccount.add_token,
        summary="Make a token that acts in one's own name. It is shown this once.",
        answer=NewToken,
        status=201,
    ),
    Route(
        method="DELETE",
        path="/me/tokens/{token}",
        operation="own.token_revoke",
        does=OwnAccount.revoke_token,
        summary="Refuse one of one's own tokens.",
        answer=RevokedToken,
    ),
)
