"""An adapter at work without any gateway: opened, asked, closed, and whose mistake it was."""

import asyncio
import inspect
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
import yaml

from gateway.bootstrap.worker import build_adapter
from gateway.cli.failures import CommandError, ExitCode
from gateway.domain.errors import ConfigError, DestinationUnavailableError, KakehashiError
from gateway.drivers.discovery import culprit
from gateway.sdk import Context, Destination
from gateway.settings.model import DestinationSettings, Settings

TIMEOUT_S: Final = 60.0
"""As a destination's ``send_timeout_s`` unless it is configured."""

ANYBODY: Final = "131016"
"""Whose an adapter's core system is, where no destination says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An adapter, and as whose it is tried.

    Attributes:
        adapter: Constructed, not open.
        name: The destination's name, or else the adapter's.
        municipality: Whose core system it is.
        timeout_s: Longest that one call of it may take.
        own: The folder of its worker here, if there is one by now.
    """

    adapter: Destination
    name: str
    municipality: str = ANYBODY
    timeout_s: float = TIMEOUT_S
    own: Path | None = None


class AdapterDefectError(CommandError):
    """An adapter raised what its contract does not have."""

    def __init__(self, trial: Trial, call: str, error: BaseException) -> None:
        """Say where in the adapter it came from; its text may hold anything."""
        super().__init__(
            f"adapter {trial.name}: {call} raised {blame(trial.adapter, error)}",
            ExitCode.NOT_WELL,
            "This is a mistake in the adapter; --debug shows the traceback.",
        )


def trial_of(settings: Settings, name: str, config: Path | None) -> Trial:
    """Return a destination's adapter, or the one called ``name`` that is told its config.

    Raises:
        CommandError: There is neither such a destination nor a config.
        ConfigError: No such adapter, or it refuses its config.
    """
    destination = settings.destinations.get(name)
    if destination is not None:
        own = settings.home / "adapters" / name
        if config is not None:
            raise typer.BadParameter("the destination has one", param_hint="--adapter-config")
        return Trial(
            adapter=build_adapter(name, destination),
            name=name,
            municipality=destination.municipality,
            timeout_s=destination.send_timeout_s,
            own=own if own.is_dir() else None,
        )
    if config is not None:
        return Trial(adapter=adapter_of(name, config), name=name)
    known = ", ".join(settings.destinations) or "none"
    raise CommandError(
        f"{name}: no such destination",
        ExitCode.USAGE,
        f"There are: {known}. For an adapter, give its config with --adapter-config FILE.",
    )


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


@asynccontextmanager
async def opened(trial: Trial, folder: Path | None = None) -> AsyncIterator[None]:
    """Open the adapter, and close it afterwards whatever happens.

    Args:
        trial: Which.
        folder: What it may remember; without one it gets an empty folder.

    Raises:
        ConfigError: It cannot work as configured.
        TransientError: Its core system cannot be reached.
        AdapterDefectError: ``open`` or ``close`` raised something else.
    """
    with tempfile.TemporaryDirectory(prefix="kakehashi-adapter-") as scratch:
        context = Context(
            destination=trial.name, municipality=trial.municipality, folder=folder or Path(scratch)
        )
        try:
            with blaming(trial, "open"):
                try:
                    async with asyncio.timeout(trial.timeout_s):
                        await trial.adapter.open(context)
                except TimeoutError as error:
                    raise DestinationUnavailableError("check.deadline") from error
            yield
        finally:
            with blaming(trial, "close"):
                await trial.adapter.close()


@contextmanager
def blaming(trial: Trial, call: str) -> Iterator[None]:
    """Turn what an adapter must not raise into its own defect.

    Raises:
        AdapterDefectError: It did.
    """
    try:
        yield
    except KakehashiError:
        raise
    except Exception as error:
        raise AdapterDefectError(trial, call, error) from error


def blame(adapter: Destination, error: BaseException) -> str:
    """Return an error's class, and the line of the adapter's own code that it passed last."""
    return culprit(error, Path(inspect.getfile(type(adapter))).parent)
