"""Request bodies from a folder through an adapter, and what came of each."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.bootstrap.worker import build_adapter
from gateway.cli.failures import CommandError, ExitCode
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
from gateway.sdk import Application, Context, Delivery, Destination
from gateway.services.stages.open import application
from gateway.settings.model import DestinationSettings

SEND_TIMEOUT_S: Final = 60.0
"""As a destination's ``send_timeout_s`` unless it is configured."""

ANYBODY: Final = "131016"
"""Whose an adapter's core system is, where no destination says it."""

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
        name: The destination's name, for the adapter.
        dry_run: Whether the adapter is to leave the effect out.
    """

    catalogue: Catalogue
    name: str
    dry_run: bool


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


def configured_as(
    name: str, samples: list[Sample], config: Path | None
) -> list[tuple[Destination, list[Sample]]]:
    """Return the adapter for all samples, or one for each that has its own config.

    Raises:
        CommandError: Some sample has no config.
        ConfigError: The adapter refuses a config.
    """
    if config is not None:
        return [(adapter_of(name, config), samples)]
    batches: list[tuple[Destination, list[Sample]]] = []
    for sample in samples:
        beside = sample.path.with_name(sample.path.name.removesuffix(_MESSAGE) + _CONFIG)
        if not beside.exists():
            raise CommandError(
                f"{name}: no destination is called so, and {beside.name} is not there",
                ExitCode.USAGE,
                "Give the adapter's configuration with --adapter-config FILE.",
            )
        batches.append((adapter_of(name, beside), [sample]))
    return batches


def adapter_of(name: str, config: Path) -> Destination:
    """Return the adapter called ``name``, configured by a file of YAML or JSON.

    Raises:
        ConfigError: The file, or what it says, cannot be used.
    """
    try:
        document = yaml.safe_load(config.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config}: neither YAML nor JSON") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{config}: must be a mapping of keys")
    settings = DestinationSettings(municipality=ANYBODY, adapter=name, config=document)
    return build_adapter(name, settings)


async def run_samples(batches: list[tuple[Destination, list[Sample]]], run: Run) -> list[Result]:
    """Open each adapter, send its samples one after another, and close it.

    Raises:
        ConfigError: An adapter cannot work as configured.
        DestinationUnavailableError: Its core system cannot be reached at all.
    """
    results: list[Result] = []
    for adapter, samples in batches:
        with tempfile.TemporaryDirectory(prefix="kakehashi-adapter-") as folder:
            context = Context(destination=run.name, municipality=ANYBODY, folder=Path(folder))
            try:
                await adapter.open(context)
                for sample in samples:
                    result = await _send(adapter, sample, run)
                    results.append({"sample": sample.path.name, **result})
            finally:
                await adapter.close()
    return results


async def _send(adapter: Destination, sample: Sample, run: Run) -> Result:
    try:
        document = parse_json(sample.raw)
    except JSONRefusedError as error:
        return {"result": "invalid", "errors": [{"pointer": "#", "code": error.code}]}
    checked = check(document, run.catalogue)
    # A procedure that is not written down yet need not keep an adapter from being tried.
    if not isinstance(checked, Checked | UnknownProcedure):
        errors = [{"pointer": error.pointer, "code": error.code} for error in checked]
        return {"result": "invalid", "errors": errors}
    try:
        opened = _opened(sample.raw, document)
    except (SealInvalidError, KeyError, TypeError, ValueError):
        return {"result": "invalid", "errors": [{"pointer": "#", "code": "field.required"}]}
    now = datetime.now(UTC)
    delivery = Delivery(
        idempotency_key=str(new_id()),
        attempt=1,
        deadline=now + timedelta(seconds=SEND_TIMEOUT_S),
        dry_run=run.dry_run,
    )
    return await _outcome(adapter, opened, delivery)


def _opened(raw: bytes, document: Mapping[str, Any]) -> Application:
    """Return the body as a worker would have it, with ids made here."""
    destination = document["applicant"]["destination"]
    envelope = Envelope(
        application_id=ApplicationId(new_id()),
        delivery_id=DeliveryId(new_id()),
        municipality=MunicipalityCode(str(destination["municipality_code"])),
        destination=DestinationName("samples"),
        procedure=ProcedureName(str(document["procedure"])),
        version=int(document["version"]),
        accepted_at=datetime.now(UTC),
    )
    return application(raw, envelope)


async def _outcome(adapter: Destination, opened: Application, delivery: Delivery) -> Result:
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            receipt = await adapter.send(opened, delivery)
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
    except TimeoutError:
        return {"result": "in_doubt", "code": "send.deadline"}
    return {
        "result": "previewed" if delivery.dry_run else "delivered",
        "reference": receipt.reference,
        "preview": receipt.preview,
    }
