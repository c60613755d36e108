"""``kakehashi openapi``: the front-end API, or the operations API, as a document."""

from typing import Annotated

import typer

from gateway.bootstrap.stores import open_catalogue
from gateway.cli import screen
from gateway.cli.invocation import Invocation
from gateway.http import openapi as front_end
from gateway.http.ops import openapi as operations_api

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("openapi")
def openapi(
    context: typer.Context,
    *,
    operations: Annotated[
        bool, typer.Option("--operations", help="The operations API instead.")
    ] = False,
) -> None:
    """Print the front-end API as an OpenAPI 3.1 document (JSON)."""
    if operations:
        screen.print_json(operations_api.document())
    else:
        screen.print_json(front_end.document(open_catalogue(Invocation.of(context).settings())))
