"""``kakehashi config``: would it work, what is in force, what may stand in it."""

from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.text import Text

from gateway.cli import screen
from gateway.cli.examine import Problem, Role, examine, likely_role
from gateway.cli.failures import ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.redacted import digest, redacted
from gateway.domain.errors import ConfigError
from gateway.settings.model import Settings

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="The configuration."
)


@app.command("check")
def check(
    context: typer.Context,
    *,
    role: Annotated[
        Role | None, typer.Option(help="Whose keys must be here; guessed, if not said.")
    ] = None,
) -> None:
    """Say whether this configuration would work, and everything that is wrong with it.

    Reads the file, the procedures, the adapters' configurations and the keys; connects to
    nothing. Exits with 1 if something keeps it from working.
    """
    invocation = Invocation.of(context)
    try:
        settings = invocation.settings()
        role = role or likely_role(settings)
        problems = examine(settings, role, makes_keys=invocation.is_embedded)
    except ConfigError as error:
        lines = ": ".join(map(str, error.args)).splitlines()
        problems = [Problem(line, is_fatal=True) for line in lines]
    is_well = not any(problem.is_fatal for problem in problems)
    document = {
        "ok": is_well,
        "role": role,
        "problems": [problem.text for problem in problems if problem.is_fatal],
        "notes": [problem.text for problem in problems if not problem.is_fatal],
    }
    screen.show(invocation, document, lambda console: _show(console, problems, role))
    if not is_well:
        raise typer.Exit(ExitCode.NOT_WELL)


def _show(console: Console, problems: list[Problem], role: Role | None) -> None:
    for problem in problems:
        label = ("wrong  ", "bold red") if problem.is_fatal else ("note   ", "yellow")
        console.print(Text.assemble(label, problem.text), soft_wrap=True)
    if role is not None:
        console.print(f"Looked for the keys of: {role}")
    if not any(problem.is_fatal for problem in problems):
        console.print("ok: it would work.", style="green")


@app.command("show")
def show(context: typer.Context) -> None:
    """Show every setting in force, defaults and environment included, without secrets."""
    invocation = Invocation.of(context)
    settings = invocation.settings()
    document = redacted(settings)
    source = invocation.path or "no file: the embedded default"

    def for_people(console: Console) -> None:
        screen.plain(console, f"# {source}")
        screen.plain(console, f"# sha256 {digest(settings)}")
        text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=1000)
        screen.plain(console, text.rstrip())

    screen.show(invocation, document, for_people)


@app.command("schema")
def schema() -> None:
    """Print the configuration's JSON Schema, for editors."""
    screen.print_json(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **Settings.model_json_schema(),
        }
    )
