"""``kakehashi openapi``: the front-end API as a document."""

import typer

from gateway.bootstrap.stores import open_catalogue
from gateway.cli import screen
from gateway.cli.invocation import Invocation
from gateway.http.openapi import document

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("openapi")
def openapi(context: typer.Context) -> None:
    """Print the front-end API as an OpenAPI 3.1 document (JSON)."""
    screen.print_json(document(open_catalogue(Invocation.of(context).settings())))
