"""``kakehashi send``: a file through the front door, as a front end would send it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import screen, words
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation

ANSWER_TIMEOUT_S: Final = 30.0

_ACCEPTED: Final = 202

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the front door said."""

    status: int
    body: Mapping[str, Any]
    is_replayed: bool


@app.command("send")
def send(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A request body (JSON).")
    ],
    *,
    key: Annotated[str, typer.Option(help="API key, or @FILE that holds it.")],
    url: Annotated[
        str | None, typer.Option(help="Of the front-end API; as configured, if not said.")
    ] = None,
    municipality: Annotated[
        str | None, typer.Option(help="To whom; A票's destination, if not said.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="Made from the file's bytes, if not said: sending it twice is safe."),
    ] = None,
) -> None:
    """Send a file through the front door and show the answer. Exits with 1 when refused."""
    invocation = Invocation.of(context)
    body = file.read_bytes()
    headers = {
        "Authorization": f"Bearer {_key(key)}",
        "Content-Type": "application/json",
        "Idempotency-Key": idempotency_key or f"send-{hashlib.sha256(body).hexdigest()[:40]}",
        "Accept-Language": words.language(),
    }
    front = url or _configured(invocation)
    to = municipality or _addressee(body)
    answer = _post(f"{front.rstrip('/')}/v1/municipalities/{to}/applications", body, headers)
    screen.show(invocation, answer.body, lambda console: _show(console, answer))
    if answer.status != _ACCEPTED:
        raise typer.Exit(ExitCode.NOT_WELL)


def _key(text: str) -> str:
    """Return the key; one on the command line can be seen by others on this machine."""
    key = Path(text[1:]).read_text("utf-8").strip() if text.startswith("@") else text
    if not (key.isascii() and key.isprintable()):
        raise typer.BadParameter("is not an API key", param_hint="--key")
    return key


def _configured(invocation: Invocation) -> str:
    http = invocation.settings().http
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::") else http.host  # noqa: S104 - a comparison
    return f"http://{f'[{host}]' if ':' in host else host}:{http.port}"


def _addressee(body: bytes) -> str:
    try:
        code = json.loads(body)["applicant"]["destination"]["municipality_code"]
    except (ValueError, KeyError, TypeError):
        code = None
    if not isinstance(code, str) or not (code.isascii() and code.isdigit()):
        raise typer.BadParameter(
            "the file names no applicant.destination.municipality_code",
            param_hint="--municipality",
        )
    return code


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    parts = urlsplit(url)
    connect = {"http": HTTPConnection, "https": HTTPSConnection}.get(parts.scheme)
    if connect is None or not parts.hostname:
        raise typer.BadParameter("must be http://… or https://…", param_hint="--url")
    connection = connect(parts.hostname, parts.port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("POST", parts.path, body, dict(headers))
        response = connection.getresponse()
        raw = response.read()
    except (OSError, HTTPException) as error:
        raise CommandError(
            f"{parts.scheme}://{parts.netloc}: no answer ({type(error).__name__})",
            ExitCode.UNREACHABLE,
            "Send the same file again: what was accepted is not accepted twice.",
        ) from error
    finally:
        connection.close()
    try:
        answer = json.loads(raw)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise CommandError(
            f"{parts.scheme}://{parts.netloc}: {response.status}, and not a gateway's answer",
            ExitCode.UNREACHABLE,
            "See --url.",
        )
    is_replayed = response.getheader("Idempotency-Replayed") == "true"
    return Answer(response.status, answer, is_replayed)


def _show(console: Console, answer: Answer) -> None:
    body = answer.body
    if answer.status == _ACCEPTED:
        again = words.of((" (受付済みのものと同じです)", " (as before: it was kept already)"))
        console.print(f"202 {words.state('accepted')}{again * answer.is_replayed}", style="green")
        console.print(f"{body['id']}  {words.moment(body['accepted_at'])} JST")
        return
    console.print(f"{answer.status} {body.get('code', '')}", style="bold red")
    console.print(str(body.get("detail") or body.get("title") or ""))
    if body.get("existing"):
        console.print(f"existing: {body['existing']}")
    for error in body.get("errors", ()):
        console.print(Text.assemble((f"{error['pointer']}  ", "bold"), str(error["code"])))
        console.print(f"  {error['detail']}")
