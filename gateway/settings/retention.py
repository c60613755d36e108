"""How long what is final is kept."""

from collections.abc import Mapping

from pydantic import Field

from gateway.domain.identifiers import MunicipalityCode
from gateway.domain.retention import Kept, Term
from gateway.settings.section import Section

_LONGEST_DAYS = 36_525


class RetentionSettings(Section):
    """How many days what is final is kept; for every municipality that says nothing else."""

    payload_days: int = Field(
        30,
        ge=1,
        le=_LONGEST_DAYS,
        description="Sealed payloads of deliveries that were delivered or cancelled.",
    )
    application_days: int = Field(
        1_826,
        ge=30,
        le=_LONGEST_DAYS,
        description="Applications with deliveries, feedback and webhooks, after the last of them.",
    )
    word_days: int = Field(
        1_826,
        ge=30,
        le=_LONGEST_DAYS,
        description="Free words in the audit log: reasons, notes, what core systems said.",
    )


class MunicipalityRetention(Section):
    """The same for one municipality; what is not said is as for all."""

    payload_days: int | None = Field(
        None, ge=1, le=_LONGEST_DAYS, description="As retention.payload_days."
    )
    application_days: int | None = Field(
        None, ge=30, le=_LONGEST_DAYS, description="As retention.application_days."
    )
    word_days: int | None = Field(
        None, ge=30, le=_LONGEST_DAYS, description="As retention.word_days."
    )


def terms(
    settings: RetentionSettings, own: Mapping[str, MunicipalityRetention]
) -> Mapping[Kept, Term]:
    """Return the terms as domain values.

    Args:
        settings: Everybody's.
        own: By municipality.
    """
    return {
        Kept.PAYLOADS: _term(
            settings.payload_days, {code: each.payload_days for code, each in own.items()}
        ),
        Kept.APPLICATIONS: _term(
            settings.application_days, {code: each.application_days for code, each in own.items()}
        ),
        Kept.WORDS: _term(settings.word_days, {code: each.word_days for code, each in own.items()}),
    }


def _term(days: int, own: Mapping[str, int | None]) -> Term:
    said = {MunicipalityCode(code): each for code, each in own.items() if each is not None}
    return Term(days=days, own=said)
