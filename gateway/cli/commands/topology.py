"""``kakehashi topology``: what there is on the broker, and who may do what with it."""

from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli import logging, loop, screen
from gateway.cli.commands.serve import for_production
from gateway.cli.invocation import Invocation
from gateway.cli.redacted import without_password
from gateway.drivers.rabbitmq import RabbitBroker
from gateway.drivers.rabbitmq.topology import show as topology
from gateway.drivers.rabbitmq.topology import worker_permissions
from gateway.settings.model import Settings

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="The broker."
)


@app.command("show")
def show(context: typer.Context) -> None:
    """Show exchanges, queues, and the permissions that gateway and workers need.

    Asks no broker: it is what topology apply would make.
    """
    invocation = Invocation.of(context)
    document = described(invocation.settings())
    screen.show(invocation, document, lambda console: _show(console, document))


def described(settings: Settings) -> dict[str, Any]:
    """Return the topology of the configured destinations, with each worker's permissions."""
    document: dict[str, Any] = dict(topology(list(settings.destinations)))
    permissions = {
        name: worker_permissions(*worker.destinations)._asdict()
        for name, worker in settings.workers.items()
        if worker.destinations
    }
    document["permissions"] = {**document["permissions"], "workers": permissions}
    return document


def _show(console: Console, document: dict[str, Any]) -> None:
    for exchange in document["exchanges"]:
        console.print(f"exchange {exchange['name']}", style="bold")
    console.print()
    for queue in document["queues"]:
        console.print(f"queue {queue['name']}", style="bold")
        for name, value in queue["arguments"].items():
            console.print(f"  {name}: {value}")
    console.print()
    console.print("permissions: configure, write, read (rabbitmqctl set_permissions)")
    gateway = document["permissions"]["gateway"]
    for name, rights in {"gateway": gateway, **document["permissions"]["workers"]}.items():
        console.print(f"{name}", style="bold")
        for right, pattern in rights.items():
            screen.plain(console, f"  {right:<10} '{pattern}'")


@app.command("apply")
def apply(
    context: typer.Context,
    *,
    recreate: Annotated[
        bool,
        typer.Option("--recreate", help="Replace what has other arguments; stop everything first."),
    ] = False,
) -> None:
    """Create what is missing on the broker; with --recreate, replace what differs.

    Messages of a replaced queue are kept. Stop gateways and workers before: what a worker
    holds is cut off from its queue.
    """
    invocation = Invocation.of(context)
    settings = for_production(invocation, "topology apply")
    logging.quiet()
    loop.run(_apply(settings, recreate=recreate))
    done = {"broker": without_password(settings.broker.url), "applied": True}
    screen.show(invocation, done, lambda console: console.print(f"applied to {done['broker']}"))


async def _apply(settings: Settings, *, recreate: bool) -> None:
    broker = RabbitBroker(settings.broker.url)
    try:
        await broker.open()
        await broker.apply(list(settings.destinations), recreate=recreate)
    finally:
        await broker.close()
