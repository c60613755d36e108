"""``kakehashi keys``: made, listed and handed over by people only; never replaced."""

import stat
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from gateway.bootstrap.key_names import (
    GATEWAY_KEY,
    LOG_KEYS,
    PSEUDONYM_KEY,
    destination_key,
    is_gateway_key,
    log_key,
    log_key_numbers,
    webhook_key,
    worker_key,
)
from gateway.bootstrap.stores import open_keys
from gateway.cli import screen
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.crypto import keys
from gateway.crypto.webhook import receivers_key
from gateway.domain.errors import KeyNotFoundError
from gateway.ports.keys import KeyStore

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Keys that seal and sign. A private key stays where it is made: export its public half.",
)

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Kind(StrEnum):
    """What a key is for."""

    GATEWAY = "gateway"
    PSEUDONYM = "pseudonym"
    LOG = LOG_KEYS
    DESTINATION = "destination"
    WORKER = "worker"
    WEBHOOK = "webhook"
    WEBHOOK_ED25519 = "webhook-ed25519"


_MAKERS: Final[dict[Kind, Callable[[], bytes]]] = {
    Kind.GATEWAY: keys.new_signing_key,
    Kind.PSEUDONYM: keys.new_secret,
    Kind.LOG: keys.new_signing_key,
    Kind.DESTINATION: keys.new_encryption_key,
    Kind.WORKER: keys.new_signing_key,
    Kind.WEBHOOK: keys.new_secret,
    Kind.WEBHOOK_ED25519: keys.new_signing_key,
}
_NAMED: Final[dict[Kind, Callable[[str], str]]] = {
    Kind.DESTINATION: destination_key,
    Kind.WORKER: worker_key,
    Kind.WEBHOOK: webhook_key,
    Kind.WEBHOOK_ED25519: webhook_key,
}
_SINGLE: Final = {Kind.GATEWAY: GATEWAY_KEY, Kind.PSEUDONYM: PSEUDONYM_KEY}


@app.command("new")
def new(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What it is for.")],
    name: Annotated[
        str | None, typer.Argument(help="Of the destination, worker or client, as configured.")
    ] = None,
) -> None:
    """Make a key: gateway, pseudonym, log, destination NAME, worker NAME or webhook NAME.

    Never replaces one. log makes the next of the keys that sign the audit log: log/1, log/2, …
    webhook signs what the client NAME is told: it shows once what the receiver verifies with, a
    secret (whsec_…), or with webhook-ed25519 a public key (whpk_…).
    """
    invocation = Invocation.of(context)
    store = open_keys(invocation.settings())
    full_name = _full_name(kind, name, store)
    if "private" in _halves(store, full_name):
        raise CommandError(
            f"{full_name}: is there already, and is never replaced", ExitCode.NOT_WELL
        )
    store.add(full_name, _MAKERS[kind](), private=True)
    made = _described(store, full_name)
    if kind in (Kind.WEBHOOK, Kind.WEBHOOK_ED25519):
        made["receivers_key"] = receivers_key(store.private(full_name))

    def for_people(console: Console) -> None:
        if "receivers_key" in made:
            screen.plain(console, made["receivers_key"])
        console.print(f"made {full_name}")

    screen.show(invocation, made, for_people)


def _full_name(kind: Kind, name: str | None, store: KeyStore) -> str:
    if kind in _NAMED:
        if name is None:
            raise typer.BadParameter(f"which {kind}?", param_hint="NAME")
        return _NAMED[kind](name)
    if name is not None:
        raise typer.BadParameter(f"a {kind} key is not given a name", param_hint="NAME")
    if kind == Kind.LOG:
        return log_key(max(log_key_numbers(store.names()), default=0) + 1)
    return _SINGLE[kind]


@app.command("list")
def list_keys(context: typer.Context) -> None:
    """List the keys that are here, and which halves of them."""
    invocation = Invocation.of(context)
    store = open_keys(invocation.settings())
    found = [_described(store, name) for name in store.names()]
    screen.show(invocation, found, lambda console: _show(console, found))


