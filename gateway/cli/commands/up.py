"""``kakehashi up``: everything in one process."""

import json
import secrets
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len, set_cell_size

from gateway.bootstrap.console import admitted_account
from gateway.bootstrap.embedded import (
    EMBEDDED_CLIENT,
    EMBEDDED_MUNICIPALITY,
    EMBEDDED_WORKER,
    make_missing_keys,
)
from gateway.bootstrap.gateway import Gateway, build_gateway
from gateway.bootstrap.listening import Addresses
from gateway.bootstrap.run import run_gateway, stop_on_signals
from gateway.bootstrap.stores import open_broker, open_catalogue, open_keys
from gateway.bootstrap.worker import build_worker
from gateway.cli import logging, loop
from gateway.cli.invocation import Invocation
from gateway.cli.redacted import without_password
from gateway.domain.errors import ConfigError
from gateway.domain.identifiers import ClientName
from gateway.drivers.system_clock import SystemClock
from gateway.services.authenticate import new_key
from gateway.services.log_levels import LogLevels
from gateway.settings.model import Settings, WorkerSettings

_WIDTH: Final = 80
_LONGEST_LABEL: Final = 24
_SAMPLE_PROCEDURE: Final = "childcare/allowance-claim"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("up")
def up(
    context: typer.Context,
    *,
    port: Annotated[
        int | None, typer.Option(help="Port of the front-end API; 0 takes a free one.")
    ] = None,
    operations_port: Annotated[
        int | None, typer.Option(help="Port of health and metrics; 0 takes a free one.")
    ] = None,
) -> None:
    """Run gateway and workers in one process; without a configuration, ready to be tried.

    Makes the keys that are missing. Everything lies in ./var (see --home), and what is
    delivered in ./var/delivered. Stop it with Ctrl-C; what is unfinished goes on at the
    next start, whatever stopped it.
    """
    invocation = Invocation.of(context)
    settings = _with_ports(invocation.settings(), port, operations_port)
    if not settings.broker.url.startswith("memory:"):
        raise ConfigError("broker.url: up has its own broker in memory; use serve and work")
    settings = with_workers(settings)
    levels = logging.configure_server(settings, for_people=sys.stderr.isatty())
    # What is delivered into it is in clear: not for other users of this machine.
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    loop.run(_up(invocation, settings, levels))


async def _up(invocation: Invocation, settings: Settings, levels: LogLevels) -> None:
    stop = stop_on_signals()
    store = open_keys(settings)
    made = make_missing_keys(settings, store)
    broker = open_broker(settings)
    gateway = build_gateway(
        settings, store, broker=broker, catalogue=open_catalogue(settings), levels=levels
    )
    workers = [
        build_worker(
            settings,
            store,
            destination,
            worker=worker,
            broker=broker,
            spans=gateway.spans,
            levels=levels,
        )
        for destination, worker in _assigned(settings).items()
    ]

    async def started(addresses: Addresses) -> None:
        facts = _facts(settings, addresses, made)
        if invocation.is_embedded:
            facts["curl"] = _curl(addresses.front, gateway, _admitted_key(gateway))
            facts["account"] = EMBEDDED_CLIENT
            facts["password"] = await admitted_account(gateway.sessions, EMBEDDED_CLIENT)
        if invocation.json:
            typer.echo(json.dumps(facts, ensure_ascii=False))
        else:
            typer.echo(_welcome(facts))

    await run_gateway(gateway, stop=stop, workers=workers, started=started)


def _with_ports(settings: Settings, port: int | None, operations_port: int | None) -> Settings:
    ports = {"port": port, "operations_port": operations_port}
    said = {name: value for name, value in ports.items() if value is not None}
    return settings.model_copy(update={"http": settings.http.model_copy(update=said)})


def with_workers(settings: Settings) -> Settings:
    """Return the settings with a worker for every destination."""
    uncovered = tuple(name for name in settings.destinations if name not in _assigned(settings))
    if not uncovered:
        return settings
    more = WorkerSettings(destinations=uncovered)
    return settings.model_copy(update={"workers": {**settings.workers, EMBEDDED_WORKER: more}})


def _assigned(settings: Settings) -> Mapping[str, str]:
    """Return the worker of each destination that has one; the first that may."""
    assigned: dict[str, str] = {}
    for worker, trusted in settings.workers.items():
        for destination in trusted.destinations:
            assigned.setdefault(destination, worker)
    return assigned


