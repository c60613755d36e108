"""Whether a destination's field mapping fits the procedures that are routed to it."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final, Protocol, runtime_checkable

from gateway.domain.errors import ConfigError
from gateway.formats.record_config import Mapped
from gateway.schema.catalogue import Catalogue
from gateway.schema.procedure import Procedure
from gateway.schema.reach import listed_values, reach
from gateway.settings.model import Settings

ENVELOPE: Final = frozenset(
    {
        "idempotency_key",
        "id",
        "municipality",
        "procedure",
        "version",
        "receipt_number",
        "supersedes",
        "submitted_at",
        "accepted_at",
    }
)
"""Members of ``Application.document`` that no procedure's schema has."""


_BATCH: Final = "batch"
"""Its facts are checked by ``RecordConfig``, without the procedures."""


@runtime_checkable
class _MapsFields(Protocol):
    """A configuration that says what stands where, such as a ``RecordConfig``."""

    def mapped(self) -> Iterator[Mapped]: ...


def require_fitting_mapping(
    name: str, config: object, settings: Settings, catalogue: Callable[[], Catalogue]
) -> None:
    """Return if every pointer leads somewhere and every code table is complete.

    Only what may be routed to the destination counts; a configuration that maps nothing
    always fits, and no catalogue is asked for.

    Raises:
        ConfigError: Every line of the argument names one key.
    """
    mapped = list(config.mapped()) if isinstance(config, _MapsFields) else []
    if not mapped:
        return
    procedures = routed_to(name, settings, catalogue())
    faults = [fault for part in mapped for fault in _faults(part, procedures)]
    if faults:
        raise ConfigError("\n".join(f"destinations.{name}.config.{fault}" for fault in faults))


def routed_to(name: str, settings: Settings, catalogue: Catalogue) -> list[Procedure]:
    """Return the procedures, in every version, that some route sends to the destination."""
    patterns = [route.procedure for route in settings.routes if name in route.to]
    return [
        procedure
        for procedure in catalogue.procedures()
        if any(fnmatchcase(procedure.name, pattern) for pattern in patterns)
    ]


def _faults(part: Mapped, procedures: Sequence[Procedure]) -> Iterator[str]:
    if not procedures:
        return
    known = ENVELOPE | part.added | {_BATCH}
    if not part.is_frame:
        yield from _blind_pointers(part, procedures, known)
    yield from _open_code_tables(part, procedures, known)


def _blind_pointers(
    part: Mapped, procedures: Sequence[Procedure], known: frozenset[str]
) -> Iterator[str]:
    """Yield a fault for a pointer to what no application has."""
    for pointer in part.column.sources:
        first = pointer.split("/")[1]
        if first in known:
            if first in ENVELOPE and pointer.count("/") > 1:
                yield f"{part.where}: {pointer} leads nowhere"
            continue
        without = [each for each in procedures if not reach(each.json_schema, pointer)]
        if len(without) == len(procedures):
            yield f"{part.where}: {pointer} leads nowhere in {_called(without)}"
        elif without and part.column.required:
            yield f"{part.where}: required, but {pointer} leads nowhere in {_called(without)}"


def _open_code_tables(
    part: Mapped, procedures: Sequence[Procedure], known: frozenset[str]
) -> Iterator[str]:
    """Yield a fault for a table of codes that says nothing of some value."""
    column = part.column
    if column.codes is None or "codes_default" in column.model_fields_set:
        return
    if len(column.sources) != 1 or column.sources[0].split("/")[1] in known:
        yield f"{part.where}: codes need codes_default; the values are not known"
        return
    for procedure in procedures:
        parts = reach(procedure.json_schema, column.sources[0])
        if not parts:
            continue
        values = listed_values(parts)
        if values is None:
            yield (
                f"{part.where}: codes need codes_default; {_called([procedure])} does not list "
                "the values"
            )
        elif missing := sorted(values - column.codes.keys()):
            yield (
                f"{part.where}: codes without {', '.join(missing)} of {_called([procedure])} "
                "need codes_default"
            )


def _called(procedures: Sequence[Procedure]) -> str:
    return ", ".join(f"{each.name} v{each.version}" for each in procedures)
