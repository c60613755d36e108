"""``kakehashi serve``: the gateway, without workers."""

import json
from typing import Final

import typer

from gateway.bootstrap.gateway import build_gateway
from gateway.bootstrap.listening import Addresses
from gateway.bootstrap.run import run_gateway, stop_on_signals
from gateway.bootstrap.stores import open_broker, open_catalogue, open_keys
from gateway.cli import logging, loop
from gateway.cli.examine import Role, require_keys
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.services.log_levels import LogLevels
from gateway.settings.model import Settings

_FIRST_ACCOUNT: Final = (
    "Nobody can sign in to the console yet: kakehashi account add NAME --role admin"
)

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("serve")
def serve(context: typer.Context) -> None:
    """Run the gateway: front-end API, relay, outcomes, operations socket.

    Needs a configuration with journal and broker, and its keys; makes neither. Logs to
    standard error. SIGTERM stops it in order, within ten seconds.
    """
    invocation = Invocation.of(context)
    settings = for_production(invocation, "serve")
    require_keys(settings, Role.GATEWAY)
    levels = logging.configure_server(settings)
    loop.run(_serve(invocation, settings, levels))


def for_production(invocation: Invocation, command: str) -> Settings:
    """Return the configuration of a process that shares its work with others.

    Raises:
        CommandError: There is none, or its broker does not leave the process.
        ConfigError: It cannot be used.
    """
    if invocation.is_embedded:
        raise CommandError(
            f"{command} needs a configuration: --config FILE or KAKEHASHI_CONFIG",
            ExitCode.USAGE,
            "config/kakehashi.example.yaml explains every key; to try things, kakehashi up.",
        )
    settings = invocation.settings()
    if settings.broker.url.startswith("memory:"):
        raise CommandError(
            "broker.url: memory: does not reach other processes; use amqps://…",
            ExitCode.USAGE,
            "kakehashi up runs gateway and workers in one process with the broker in memory.",
        )
    return settings


async def _serve(invocation: Invocation, settings: Settings, levels: LogLevels) -> None:
    stop = stop_on_signals()
    gateway = build_gateway(
        settings,
        open_keys(settings),
        broker=open_broker(settings),
        catalogue=open_catalogue(settings),
        levels=levels,
    )

    async def started(addresses: Addresses) -> None:
        if invocation.json:
            where = {"front": addresses.front, "operations": addresses.operations}
            typer.echo(json.dumps(where))
        else:
            typer.echo(f"{addresses.front} (operations: {addresses.operations})")
            if not await gateway.journal.accounts():
                typer.echo(_FIRST_ACCOUNT)

    await run_gateway(gateway, stop=stop, started=started)
