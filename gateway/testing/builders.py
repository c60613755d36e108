"""Records for tests: valid by default, each field can be said otherwise."""

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from gateway.domain.claim import Heartbeat
from gateway.domain.control import Control
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
    WorkerName,
    uuid7,
)
from gateway.domain.lifecycle import State
from gateway.domain.records import ApplicationRecord, DeliveryRecord, SealedDelivery
from gateway.domain.repair import ReplayId, ReplayOrder
from gateway.ports.journal import Acceptance, ClientKey

NOW: Final = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
MUNICIPALITY: Final = MunicipalityCode("131016")
DESTINATION: Final = DestinationName("jido-teate")

_milliseconds: Final = itertools.count(int(NOW.timestamp() * 1000))


def an_id() -> UUID:
    """Return a UUIDv7 that sorts behind those before it; other processes have others."""
    return uuid7(next(_milliseconds), os.urandom(10))


def an_entry(**over: Any) -> Entry:
    """Return an audit entry that concerns no application."""
    entry = Entry(
        action=Action.NODE_STARTED, at=NOW, actor=Actor(ActorKind.GATEWAY, "gw-1"), facts={}
    )
    return replace(entry, **over)


def an_application(**over: Any) -> ApplicationRecord:
    """Return an application under a key and a 受付番号 of its own."""
    application = ApplicationRecord(
        id=ApplicationId(an_id()),
        client=ClientName("portal"),
        municipality=MUNICIPALITY,
        procedure=ProcedureName("childcare/allowance-claim"),
        version=1,
        idempotency_mac=os.urandom(32),
        receipt_mac=os.urandom(32),
        commitment=os.urandom(32),
        accepted_at=NOW,
    )
    return replace(application, **over)


def a_delivery(application: ApplicationRecord, **over: Any) -> SealedDelivery:
    """Return a pending delivery of ``application``; ``over`` changes its record."""
    record = DeliveryRecord(
        id=DeliveryId(an_id()),
        application_id=application.id,
        municipality=application.municipality,
        destination=DESTINATION,
        state=State.PENDING,
        budget_since=application.accepted_at,
        updated_at=application.accepted_at,
    )
    return SealedDelivery(
        record=replace(record, **over),
        sealed=b"sealed:" + os.urandom(16).hex().encode(),
        signature="e30..c2ln",
        procedure=application.procedure,
        version=application.version,
        traceparent=application.traceparent,
    )


def an_acceptance(
    *,
    destinations: Sequence[str] = (DESTINATION,),
    facts: Mapping[str, str] | None = None,
    order_key: bytes | None = None,
    **over: Any,
) -> Acceptance:
    """Return an application with one delivery to each destination; ``over`` changes its record."""
    application = an_application(**over)
    return Acceptance(
        application=application,
        deliveries=tuple(
            a_delivery(application, destination=destination, order_key=order_key)
            for destination in destinations
        ),
        entry=an_entry(
            action=Action.APPLICATION_ACCEPTED,
            at=application.accepted_at,
            actor=Actor(ActorKind.CLIENT, application.client),
            municipality=application.municipality,
            application=application.id,
            facts=facts
            or {
                "procedure": application.procedure,
                "version": application.version,
                "commitment": application.commitment.hex(),
                "supersedes": None,
                "deliveries": "",
            },
        ),
    )


def a_client_key(**over: Any) -> ClientKey:
    """Return a key that is not revoked."""
    key = ClientKey(
        id=os.urandom(6).hex(),
        client=ClientName("portal"),
        digest=os.urandom(32),
        created_at=NOW,
    )
    return replace(key, **over)


def a_heartbeat(**over: Any) -> Heartbeat:
    """Return a healthy worker's heartbeat."""
    heartbeat = Heartbeat(
        worker=WorkerName("worker-1"),
        destination=DESTINATION,
        version="0.1.0",
        adapter="file 1.0.0",
        in_flight=0,
        healthy=True,
        checked_at=NOW,
        at=NOW,
    )
    return replace(heartbeat, **over)


def a_control(**over: Any) -> Control:
    """Return a destination's first control: an operator has paused it."""
    control = Control(
        destination=DESTINATION,
        version=1,
        settings={"paused": True},
        changed_by="operator-1",
        changed_at=NOW,
        reason="The core system is being repaired",
    )
    return replace(control, **over)


def a_replay_order(**over: Any) -> ReplayOrder:
    """Return an order that has just been given, without a canary."""
    order = ReplayOrder(
        id=ReplayId(an_id()),
        ordered_by="operator-1",
        ordered_at=NOW,
        reason="The core system has been repaired",
        selection="parked, jido-teate",
        canary=0,
        rate_per_s=10.0,
        updated_at=NOW,
    )
    return replace(order, **over)
