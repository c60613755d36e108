"""Put the operations console together, and what it shares with the operations API."""

import asyncio
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network

from aiohttp import web

from gateway.bootstrap.gateway import Gateway
from gateway.console.entry import Entry, SessionCookie
from gateway.console.failing import misdirected
from gateway.console.site import Console, add_console
from gateway.domain.account import Account, Role
from gateway.drivers.system_clock import SystemClock
from gateway.http.ops.caller import Caller
from gateway.http.ops.door import OperationsAPI, add_operations_api
from gateway.http.ops.hosts import answering_to
from gateway.services.accept import Refusal
from gateway.services.operate.by_name import operations
from gateway.services.operate.guard import Guard
from gateway.services.passwords import Passwords, new_password
from gateway.services.sessions import Sessions
from gateway.services.sign_in import SignIn
from gateway.services.throttle import OF_ACCOUNT, Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorsDoor:
    """Where people who operate the gateway come in.

    Attributes:
        guard: Does what they ask for, if they may.
        entry: Knows who they are.
    """

    guard: Guard
    entry: Entry

    async def identify(self, request: web.Request) -> Caller | Refusal:
        """Return who calls the operations API, by a token or by the console's session."""
        presented = request.headers.get("Authorization")
        visit = None if presented is not None else await self.entry.visitor(request)
        if visit is not None:
            return Caller(visit.person, visit.csrf)
        person = await self.entry.sessions.person_of_token(presented)
        return person if isinstance(person, Refusal) else Caller(person)


def operators_door(gateway: Gateway, patience: Patience = OF_ACCOUNT) -> OperatorsDoor:
    """Return the door of a gateway."""
    clock, settings = SystemClock(), gateway.settings.console
    sessions = gateway.sessions
    return OperatorsDoor(
        guard=Guard(
            operations(gateway.operate),
            journal=gateway.journal,
            clock=clock,
            denials=gateway.denials,
        ),
        entry=Entry(
            sign_in=SignIn(
                journal=gateway.journal,
                sessions=sessions,
                passwords=Passwords(),
                denials=gateway.denials,
                patience=patience,
            ),
            sessions=sessions,
            cookie=SessionCookie(is_secure=settings.is_secure),
            proxies=[ip_network(each) for each in settings.proxies],
        ),
    )


def add_operators_door(
    app: web.Application,
    gateway: Gateway,
    stopping: asyncio.Event,
    patience: Patience = OF_ACCOUNT,
) -> None:
    """Add console and operations API to an application that people reach.

    Args:
        app: Serves health and metrics already.
        gateway: Whose console it is.
        stopping: Set when the process ends.
        patience: How guessing at an account is slowed down.
    """
    door = operators_door(gateway, patience)
    console = Console(
        guard=door.guard,
        visitor=door.entry.visitor,
        entry=door.entry,
        stopping=stopping,
        refused=partial(gateway.denials.count, door="operations"),
    )
    ours = {*gateway.settings.console.names, gateway.settings.http.operations_host}
    app.middlewares.append(answering_to(ours, partial(misdirected, console.renderer)))
    add_console(app, console)
    api = OperationsAPI(guard=door.guard, identify=door.identify, cookie=door.entry.cookie.name)
    add_operations_api(app, api)


async def admitted_account(sessions: Sessions, name: str) -> str:
    """Let an account in as long as this process lives, with every role; return its password."""
    password, now = new_password(), SystemClock().now()
    digest = await Passwords().digest_of(password)
    sessions.admit(
        Account(name=name, roles=frozenset(Role), digest=digest, created_at=now, changed_at=now)
    )
    return password
