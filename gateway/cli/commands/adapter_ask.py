"""``kakehashi adapter lookup`` and ``feedback``: what a core system says of deliveries."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Annotated, Any, cast

import typer

from gateway.cli import logging, loop, screen
from gateway.cli.commands.adapter_run import AdapterConfigFile
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.samples import key_of
from gateway.cli.trial import Trial, blaming, opened, trial_of
from gateway.domain.errors import DestinationTransientError
from gateway.sdk import Feedback, GivesFeedback, LooksUp, Receipt

Name = Annotated[str, typer.Argument(metavar="DEST|NAME", help="A destination or an adapter.")]


def lookup(
    context: typer.Context,
    name: Name,
    key: Annotated[str, typer.Argument(metavar="KEY", help="A delivery's idempotency key.")],
    *,
    adapter_config: AdapterConfigFile = None,
) -> None:
    """Ask a core system whether it has a delivery; sends nothing.

    `adapter run` tells the key of each delivery; of a gateway's it is the delivery's id. What
    was sent just now may show only after `settle_s`. Exits with 1 if it is not there.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    trial = trial_of(invocation.settings(), name, adapter_config)
    if not isinstance(trial.adapter, LooksUp):
        raise CommandError(f"{name}: its adapter looks nothing up", ExitCode.USAGE)
    if key_of(key) is None:
        raise CommandError(
            f"{key}: no idempotency key", ExitCode.USAGE, "It has 36 of the characters 0-9 a-f -."
        )
    receipt = loop.run(_looked_up(trial, trial.adapter, key))
    document: dict[str, Any] = {
        "idempotency_key": key,
        "result": "not_found" if receipt is None else "delivered",
        "reference": None if receipt is None else receipt.reference,
    }
    screen.show(
        invocation, document, lambda console: console.print(screen.fields([*document.items()]))
    )
    if receipt is None:
        raise typer.Exit(ExitCode.NOT_WELL)


async def _looked_up(trial: Trial, adapter: LooksUp, key: str) -> Receipt | None:
    async with opened(trial, trial.own):
        with blaming(trial, "lookup"):
            try:
                async with asyncio.timeout(trial.timeout_s):
                    return await adapter.lookup(key)
            except TimeoutError as error:
                raise DestinationTransientError("lookup.deadline") from error


def feedback(
    context: typer.Context,
    name: Name,
    *,
    adapter_config: AdapterConfigFile = None,
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for one.")] = 10.0,
) -> None:
    """Show the next status that a core system gives out, and leave it there.

    It never asks for a second one, which would say that the first is safe in a gateway.
    Exits with 1 if none came in time.
    """
    invocation = Invocation.of(context)
    logging.quiet()
    trial = trial_of(invocation.settings(), name, adapter_config)
    if not trial.adapter.spec.feedback:
        raise CommandError(f"{name}: its adapter gives no feedback", ExitCode.USAGE)
    status = loop.run(_next_status(trial, cast("GivesFeedback", trial.adapter), wait))
    if status is None:
        raise CommandError(f"{name}: no status within {wait:g} s", ExitCode.NOT_WELL)
    document = {**asdict(status), "at": status.at.isoformat()}
    screen.show(
        invocation, document, lambda console: console.print(screen.fields([*document.items()]))
    )


async def _next_status(trial: Trial, adapter: GivesFeedback, wait_s: float) -> Feedback | None:
    async with opened(trial, trial.own):
        with blaming(trial, "feedback"):
            statuses = adapter.feedback()
            try:
                async with asyncio.timeout(wait_s):
                    return await anext(statuses, None)
            except TimeoutError:
                return None
            finally:
                if isinstance(statuses, AsyncGenerator):
                    await statuses.aclose()
