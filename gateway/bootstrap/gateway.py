"""Put a gateway process together."""

from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog

from gateway.bootstrap.key_names import GATEWAY_KEY, PSEUDONYM_KEY, destination_key, worker_key
from gateway.bootstrap.log_signing import kept_checkpoint, log_public, log_signing
from gateway.bootstrap.operate import build_operate
from gateway.bootstrap.policies import policies
from gateway.bootstrap.retention import build_retain
from gateway.bootstrap.stores import open_journal
from gateway.bootstrap.telemetry import open_spans
from gateway.bootstrap.watching import grants, routes
from gateway.bootstrap.webhooks import endpoints
from gateway.crypto import keys
from gateway.crypto.at_rest import WordsAtRest
from gateway.crypto.pseudonym import Pseudonyms
from gateway.crypto.seal import Sealer
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.errors import KeyNotFoundError, KeyUnusableError
from gateway.domain.identifiers import (
    ClientName,
    CopyId,
    DestinationName,
    MunicipalityCode,
    WorkerName,
)
from gateway.drivers import kernel_clock
from gateway.drivers.memory_broker import MemoryBroker
from gateway.drivers.system_clock import SystemClock, new_id
from gateway.drivers.webhook_client import WebhookClient
from gateway.ports.broker import Broker
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.ports.keys import KeyStore
from gateway.schema.catalogue import Catalogue
from gateway.services.accept import AcceptApplication
from gateway.services.answer_claims import AnswerClaims
from gateway.services.authenticate import Authenticate
from gateway.services.bury_dead_letters import BuryDeadLetters
from gateway.services.carry_out_replays import CarryOutReplays
from gateway.services.count_denials import CountDenials
from gateway.services.destinations import Destinations
from gateway.services.flow import Flow
from gateway.services.hops import Hops
from gateway.services.keep_attention import KeepAttention
from gateway.services.limit import Limit
from gateway.services.log_levels import LogLevels
from gateway.services.measured_broker import MeasuredBroker
from gateway.services.note_keys import NoteKeys
from gateway.services.observe_clock import ObserveClock
from gateway.services.operate.by_name import Operations
from gateway.services.ordering import Ordering
from gateway.services.prove import Prove
from gateway.services.reconcile import Reconcile
from gateway.services.record_feedback import RecordFeedback
from gateway.services.record_heartbeats import RecordHeartbeats
from gateway.services.record_outcomes import RecordOutcomes
from gateway.services.relay import Relay
from gateway.services.retain import Retain
from gateway.services.routing import RoutingTable
from gateway.services.seal_log import SealLog
from gateway.services.send_webhooks import SendWebhooks
from gateway.services.sessions import Sessions
from gateway.services.share_flow import ShareFlow
from gateway.services.spans import Spans
from gateway.services.tally import Commits
from gateway.services.track import Track
from gateway.services.watch_backlog import WatchBacklog
from gateway.services.watch_growth import WatchGrowth
from gateway.services.watch_loop import WatchLoop
from gateway.services.workers import WorkerGrant, WorkerRegister
from gateway.settings.model import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The parts of a gateway process, not yet started."""

    settings: Settings
    journal: Journal
    broker: Broker
    broker_forgets: bool
    catalogue: Catalogue
    authenticate: Authenticate
    denials: CountDenials
    sessions: Sessions
    keep_attention: KeepAttention
    limit: Limit
    accept: AcceptApplication
    track: Track
    operate: Operations
    relay: Relay
    answer_claims: AnswerClaims
    record_outcomes: RecordOutcomes
    record_heartbeats: RecordHeartbeats
    bury_dead_letters: BuryDeadLetters
    watch_backlog: WatchBacklog
    carry_out_replays: CarryOutReplays
    send_webhooks: SendWebhooks
    reconcile: Reconcile
    destinations: Destinations
    hops: Hops
    share_flow: ShareFlow
    watch_growth: WatchGrowth
    watch_loop: WatchLoop
    seal_log: SealLog
    observe_clock: ObserveClock
    retain: Retain
    prove: Prove
    note_keys: NoteKeys
    spans: Spans
    levels: LogLevels | None
    configuration: str
    """Stands for the effective configuration: another one, another text."""


def build_gateway(
    settings: Settings,
    store: KeyStore,
    *,
    broker: Broker,
    catalogue: Catalogue,
    journal: Journal | None = None,
    spans: Spans | None = None,
    levels: LogLevels | None = None,
) -> Gateway:
    """Put a gateway process together; connects to nothing yet.

    Args:
        settings: The configuration.
        store: Where its keys are.
        broker: What it shares with the workers.
        catalogue: The procedures.
        journal: The store, if it is not to be the configured one.
        spans: Where it is traced, if not as configured.
        levels: What decides what this process logs.

    Raises:
        ConfigError: Something configured cannot work.
        KeyNotFoundError: A key that it needs is missing: its own signing and pseudonym
            keys, the log's, each destination's public key, each worker's public key, each
            key that signs webhooks.
    """
    clock: Clock = SystemClock()
    spans = spans or open_spans(settings, settings.node)
    commits = Commits()
    journal = journal or open_journal(settings, note_commit=commits.note)
    broker_forgets = isinstance(broker, MemoryBroker)
    broker = measured = MeasuredBroker(broker)
    signer = Signer(store.private(GATEWAY_KEY))
    pseudonyms = Pseudonyms(store.private(PSEUDONYM_KEY))
    worker_keys, register = _trusted_workers(settings, store)
    own_key = store.public(GATEWAY_KEY)
    own_verifier = Verifier({keys.thumbprint(own_key): own_key})
    worker_verifier = Verifier(worker_keys)
    destinations = Destinations(policies(settings), journal=journal, clock=clock)
    flow = Flow(clock=clock)
    relay = Relay(
        destinations=destinations,
        journal=journal,
        broker=broker,
        clock=clock,
        new_copy=lambda: CopyId(new_id()),
        sweep_s=settings.broker.sweep_s,
        spans=spans,
    )
    send_webhooks = SendWebhooks(
        journal=journal,
        http=WebhookClient(),
        clock=clock,
        endpoints=endpoints(settings, store),
        spans=spans,
    )
    reconcile = Reconcile(
        destinations=destinations, journal=journal, broker=broker, relay=relay, clock=clock
    )
    authenticate = Authenticate(journal=journal)
    seal_log = SealLog(
        journal=journal,
        signing=log_signing(store),
        origin=settings.audit.origin,
        new_origin=f"kakehashi/{uuid4()}",
        clock=clock,
        kept=kept_checkpoint(settings),
        reread=lambda: log_public(store),
    )
    backlog = WatchBacklog(journal=journal, most=settings.journal.max_unfinished)
    answer_claims = AnswerClaims(
        journal=journal,
        broker=broker,
        signer=signer,
        verifier=worker_verifier,
        workers=register,
        policies=destinations,
        clock=clock,
        copy_claimed=reconcile.note_claimed,
        flow=flow,
    )
    record_feedback = RecordFeedback(
        journal=journal,
        verifier=worker_verifier,
        workers=register,
        clock=clock,
        codes={
            DestinationName(name): destination.feedback_codes
            for name, destination in settings.destinations.items()
        },
        clients=send_webhooks.clients,
        new_id=new_id,
        announced=send_webhooks.nudge,
        spans=spans,
    )
    record_outcomes = RecordOutcomes(
        journal=journal,
        broker=broker,
        verifier=worker_verifier,
        workers=register,
        policies=destinations,
        clock=clock,
        feedback=record_feedback,
        turn_came=relay.nudge,
        flow=flow,
        spans=spans,
    )
    watch_loop = WatchLoop()
    operate = build_operate(
        settings,
        store,
        journal,
        destinations=destinations,
        flow=flow,
        catalogue=catalogue,
        keys_changed=authenticate.reload,
        levels=levels,
        is_connected=lambda: broker.is_connected,
        spans=spans,
    )
    return Gateway(
        settings=settings,
        journal=journal,
        broker=broker,
        broker_forgets=broker_forgets,
        catalogue=catalogue,
        authenticate=authenticate,
        denials=CountDenials(journal=journal, clock=clock),
        sessions=Sessions(journal=journal, clock=clock, limits=settings.console.limits()),
        limit=Limit(rate_per_s=settings.http.requests_per_s, burst=settings.http.request_burst),
        accept=AcceptApplication(
            catalogue=catalogue,
            municipalities=frozenset(MunicipalityCode(code) for code in settings.municipalities),
            grants=grants(settings),
            routing=RoutingTable(routes(settings)),
            ordering=_ordering(settings, pseudonyms),
            sealers={name: Sealer(store.public(destination_key(name))) for name in destinations},
            signer=signer,
            pseudonyms=pseudonyms,
            journal=journal,
            relay=relay,
            clock=clock,
            new_id=new_id,
            has_room=backlog.has_room,
            flow=flow,
            log_origin=lambda: seal_log.origin,
            spans=spans,
        ),
        track=Track(
            journal=journal,
            destinations=destinations,
            codes={
                ClientName(name): client.feedback_codes for name, client in settings.clients.items()
            },
        ),
        operate=operate,
        keep_attention=KeepAttention(
            attend=operate.attention.attend, four_eyes=operate.attention.four_eyes
        ),
        relay=relay,
        answer_claims=answer_claims,
        record_outcomes=record_outcomes,
        record_heartbeats=RecordHeartbeats(
            journal=journal,
            broker=broker,
            signer=signer,
            verifier=worker_verifier,
            workers=register,
            destinations=destinations,
            clock=clock,
            levels=levels,
        ),
        bury_dead_letters=BuryDeadLetters(
            journal=journal,
            broker=broker,
            verifier=own_verifier,
            destinations=destinations,
            clock=clock,
        ),
        watch_backlog=backlog,
        carry_out_replays=CarryOutReplays(
            journal=journal,
            clock=clock,
            at_rest=WordsAtRest(store.private(PSEUDONYM_KEY)),
            spans=spans,
        ),
        send_webhooks=send_webhooks,
        reconcile=reconcile,
        destinations=destinations,
        hops=Hops(
            flow=flow.since_start,
            lag_s=relay.lag_s,
            published_s=measured.published_s,
            unpublished=measured.unpublished,
            verdicts=answer_claims.verdicts,
            claim_s=answer_claims.answer_s,
            reports_refused=(answer_claims.refused, record_outcomes.refused),
            feedback=record_feedback.recorded,
            webhooks=send_webhooks.attempts,
            webhook_s=send_webhooks.answer_s,
            republished=reconcile.republished,
            abandoned=reconcile.abandoned,
            commits=commits,
            late_s=watch_loop.late_s,
        ),
        share_flow=ShareFlow(flow=flow, journal=journal, clock=clock),
        watch_growth=WatchGrowth(journal=journal, clock=clock),
        watch_loop=watch_loop,
        seal_log=seal_log,
        observe_clock=ObserveClock(
            journal=journal,
            clock=clock,
            steady=kernel_clock.steady,
            synchronised=kernel_clock.synchronised,
            sealed=seal_log.sealed,
        ),
        retain=build_retain(settings, journal, clock),
        prove=Prove(journal=journal),
        note_keys=NoteKeys(journal=journal, keys=_key_ids(store), clock=clock),
        spans=spans,
        levels=levels,
        configuration=pseudonyms.settings_mac(settings.model_dump_json()).hex(),
    )


def _key_ids(store: KeyStore) -> dict[str, str]:
    """Return the name and thumbprint of every key that can be used."""
    ids: dict[str, str] = {}
    for name in store.names():
        for read in (store.private, store.public):
            with suppress(KeyNotFoundError, KeyUnusableError):
                ids.setdefault(name, keys.thumbprint(read(name)))
    return ids


def _trusted_workers(
    settings: Settings, store: KeyStore
) -> tuple[dict[str, bytes], WorkerRegister]:
    public: dict[str, bytes] = {}
    granted: dict[str, WorkerGrant] = {}
    for name, worker in settings.workers.items():
        jwk = store.public(worker_key(name))
        kid = keys.thumbprint(jwk)
        public[kid] = jwk
        granted[kid] = WorkerGrant(
            WorkerName(name), frozenset(DestinationName(to) for to in worker.destinations)
        )
    return public, WorkerRegister(granted)


def _ordering(settings: Settings, pseudonyms: Pseudonyms) -> Ordering:
    order_by = {
        DestinationName(name): destination.order_by
        for name, destination in settings.destinations.items()
        if destination.order_by is not None
    }
    return Ordering(order_by, pseudonyms)