def _admitted_key(gateway: Gateway) -> str:
    """Return a key that this process accepts as long as it lives."""
    text, key = new_key(ClientName(EMBEDDED_CLIENT), SystemClock())
    gateway.authenticate.admit(key)
    return text


def _curl(front: str, gateway: Gateway, key: str) -> str:
    """Return one line for a shell that sends a complete, valid application."""
    procedure = gateway.catalogue.latest(_SAMPLE_PROCEDURE)
    if procedure is None:
        raise ConfigError(f"{_SAMPLE_PROCEDURE}: not among the procedures")
    body: dict[str, Any] = {
        **procedure.example,
        "receipt_number": f"TRY-{secrets.token_hex(4).upper()}",
    }
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Idempotency-Key": secrets.token_hex(8),
    }
    words = ["curl", "-sS", f"{front}/v1/municipalities/{EMBEDDED_MUNICIPALITY}/applications"]
    for name, value in headers.items():
        words += ["-H", f"{name}: {value}"]
    # Escaped, the body is the same in a terminal of any encoding.
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(body, ensure_ascii=not is_unicode, separators=(",", ":"))
    return shlex.join([*words, "-d", text])


def _facts(settings: Settings, addresses: Addresses, made: tuple[str, ...]) -> dict[str, Any]:
    return {
        "front": addresses.front,
        "docs": f"{addresses.front}/docs",
        "operations": addresses.operations,
        "console": settings.console.url or addresses.operations,
        "home": str(settings.home.resolve()),
        "journal": _place(settings.journal.url),
        "keys": str(settings.keys.folder.resolve()),
        "keys_made": list(made),
        "destinations": {
            name: _goes_to(destination.config)
            for name, destination in settings.destinations.items()
        },
    }


def _place(url: str) -> str:
    """Return where the journal lies: a file's whole path, or an address without password."""
    scheme, _, path = url.partition(":///")
    return str(Path(path).resolve()) if scheme == "sqlite" else without_password(url)


def _goes_to(config: Mapping[str, object]) -> str:
    """Return where a destination's applications end up, as far as a glance can tell."""
    folder, url = config.get("folder"), config.get("url")
    return str(Path(str(folder)).resolve()) if folder else without_password(str(url or "-"))


def _row(label: str, place: str, remark: str, width: int) -> list[str]:
    """Return a line; what does not fit into a terminal's width stands below, to be copied."""
    beginning = " " * (width + 2)
    if cell_len(label) > width - 2:
        lines = [f"  {label}", f"{beginning}{place}"]
    else:
        lines = [f"  {set_cell_size(label, width)}{place}"]
    if remark and cell_len(lines[-1]) + 2 + cell_len(remark) <= _WIDTH:
        lines[-1] += f"  {remark}"
    elif remark:
        lines.append(f"{beginning}{remark}")
    return lines


def _signing_in(facts: Mapping[str, Any]) -> str:
    if "password" not in facts:
        return "first account: kakehashi account add NAME --role admin"
    return f"sign in as {facts['account']} with {facts['password']}"


def _welcome(facts: Mapping[str, Any]) -> str:
    made = f"({len(facts['keys_made'])} made)" if facts["keys_made"] else ""
    rows = [
        ("front-end API", facts["front"], "(documentation: /docs)"),
        ("console", facts["console"], _signing_in(facts)),
        ("operations", facts["operations"], "(/livez /readyz /metrics)"),
        ("journal", facts["journal"], ""),
        ("keys", facts["keys"], made),
        *((f"→ {name}", place, "") for name, place in facts["destinations"].items()),
    ]
    width = min(max(len(label) for label, _, _ in rows), _LONGEST_LABEL) + 2
    lines = ["Kakehashi is up. 架け橋を開始しました。", ""]
    for label, place, remark in rows:
        lines += _row(label, place, remark, width)
    if "curl" in facts:
        lines += [
            "",
            "Try it: one application with invented data.",
            "Key and password end with this process.",
            "",
            facts["curl"],
        ]
    else:
        lines += ["", "A client gets its API key by: kakehashi client add NAME"]
    lines += [
        "",
        "In another terminal, kakehashi status shows where everything is.",
        "Gateway and workers share this process, and with it both halves of the keys:",
        "right for trying and for small use; kakehashi serve and work keep them apart.",
        "Ctrl-C stops it. Whatever stops it, nothing accepted is lost: start it again.",
    ]
    return "\n".join(lines)
