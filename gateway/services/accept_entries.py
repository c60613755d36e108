"""What the audit log says of a submission: accepted or refused, findable by its 受付番号."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.crypto.pseudonym import Pseudonyms, year_of
from gateway.domain.entry import Action, Actor, ActorKind, Entry, Fact
from gateway.domain.identifiers import ClientName, DeliveryId, MunicipalityCode
from gateway.domain.records import ApplicationRecord
from gateway.domain.values import receipt_number
from gateway.schema.parse import JSONRefusedError, parse_json


class AcceptEntries:
    """Writes the entries of submissions."""

    def __init__(self, pseudonyms: Pseudonyms, municipalities: frozenset[MunicipalityCode]) -> None:
        """Keep what stands for 受付番号, and the tenants that there are."""
        self._pseudonyms = pseudonyms
        self._municipalities = municipalities

    def accepted(
        self, application: ApplicationRecord, number: str, deliveries: Sequence[DeliveryId]
    ) -> Entry:
        """Return the entry of an acceptance; ``number`` is its 受付番号."""
        superseded = application.supersedes
        return Entry(
            action=Action.APPLICATION_ACCEPTED,
            at=application.accepted_at,
            actor=Actor(ActorKind.CLIENT, application.client),
            municipality=application.municipality,
            application=application.id,
            subject=self._subject(application.municipality, application.accepted_at, number),
            facts={
                "procedure": application.procedure,
                "version": application.version,
                "commitment": application.commitment.hex(),
                "supersedes": None if superseded is None else str(superseded),
                "deliveries": " ".join(map(str, deliveries)),
            },
        )

    def refused(
        self,
        client: ClientName,
        municipality: MunicipalityCode,
        raw: bytes,
        *,
        at: datetime,
        facts: Mapping[str, Fact],
    ) -> Entry:
        """Return the entry of a refusal; what it concerns only as far as that is ours.

        Args:
            client: Who sent it.
            municipality: As the URL named it, perhaps none of ours.
            raw: The body, whatever it is.
            at: When.
            facts: Why.
        """
        is_ours = municipality in self._municipalities
        number = _readable_number(raw) if is_ours else None
        return Entry(
            action=Action.APPLICATION_REFUSED,
            at=at,
            actor=Actor(ActorKind.CLIENT, client),
            municipality=municipality if is_ours else None,
            subject=None if number is None else self._subject(municipality, at, number),
            facts=facts,
        )

    def _subject(self, municipality: MunicipalityCode, at: datetime, number: str) -> bytes:
        return self._pseudonyms.subject(municipality, year_of(at), number)


def _readable_number(raw: bytes) -> str | None:
    """Return the 受付番号 in a body, if there is one to be read."""
    try:
        number = parse_json(raw).get("receipt_number")
    except JSONRefusedError:
        return None
    if not isinstance(number, str) or receipt_number.fault(number) is not None:
        return None
    return number
