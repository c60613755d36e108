"""Request bodies from a folder through an adapter, and what came of each."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.trial import Trial, adapter_of, blame, opened
from gateway.domain.envelope import Envelope
from gateway.domain.errors import (
    ConfigError,
    DestinationTransientError,
    DestinationUnavailableError,
    RejectedError,
    SealInvalidError,
    ThrottledError,
    UnknownOutcomeError,
)
from gateway.domain.identifiers import (
    ApplicationId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
)
from gateway.drivers.system_clock import new_id
from gateway.schema.catalogue import Catalogue
from gateway.schema.envelope import Checked, UnknownProcedure, check
from gateway.schema.parse import JSONRefusedError, parse_json
from gateway.sdk import Application, Delivery
from gateway.services.stages.open import application

_MESSAGE: Final = ".message.json"
_CONFIG: Final = ".config.json"

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One request body.

    Attributes:
        path: Its file.
        raw: Its bytes.
    """

    path: Path
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is the same for all samples.

    Attributes:
        catalogue: The procedures that bodies are checked by.
        dry_run: Whether the adapter is to leave the effect out.
        key: The key of an earlier run's delivery, which is sent once more; ``None`` makes one
            for each.
        tell: Is given each result as it comes: whatever happens next, it is known.
    """

    catalogue: Catalogue
    dry_run: bool
    key: UUID | None
    tell: Callable[[Result], None]


def one_sample(path: Path) -> list[Sample]:
    """Return a file as the only sample."""
    return [Sample(path, path.read_bytes())]


def find_samples(folder: Path) -> list[Sample]:
    """Return the folder's ``*.message.json``, or all its ``*.json`` if it has none.

    Raises:
        CommandError: There are none.
    """
    paths = sorted(folder.glob(f"*{_MESSAGE}")) or sorted(folder.glob("*.json"))
    if not paths:
        raise CommandError(f"{folder}: holds no request bodies (*.json)", ExitCode.USAGE)
    return [Sample(path, path.read_bytes()) for path in paths]


def key_of(text: str) -> UUID | None:
    """Return the idempotency key that ``text`` is, as the gateway writes it, or ``None``."""
    try:
        key = UUID(text)
    except ValueError:
        return None
    return key if str(key) == text else None


def earlier_key(text: str) -> UUID:
    """Return the idempotency key that an earlier run told.

    Raises:
        CommandError: It is none.
    """
    key = key_of(text)
    if key is None or key.version != 7:  # noqa: PLR2004 - UUIDv7
        raise CommandError(
            f"{text}: no key of an earlier run",
            ExitCode.USAGE,
            "kakehashi adapter run tells the key of each delivery that it sends.",
        )
    return key


def configured_as(
    name: str, samples: list[Sample], config: Path | None
) -> list[tuple[Trial, list[Sample]]]:
    """Return the adapter for all samples, or one for each that has its own config.

    Raises:
        CommandError: Some sample has no config.
        ConfigError: The adapter refuses a config.
    """
    if config is not None:
        return [(Trial(adapter=adapter_of(name, config), name=name), samples)]
    batches: list[tuple[Trial, list[Sample]]] = []
    for sample in samples:
        beside = sample.path.with_name(sample.path.name.removesuffix(_MESSAGE) + _CONFIG)
        if not beside.exists():
            raise CommandError(
                f"{name}: no destination is called so, and {beside.name} is not there",
                ExitCode.USAGE,
                "Give the adapter's configuration with --adapter-config FILE.",
            )
        batches.append((Trial(adapter=adapter_of(name, beside), name=name), [sample]))
    return batches


async def run_samples(batches: list[tuple[Trial, list[Sample]]], run: Run) -> None:
    """Open each adapter, send its samples one after another, and close it.

    Raises:
        ConfigError: An adapter cannot work as configured.
        TransientError: Its core system cannot be reached at all.
        AdapterDefectError: An adapter raised what it must not, but in ``send``.
    """
    for trial, samples in batches:
        async with opened(trial):
            for sample in samples:
                await _send(trial, sample, run)


async def _send(trial: Trial, sample: Sample, run: Run) -> None:
    told: Result = {"sample": sample.path.name}
    key = run.key or new_id()
    # What the key says is the same each time: an application that is sent again is the same.
    now = datetime.fromtimestamp((key.int >> 80) / 1000, UTC)
    prepared = _prepared(sample, run.catalogue, ApplicationId(UUID(int=key.int ^ 1)), now)
    if not isinstance(prepared, Application):
        run.tell({**told, **prepared})
        return
    told["idempotency_key"] = str(key)
    delivery = Delivery(
        idempotency_key=str(key),
        attempt=1 if run.key is None else 2,
        deadline=datetime.now(UTC) + timedelta(seconds=trial.timeout_s),
        dry_run=run.dry_run,
    )
    try:
        result = await _outcome(trial, prepared, delivery)
    except asyncio.CancelledError:
        if not run.dry_run:
            run.tell({**told, "result": "in_doubt", "code": "send.interrupted"})
        raise
    except ConfigError:
        run.tell({**told, "result": "unavailable", "code": ConfigError.code})
        raise
    run.tell({**told, **result})


def _prepared(
    sample: Sample, catalogue: Catalogue, made: ApplicationId, now: datetime
) -> Application | Result:
    """Return the sample as a worker would have it, or what is wrong with it."""
    try:
        document = parse_json(sample.raw)
    except JSONRefusedError as error:
        return {"result": "invalid", "errors": [{"pointer": "#", "code": error.code}]}
    checked = check(document, catalogue)
    # A procedure that is not written down yet need not keep an adapter from being tried.
    if not isinstance(checked, Checked | UnknownProcedure):
        errors = [{"pointer": error.pointer, "code": error.code} for error in checked]
        return {"result": "invalid", "errors": errors}
    try:
        return _opened(sample.raw, document, made, now)
    except (SealInvalidError, KeyError, TypeError, ValueError):
        return {"result": "invalid", "errors": [{"pointer": "#", "code": "field.required"}]}


def _opened(
    raw: bytes, document: Mapping[str, Any], made: ApplicationId, now: datetime
) -> Application:
    destination = document["applicant"]["destination"]
    envelope = Envelope(
        application_id=made,
        delivery_id=DeliveryId(new_id()),
        municipality=MunicipalityCode(str(destination["municipality_code"])),
        destination=DestinationName("samples"),
        procedure=ProcedureName(str(document["procedure"])),
        version=int(document["version"]),
        accepted_at=now,
    )
    return application(raw, envelope)


async def _outcome(trial: Trial, opened: Application, delivery: Delivery) -> Result:
    """Return what a worker would make of it; an adapter's mistake is its own, with its line."""
    try:
        async with asyncio.timeout(trial.timeout_s):
            receipt = await trial.adapter.send(opened, delivery)
            return {
                "result": "previewed" if delivery.dry_run else "delivered",
                "reference": receipt.reference,
                "preview": receipt.preview,
            }
    except RejectedError as error:
        return {"result": "rejected", "code": error.reason, "pointer": error.pointer}
    except ThrottledError as error:
        return {"result": "throttled", "code": error.reason}
    except DestinationUnavailableError as error:
        return {"result": "unavailable", "code": error.reason}
    except DestinationTransientError as error:
        return {"result": "transient", "code": error.reason}
    except UnknownOutcomeError as error:
        return {"result": "in_doubt", "code": error.reason}
    except ConfigError:
        raise
    except TimeoutError:
        return {"result": "in_doubt", "code": "send.deadline"}
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        at = blame(trial.adapter, error)
        return {"result": "in_doubt", "code": "adapter.defect", "defect": at}
