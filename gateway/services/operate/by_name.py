"""The operations by name, as the command line asks for them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MethodType
from typing import Final

from pydantic import ConfigDict, ValidationError, validate_call

from gateway.domain.entry import Actor
from gateway.services.operate.accept_restore import AcceptRestore
from gateway.services.operate.account_access import AccountAccess
from gateway.services.operate.accounts import OperateAccounts
from gateway.services.operate.attention import Attend
from gateway.services.operate.back_up import BackUpJournal
from gateway.services.operate.client_keys import ClientKeys
from gateway.services.operate.decide import Decide
from gateway.services.operate.decide_each import DecideEach
from gateway.services.operate.destinations import OperateDestinations
from gateway.services.operate.doubt_restored import DoubtRestored
from gateway.services.operate.examine_log import ExamineLog
from gateway.services.operate.export_log import ExportLog
from gateway.services.operate.four_eyes import FourEyes
from gateway.services.operate.identities import completed, under_four_eyes
from gateway.services.operate.log_keys import ShowLogKeys
from gateway.services.operate.log_level import OperateLogLevel
from gateway.services.operate.log_standing import ShowLogStanding
from gateway.services.operate.look import Look
from gateway.services.operate.own_account import OwnAccount
from gateway.services.operate.procedures import ShowProcedures
from gateway.services.operate.prove_entry import ProveEntry
from gateway.services.operate.recent_events import RecentEvents
from gateway.services.operate.refusals import OperationError
from gateway.services.operate.repair import Repair
from gateway.services.operate.report_log import ReportLog
from gateway.services.operate.retention import OperateRetention
from gateway.services.operate.search_applications import SearchApplications
from gateway.services.operate.search_log import SearchLog
from gateway.services.operate.show_adapters import ShowAdapters
from gateway.services.operate.show_flow import ShowFlow
from gateway.services.operate.show_keys import ShowKeys
from gateway.services.operate.show_overview import ShowOverview
from gateway.services.operate.show_workers import ShowWorkers
from gateway.services.operate.shred_details import ShredDetails
from gateway.services.operate.verify_log import VerifyLog
from gateway.services.operate.watch_destinations import WatchDestinations
from gateway.services.operate.webhooks import OperateWebhooks

Operation = Callable[[Actor, Mapping[str, object]], Awaitable[object]]

_STRICT: Final = ConfigDict(arbitrary_types_allowed=True)


@dataclass(frozen=True, slots=True)
class LogOperations:
    """What the people may do who watch over the audit log."""

    search: SearchLog
    export: ExportLog
    prove: ProveEntry
    report: ReportLog
    accept_restore: AcceptRestore
    back_up: BackUpJournal
    doubt_restored: DoubtRestored


@dataclass(frozen=True, slots=True)
class PeopleOperations:
    """What concerns the people who operate the gateway."""

    accounts: OperateAccounts
    access: AccountAccess
    own: OwnAccount


@dataclass(frozen=True, slots=True)
class AttentionOperations:
    """What the people may do who look after what waits."""

    attend: Attend
    each: DecideEach
    four_eyes: FourEyes


@dataclass(frozen=True, slots=True)
class WatchOperations:
    """What people see who watch over a gateway, and how auditors examine its log."""

    overview: ShowOverview
    events: RecentEvents
    workers: ShowWorkers
    procedures: ShowProcedures
    keys: ShowKeys
    standing: ShowLogStanding
    examine: ExamineLog


@dataclass(frozen=True, slots=True)
class Operations:
    """What a person may do, by subject."""

    look: Look
    applications: SearchApplications
    decide: Decide
    repair: Repair
    client_keys: ClientKeys
    webhooks: OperateWebhooks
    destinations: OperateDestinations
    watch_destinations: WatchDestinations
    adapters: ShowAdapters
    flow: ShowFlow
    verify_log: VerifyLog
    log_keys: ShowLogKeys
    log_level: OperateLogLevel
    shred_details: ShredDetails
    retention: OperateRetention
    log: LogOperations
    watch: WatchOperations
    attention: AttentionOperations
    people: PeopleOperations


def operations(operate: Operations, *, at_the_machine: bool = False) -> Mapping[str, Operation]:
    """Return every operation: who asks and its arguments in, something JSON-like out.

    Those that decide something are told who asks, as the operating system or a sign-in
    vouches for it; nobody can name somebody else.

    Args:
        operate: What does them.
        at_the_machine: Whether who asks is the gateway's user on its machine, who gives out
            accounts alone.
    """
    four_eyes = operate.attention.four_eyes
    plain: dict[str, Operation] = {
        "overview": _reading(operate.watch.overview.__call__),
        "events.recent": _reading(operate.watch.events.__call__),
        "worker.list": _reading(operate.watch.workers.__call__),
        "procedure.list": _reading(operate.watch.procedures.list),
        "procedure.show": _reading(operate.watch.procedures.show),
        "status": _deciding(operate.look.status),
        "messages.list": _reading(operate.look.messages),
        "messages.search": _reading(operate.applications.search),
        "messages.choices": _reading(operate.applications.choices),
        "messages.export": _deciding(operate.applications.export),
        "parked.list": _reading(operate.look.parked),
        "parked.show": _deciding(operate.look.parked_one),
        "parked.replay": _deciding(operate.decide.replay),
        "parked.confirm": _deciding(operate.decide.confirm),
        "parked.cancel": _deciding(operate.decide.cancel),
        "parked.groups": _reading(operate.repair.groups),
        "parked.plan": _reading(operate.repair.plan),
        "parked.resubmissions": _reading(operate.repair.resubmissions),
        "parked.replay_each": _deciding(operate.attention.each.replay),
        "parked.confirm_each": _deciding(operate.attention.each.confirm),
        "parked.cancel_each": _deciding(operate.attention.each.cancel),
        "attention.groups": _reading(operate.attention.attend.groups),
        "attention.show": _reading(operate.attention.attend.show),
        "attention.note": _deciding(operate.attention.attend.note),
        "attention.acknowledge": _deciding(operate.attention.attend.acknowledge),
        "approval.list": _reading(four_eyes.list),
        "approval.show": _reading(four_eyes.show),
        "approval.refuse": _deciding(four_eyes.refuse),
        "approval.withdraw": _deciding(four_eyes.withdraw),
        "replay.order": _deciding(operate.repair.order),
        "replay.list": _reading(operate.repair.orders),
        "replay.show": _reading(operate.repair.show),
        "replay.resume": _deciding(operate.repair.resume),
        "replay.stop": _deciding(operate.repair.stop),
        "destination.list": _reading(operate.destinations.list),
        "destination.show": _reading(operate.destinations.show),
        "destination.pause": _deciding(operate.destinations.pause),
        "destination.resume": _deciding(operate.destinations.resume),
        "destination.change": _deciding(operate.destinations.change),
        "destination.overview": _reading(operate.watch_destinations.all),
        "destination.standing": _reading(operate.watch_destinations.one),
        "destination.check": _deciding(operate.watch_destinations.check),
        "destination.retrying": _reading(operate.watch_destinations.retrying),
        "destination.history": _deciding(operate.watch_destinations.history),
        "adapter.list": _reading(operate.adapters.all),
        "adapter.show": _reading(operate.adapters.one),
        "destination.flow": _reading(operate.flow.one),
        "flow.totals": _reading(operate.flow.totals),
        "log.level": _deciding(operate.log_level.__call__),
        "client.add": _deciding(operate.client_keys.add),
        "client.list": _reading(operate.client_keys.list),
        "client.revoke": _deciding(operate.client_keys.revoke),
        "account.list": _reading(operate.people.accounts.list),
        "account.show": _reading(operate.people.accounts.show),
        "account.add": _deciding(operate.people.accounts.add),
        "account.change": _deciding(operate.people.accounts.change),
        "account.password": _deciding(operate.people.accounts.password),
        "account.disable": _deciding(operate.people.accounts.disable),
        "account.enable": _deciding(operate.people.accounts.enable),
        "session.list": _reading(operate.people.access.sessions),
        "session.end": _deciding(operate.people.access.end_session),
        "token.add": _deciding(operate.people.access.add_token),
        "token.list": _reading(operate.people.access.tokens),
        "token.revoke": _deciding(operate.people.access.revoke_token),
        "own.password": _deciding(operate.people.own.password),
        "own.sessions": _deciding(operate.people.own.sessions),
        "own.session_end": _deciding(operate.people.own.end_session),
        "own.tokens": _deciding(operate.people.own.tokens),
        "own.token_add": _deciding(operate.people.own.add_token),
        "own.token_revoke": _deciding(operate.people.own.revoke_token),
        "client.grants": _reading(operate.watch.keys.grants),
        "key.list": _reading(operate.watch.keys.keys),
        "webhook.list": _reading(operate.webhooks.list),
        "webhook.enable": _deciding(operate.webhooks.enable),
        "audit.verify": _deciding(operate.verify_log.__call__),
        "audit.examine": _deciding(operate.watch.examine.verify),
        "audit.examine_period": _deciding(operate.watch.examine.report),
        "audit.examination": _reading(operate.watch.examine.show),
        "audit.stop_examining": _deciding(operate.watch.examine.stop),
        "audit.standing": _reading(operate.watch.standing.__call__),
        "audit.key": _reading(operate.log_keys.__call__),
        "audit.shred": _deciding(operate.shred_details.__call__),
        "audit.search": _deciding(operate.log.search.__call__),
        "audit.head": _deciding(operate.log.export.head),
        "audit.entries": _deciding(operate.log.export.entries),
        "audit.tiles": _reading(operate.log.export.tiles),
        "audit.receipt_keys": _reading(operate.log.export.receipt_keys),
        "audit.prove": _deciding(operate.log.prove.__call__),
        "audit.accept_restore": _deciding(operate.log.accept_restore.__call__),
        # Of no role: it writes where a path on this machine says, so only the socket offers it.
        "journal.backup": _deciding(operate.log.back_up.__call__),
        "journal.doubt_restored": _deciding(operate.log.doubt_restored.__call__),
        "retention.show": _reading(operate.retention.show),
        "retention.plan": _reading(operate.retention.plan),
        "retention.run": _deciding(operate.retention.run),
        "audit.report": _deciding(operate.log.report.__call__),
    }

    async def approve(approval: str, *, actor: Actor, reason: str) -> object:
        return await four_eyes.approve(approval, actor=actor, reason=reason, do=completed(plain))

    plan = plain["parked.plan"]
    watched = {} if at_the_machine else under_four_eyes(four_eyes, plain, plan)
    watched |= {
        name: four_eyes.watched(name, plain[name], plan)
        for name in four_eyes.covered & plain.keys()
    }
    return {**plain, **watched, "approval.approve": _deciding(approve)}


def _reading(method: Callable[..., Awaitable[object]]) -> Operation:
    async def perform(_: Actor, arguments: Mapping[str, object]) -> object:
        return await _call(method, arguments)

    return perform


def _deciding(method: Callable[..., Awaitable[object]]) -> Operation:
    async def perform(actor: Actor, arguments: Mapping[str, object]) -> object:
        return await _call(method, {**arguments, "actor": actor})

    return perform


@cache
def _checked(function: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    # When it is first asked for: there are ninety, and whoever types a command asks for one.
    return validate_call(config=_STRICT)(function)


async def _call(
    method: Callable[..., Awaitable[object]], arguments: Mapping[str, object]
) -> object:
    try:
        if isinstance(method, MethodType):
            return await _checked(method.__func__)(method.__self__, **arguments)
        return await validate_call(config=_STRICT)(method)(**arguments)
    except ValidationError as error:
        names = ", ".join(
            ".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False)
        )
        raise OperationError(f"arguments: {names}") from None
