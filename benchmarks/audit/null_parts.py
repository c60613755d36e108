"""Parts that do nothing, in place of the gateway's own: what is left is what the others cost.

They stand in only here. A gateway that had them would promise nothing.
"""

import sqlite3
from collections.abc import Sequence
from typing import cast

from gateway.crypto.seal import Sealer
from gateway.crypto.sign import Purpose, Signer
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.envelope import Envelope
from gateway.domain.identifiers import DeliveryId, MunicipalityCode
from gateway.domain.records import ApplicationRecord
from gateway.drivers.journal_sqlite import SQLiteJournal, queries, rows
from gateway.drivers.system_clock import SystemClock
from gateway.ports.journal import Acceptance, AcceptAnswer, Accepted
from gateway.schema.envelope import Checked
from gateway.schema.parse import parse_json
from gateway.services.accept import AcceptApplication, Refusal
from gateway.services.accept_entries import AcceptEntries


class AcceptUnchecked(AcceptApplication):
    """Parses the body and believes it."""

    def _read(self, raw: bytes, municipality: MunicipalityCode) -> Refusal | Checked:  # noqa: ARG002 - the original's
        document = parse_json(raw)
        name, version = cast("str", document["procedure"]), cast("int", document["version"])
        procedure = self._catalogue.get(name, version)
        if procedure is None:
            raise ValueError(name)
        return Checked(
            procedure=procedure,
            version=version,
            receipt_number=cast("str", document["receipt_number"]),
            supersedes=None,
            submitted_at=SystemClock().now(),
            document=document,
        )


class NoSealer(Sealer):
    """Leaves the body as it is."""

    def __init__(self) -> None:
        pass

    def seal(self, plaintext: bytes, envelope: Envelope) -> bytes:  # noqa: ARG002 - the original's
        return plaintext


class NoSigner(Signer):
    """Signs nothing."""

    def __init__(self) -> None:
        pass

    def sign(self, payload: bytes, purpose: Purpose) -> str:  # noqa: ARG002 - the original's
        return ""

    def sign_attached(self, payload: bytes, purpose: Purpose) -> str:  # noqa: ARG002 - the original's
        return ""


class NoEntries(AcceptEntries):
    """Always the same entry, for a journal that does not keep it."""

    def __init__(self) -> None:
        self._entry = Entry(
            action=Action.APPLICATION_ACCEPTED,
            at=SystemClock().now(),
            actor=Actor(ActorKind.CLIENT, "portal"),
        )

    def accepted(
        self,
        application: ApplicationRecord,  # noqa: ARG002 - the original's
        number: str,  # noqa: ARG002 - the original's
        deliveries: Sequence[DeliveryId],  # noqa: ARG002 - the original's
    ) -> Entry:
        return self._entry


class SilentJournal(SQLiteJournal):
    """Commits an application as the journal does, without an entry."""

    async def accept(self, acceptance: Acceptance) -> AcceptAnswer:
        return await self._write(lambda connection, _: _accept(connection, acceptance))


def _accept(connection: sqlite3.Connection, acceptance: Acceptance) -> AcceptAnswer:
    connection.execute("SAVEPOINT acceptance")
    application = rows.from_application(acceptance.application)
    if connection.execute(queries.INSERT_APPLICATION, application).rowcount != 1:
        raise ValueError(acceptance.application.id)
    for delivery in acceptance.deliveries:
        record = delivery.record
        parameters = (
            record.id.bytes,
            record.application_id.bytes,
            record.municipality,
            record.destination,
            *rows.from_delivery(record),
            None,
            None,
            0,
        )
        connection.execute(queries.INSERT_DELIVERY, parameters)
        payload = (record.id.bytes, delivery.sealed, delivery.signature)
        connection.execute(queries.INSERT_PAYLOAD, payload)
    return Accepted(acceptance.application, b"")
