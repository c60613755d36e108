"""Put the operations together that people may do, for a gateway or for a command beside it."""

from collections.abc import Awaitable, Callable

from gateway.bootstrap.attention import attention_operations
from gateway.bootstrap.destinations import show_adapters, watch_destinations
from gateway.bootstrap.key_names import PSEUDONYM_KEY
from gateway.bootstrap.log_operations import log_operations
from gateway.bootstrap.log_signing import log_signing
from gateway.bootstrap.policies import policies
from gateway.bootstrap.retention import build_retain
from gateway.bootstrap.search import search_applications
from gateway.bootstrap.watching import Watched, watch_operations
from gateway.bootstrap.webhooks import with_endpoint
from gateway.crypto.at_rest import WordsAtRest
from gateway.crypto.pseudonym import Pseudonyms
from gateway.domain.identifiers import ClientName, MunicipalityCode
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.ports.keys import KeyStore
from gateway.schema.catalogue import Catalogue
from gateway.services.destinations import Destinations
from gateway.services.flow import Flow
from gateway.services.log_levels import LogLevels
from gateway.services.operate.account_access import AccountAccess
from gateway.services.operate.accounts import OperateAccounts
from gateway.services.operate.by_name import Operations, PeopleOperations
from gateway.services.operate.client_keys import ClientKeys
from gateway.services.operate.decide import Decide
from gateway.services.operate.destinations import OperateDestinations
from gateway.services.operate.log_keys import ShowLogKeys
from gateway.services.operate.log_level import OperateLogLevel
from gateway.services.operate.look import Look
from gateway.services.operate.own_account import OwnAccount
from gateway.services.operate.repair import Repair
from gateway.services.operate.retention import OperateRetention
from gateway.services.operate.show_flow import ShowFlow
from gateway.services.operate.shred_details import ShredDetails
from gateway.services.operate.verify_log import VerifyLog
from gateway.services.operate.webhooks import OperateWebhooks
from gateway.services.operate.whole_log import Turn
from gateway.services.passwords import Passwords
from gateway.services.spans import Spans
from gateway.settings.model import Settings


def build_operate(  # noqa: PLR0913 - what a gateway process has beside its settings
    settings: Settings,
    store: KeyStore,
    journal: Journal,
    *,
    destinations: Destinations | None = None,
    flow: Flow | None = None,
    catalogue: Catalogue | None = None,
    keys_changed: Callable[[], Awaitable[None]] | None = None,
    is_connected: Callable[[], bool] | None = None,
    levels: LogLevels | None = None,
    spans: Spans | None = None,
) -> Operations:
    """Return the operations over ``journal``, for the gateway or for a command beside it.

    Args:
        settings: The configuration.
        store: Where the keys are.
        journal: The open store.
        destinations: The gateway's own view of them, so that a change is in force at once.
        flow: What this process counts; nothing, if not said.
        catalogue: The procedures; without it they have no titles.
        keys_changed: Called when a client's key was added or revoked.
        is_connected: Whether the broker could carry something, if this process knows.
        levels: What decides what this process logs, if it is one that goes on.
        spans: Where what people decide is traced.

    Raises:
        KeyNotFoundError: There is no pseudonym key yet.
    """
    clock = SystemClock()
    at_rest = WordsAtRest(store.private(PSEUDONYM_KEY))
    flow, is_gateway = flow or Flow(clock=clock), destinations is not None
    destinations = destinations or Destinations(policies(settings), journal=journal, clock=clock)
    pseudonyms = Pseudonyms(store.private(PSEUDONYM_KEY))
    webhooks = OperateWebhooks(journal=journal, clients=with_endpoint(settings), clock=clock)
    look = Look(
        journal=journal,
        pseudonyms=pseudonyms,
        municipalities=frozenset(MunicipalityCode(code) for code in settings.municipalities),
        destinations=destinations,
        webhooks=webhooks,
        clock=clock,
    )
    log_keys = ShowLogKeys(journal=journal, signing=lambda: log_signing(store))
    turn = Turn()
    log = log_operations(
        settings,
        store,
        journal,
        pseudonyms=pseudonyms,
        clock=clock,
        turn=turn,
        destinations=destinations,
        is_gateway=is_gateway,
    )
    verify_log = VerifyLog(
        journal=journal, clock=clock, signing=lambda: log_signing(store), turn=turn
    )
    return Operations(
        look=look,
        applications=search_applications(
            settings, journal, pseudonyms=pseudonyms, clock=clock, catalogue=catalogue
        ),
        decide=Decide(journal=journal, clock=clock, spans=spans),
        repair=Repair(journal=journal, clock=clock, new_id=new_id, at_rest=at_rest),
        client_keys=ClientKeys(
            journal=journal,
            clients=frozenset(ClientName(name) for name in settings.clients),
            clock=clock,
            keys_changed=keys_changed,
        ),
        webhooks=webhooks,
        destinations=OperateDestinations(
            destinations=destinations, journal=journal, clock=clock, at_rest=at_rest
        ),
        watch_destinations=watch_destinations(
            settings,
            journal,
            destinations=destinations,
            flow=flow,
            clock=clock,
            at_rest=at_rest,
        ),
        adapters=show_adapters(settings, destinations),
        flow=ShowFlow(flow, destinations),
        verify_log=verify_log,
        log_keys=log_keys,
        log_level=OperateLogLevel(levels=levels, journal=journal, clock=clock),
        shred_details=ShredDetails(journal=journal, clock=clock),
        retention=OperateRetention(
            retain=build_retain(settings, journal, clock), journal=journal, clock=clock
        ),
        log=log,
        watch=watch_operations(
            settings,
            store,
            journal,
            Watched(
                look=look,
                destinations=destinations,
                flow=flow,
                log_keys=log_keys,
                verify=verify_log,
                report=log.report,
                clock=clock,
                catalogue=None if catalogue is None else lambda: catalogue,
                is_connected=is_connected,
            ),
        ),
        people=_people(settings, journal, clock),
        attention=attention_operations(
            settings, journal, clock=clock, at_rest=at_rest, spans=spans
        ),
    )


def _people(settings: Settings, journal: Journal, clock: Clock) -> PeopleOperations:
    passwords, access = Passwords(), AccountAccess(journal=journal, clock=clock)
    return PeopleOperations(
        accounts=OperateAccounts(
            journal=journal,
            passwords=passwords,
            clock=clock,
            operator_may_audit=settings.console.operator_may_audit,
        ),
        access=access,
        own=OwnAccount(journal=journal, access=access, passwords=passwords, clock=clock),
    )