def _described(store: KeyStore, name: str) -> dict[str, Any]:
    halves = _halves(store, name)
    kid = keys.thumbprint(next(iter(halves.values())))
    return {"name": name, "halves": list(halves), "kid": kid}


def _halves(store: KeyStore, name: str) -> dict[str, bytes]:
    """Return the halves that are stored; a private key has its public half in itself."""
    halves: dict[str, bytes] = {}
    for half, read in (("private", store.private), ("public", store.public)):
        try:
            halves.setdefault(half, read(name))
        except KeyNotFoundError:
            continue
        if half == "private":
            break
    return halves


def _show(console: Console, found: list[dict[str, Any]]) -> None:
    table = screen.table("name", "here", "kid")
    for key in found:
        table.add_row(key["name"], ", ".join(key["halves"]), key["kid"])
    console.print(table if found else "There are no keys yet; kakehashi keys new makes them.")


@app.command("export")
def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As keys list shows it, e.g. worker/worker-1.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write it into this new file instead of printing it.")
    ] = None,
) -> None:
    """Hand out the public half of a key as a JWK. There is no way to hand out the private one."""
    jwk = open_keys(Invocation.of(context).settings()).public(name)
    if out is None:
        typer.echo(jwk)
        return
    with out.open("xb") as file:
        file.write(jwk + b"\n")
    typer.echo(f"wrote {out}", err=True)


@app.command("import")
def import_key(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A JWK.")],
    *,
    name: Annotated[str, typer.Option("--as", help="E.g. destination/NAME or gateway/signing.")],
    private: Annotated[
        bool, typer.Option("--private", help="It is a private key; its file must be 0600.")
    ] = False,
) -> None:
    """Take in somebody's public key; with --private a private one, from a backup."""
    invocation = Invocation.of(context)
    jwk = file.read_bytes().strip()
    is_private = keys.is_private(jwk)
    if is_private and not private:
        raise CommandError(
            f"{file}: is a private key, which stays where it was made",
            ExitCode.USAGE,
            "kakehashi keys export gives its public half; to restore a backup: --private.",
        )
    if private and not is_private:
        raise typer.BadParameter("the file holds a public key", param_hint="--private")
    if is_private and file.stat().st_mode & _OTHERS:
        raise CommandError(
            f"{file}: mode {stat.S_IMODE(file.stat().st_mode):04o}: others could have read it",
            ExitCode.USAGE,
            "A private key that others could read is no longer one; make a new one.",
        )
    store = open_keys(invocation.settings())
    _require_purpose(name, jwk)
    store.add(name, jwk, private=private)
    taken = _described(store, name)
    screen.show(invocation, taken, lambda console: console.print(f"added {name}"))


def _require_purpose(name: str, jwk: bytes) -> None:
    """Refuse a key under a name that is used for something else.

    Raises:
        KeyUnusableError: The key is of another kind than the name says.
        CommandError: The name says nothing.
    """
    kind, _, rest = name.partition("/")
    is_private = keys.is_private(jwk)
    if name == PSEUDONYM_KEY:
        keys.secret(jwk)
    elif is_gateway_key(name) or log_key_numbers([name]) or (kind == Kind.WORKER and rest):
        (keys.signing_key if is_private else keys.verifying_key)(jwk)
    elif kind == Kind.WEBHOOK and rest and is_private:
        receivers_key(jwk)
    elif kind == Kind.DESTINATION and rest:
        (keys.opening_key if is_private else keys.sealing_key)(jwk)
    else:
        raise CommandError(
            f"{name}: not the name of a key",
            ExitCode.USAGE,
            f"{GATEWAY_KEY}, {GATEWAY_KEY}-EARLIER, {PSEUDONYM_KEY}, log/NUMBER, destination/NAME,"
            " worker/NAME or webhook/NAME.",
        )
