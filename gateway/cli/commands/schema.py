"""``kakehashi schema``: the procedures, and whether a body or a folder of them is right."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from gateway.bootstrap.stores import open_catalogue
from gateway.cli import screen, words
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.schema.catalogue import Catalogue, load_catalogue, shipped_schemas
from gateway.schema.envelope import Checked, UnknownProcedure, check
from gateway.schema.parse import JSONRefusedError, parse_json
from gateway.schema.procedure import Procedure

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Procedures (手続)."
)

_NAMED: Final = re.compile(r"(?P<name>[^@]+?)(?:(?:@|/)v(?P<version>[1-9][0-9]{0,3}))?")


@app.command("list")
def list_procedures(context: typer.Context) -> None:
    """List every version of every procedure: the shipped ones and the configured ones."""
    invocation = Invocation.of(context)
    found = [
        {
            "procedure": procedure.name,
            "version": procedure.version,
            "title": dict(procedure.title),
            "source": procedure.source,
        }
        for procedure in open_catalogue(invocation.settings()).procedures()
    ]
    screen.show(invocation, found, lambda console: _show_list(console, found))


def _show_list(console: Console, found: list[dict[str, Any]]) -> None:
    for procedure in found:
        console.print(
            Text.assemble((procedure["procedure"], "bold"), f" v{procedure['version']}  "),
        )
        console.print(f"  {procedure['title'][words.language()]}")


@app.command("show")
def show(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="AREA/NAME[/vN]", help="The newest, or version N.")
    ],
    *,
    example: Annotated[
        bool, typer.Option("--example", help="A whole valid request body instead.")
    ] = False,
) -> None:
    """Print a procedure's JSON Schema, or an example of an application (JSON)."""
    procedure = _find(open_catalogue(Invocation.of(context).settings()), name)
    screen.print_json(procedure.example if example else procedure.json_schema)


def _find(catalogue: Catalogue, text: str) -> Procedure:
    named = _NAMED.fullmatch(text)
    found = None
    if named is not None:
        name, version = named["name"], named["version"]
        found = catalogue.get(name, int(version)) if version else catalogue.latest(name)
    if found is None:
        known = ", ".join(f"{known.name}/v{known.version}" for known in catalogue.procedures())
        raise CommandError(f"{text}: no such procedure", ExitCode.NOT_WELL, f"There are: {known}")
    return found


@app.command("check")
def check_paths(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            exists=True, metavar="PATH…", help="Request bodies, or folders like schemas/."
        ),
    ],
) -> None:
    """Check request bodies as the front door would, or a folder of procedures.

    Of a folder every procedure is compiled; valid examples must pass, and invalid ones
    fail with exactly the errors they expect. Exits with 1 if anything is wrong.
    """
    invocation = Invocation.of(context)
    results = list(_results(invocation, paths))
    screen.show(invocation, results, lambda console: _show_results(console, results))
    if not all(result["ok"] for result in results):
        raise typer.Exit(ExitCode.NOT_WELL)


def _results(invocation: Invocation, paths: list[Path]) -> Iterator[dict[str, Any]]:
    catalogue = None
    for path in paths:
        if path.is_dir():
            yield from _folder_results(path)
        else:
            catalogue = catalogue or open_catalogue(invocation.settings())
            errors = _errors(path.read_bytes(), catalogue)
            yield {"path": str(path), "ok": not errors, "errors": errors}


def _folder_results(root: Path) -> Iterator[dict[str, Any]]:
    shipped = shipped_schemas()
    is_shipped = root.resolve() == shipped.resolve()
    catalogue = load_catalogue(root) if is_shipped else load_catalogue(shipped, root)
    for path in sorted(root.glob("*/*/examples/*/*.json")):
        document = json.loads(path.read_bytes())
        if path.parent.name == "invalid":
            expected, body = document["expect"], json.dumps(document["body"]).encode()
        else:
            expected, body = [], path.read_bytes()
        errors = _errors(body, catalogue)
        found = [{"pointer": error["pointer"], "code": error["code"]} for error in errors]
        yield {"path": str(path), "ok": found == expected, "errors": errors, "expected": expected}


def _errors(body: bytes, catalogue: Catalogue) -> list[dict[str, str]]:
    try:
        checked = check(parse_json(body), catalogue)
    except JSONRefusedError as error:
        place = "" if error.offset is None else f"byte {error.offset}"
        return [{"pointer": "#", "code": error.code, "detail": place}]
    match checked:
        case Checked():
            return []
        case UnknownProcedure():
            return [{"pointer": "#/procedure", "code": "procedure.unknown", "detail": ""}]
        case _:
            return [
                {
                    "pointer": error.pointer,
                    "code": error.code,
                    "detail": error.detail(words.language()),
                }
                for error in checked
            ]


def _show_results(console: Console, results: list[dict[str, Any]]) -> None:
    for result in results:
        mark = ("ok     ", "green") if result["ok"] else ("wrong  ", "bold red")
        console.print(Text.assemble(mark, result["path"]), soft_wrap=True)
        if result["ok"]:
            continue
        for error in result["errors"]:
            screen.plain(console, f"  {error['pointer']}  {error['code']}")
            console.print(f"    {error['detail']}")
        for error in _missing(result):
            screen.plain(console, f"  expected, not found: {error['pointer']}  {error['code']}")


def _missing(result: Mapping[str, Any]) -> list[Mapping[str, str]]:
    found = {(error["pointer"], error["code"]) for error in result["errors"]}
    expected: list[Mapping[str, str]] = result.get("expected", [])
    return [error for error in expected if (error["pointer"], error["code"]) not in found]
