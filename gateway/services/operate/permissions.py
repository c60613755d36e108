"""Which roles may ask for which operation: one table for the console, the API and its document."""

from collections.abc import Mapping
from typing import Final

from gateway.domain.account import Role

_EVERYBODY: Final = frozenset(Role)
_WATCHING: Final = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN})
_REPAIRING: Final = frozenset({Role.OPERATOR})
_AUDITING: Final = frozenset({Role.AUDITOR})
_GIVING_OUT: Final = frozenset({Role.ADMIN})

PERMITTED: Final[Mapping[str, frozenset[Role]]] = {
    "overview": _EVERYBODY,
    "status": _WATCHING | _AUDITING,
    "messages.list": _WATCHING | _AUDITING,
    "messages.search": _WATCHING | _AUDITING,
    "messages.choices": _WATCHING | _AUDITING,
    "messages.export": _WATCHING | _AUDITING,
    "parked.list": _WATCHING,
    "parked.show": _WATCHING,
    "parked.replay": _REPAIRING,
    "parked.confirm": _REPAIRING,
    "parked.cancel": _REPAIRING,
    "parked.groups": _WATCHING,
    "parked.plan": _WATCHING,
    "parked.resubmissions": _WATCHING,
    "replay.order": _REPAIRING,
    "replay.list": _WATCHING,
    "replay.show": _WATCHING,
    "replay.resume": _REPAIRING,
    "replay.stop": _REPAIRING,
    "destination.list": _EVERYBODY,
    "destination.show": _EVERYBODY,
    "destination.pause": _REPAIRING,
    "destination.resume": _REPAIRING,
    "destination.change": _REPAIRING,
    "destination.overview": _EVERYBODY,
    "destination.standing": _EVERYBODY,
    "destination.check": _REPAIRING,
    "destination.history": _WATCHING | _AUDITING,
    "adapter.list": _EVERYBODY,
    "adapter.show": _EVERYBODY,
    "destination.flow": _EVERYBODY,
    "flow.totals": _EVERYBODY,
    "client.add": _GIVING_OUT,
    "client.list": _EVERYBODY,
    "client.revoke": _GIVING_OUT,
    "account.list": _GIVING_OUT,
    "account.add": _GIVING_OUT,
    "account.change": _GIVING_OUT,
    "account.password": _GIVING_OUT,
    "account.disable": _GIVING_OUT,
    "account.enable": _GIVING_OUT,
    "session.list": _GIVING_OUT,
    "session.end": _GIVING_OUT,
    "token.add": _GIVING_OUT,
    "token.list": _GIVING_OUT,
    "token.revoke": _GIVING_OUT,
    "own.password": _EVERYBODY,
    "own.sessions": _EVERYBODY,
    "own.session_end": _EVERYBODY,
    "own.tokens": _EVERYBODY,
    "own.token_add": _EVERYBODY,
    "own.token_revoke": _EVERYBODY,
    "webhook.list": _EVERYBODY,
    "webhook.enable": _REPAIRING,
    "audit.verify": _AUDITING,
    "audit.key": _EVERYBODY,
    "audit.shred": _GIVING_OUT,
    "audit.search": _AUDITING,
    "audit.head": _AUDITING,
    "audit.entries": _AUDITING,
    "audit.tiles": _AUDITING,
    "audit.receipt_keys": _AUDITING,
    "audit.prove": _AUDITING,
    "audit.accept_restore": _GIVING_OUT,
    "audit.report": _AUDITING,
}
"""Operation (``by_name``) to the roles of which one is needed."""
