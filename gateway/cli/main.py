"""The command ``kakehashi``: which commands there are, and the options they share.

A command's module is imported when the command is called, so that ``status`` does not
wait for a web server to load.
"""

import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from gateway import __version__
from gateway.cli import words
from gateway.cli.failures import ExitCode, failure, unexpected
from gateway.cli.invocation import Invocation
from gateway.cli.screen import harmless

GROUPS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Every morning": {
        "doctor": ("gateway.cli.commands.doctor", "Is everything as it must be? And what to do."),
        "top": ("gateway.cli.commands.top", "What flows to each destination, live."),
        "status": (
            "gateway.cli.commands.status",
            "Where is it? By id or 受付番号; or an overview.",
        ),
        "messages": ("gateway.cli.commands.messages", "Applications: list, show."),
    },
    "When something waits": {
        "parked": ("gateway.cli.commands.parked", "What waits for a person: list, show, decide."),
        "approval": (
            "gateway.cli.commands.approval",
            "Four eyes: list, approve, refuse, withdraw.",
        ),
        "destination": (
            "gateway.cli.commands.destination",
            "Core systems: show, pause, resume, change while it runs.",
        ),
        "log": ("gateway.cli.commands.log", "What a running gateway logs: show, change."),
    },
    "Run it": {
        "up": ("gateway.cli.commands.up", "Everything in one process; needs no configuration."),
        "serve": ("gateway.cli.commands.serve", "Run the gateway, as configured."),
        "work": ("gateway.cli.commands.work", "Run the workers of some destinations."),
        "demo": (
            "gateway.cli.demo",
            "Show applications on their way into three simulated systems.",
        ),
        "send": ("gateway.cli.commands.send", "Send a file through the front door."),
    },
    "Prove it, and keep it": {
        "audit": (
            "gateway.cli.commands.audit",
            "The audit log: search, verify, export, report.",
        ),
        "backup": (
            "gateway.cli.commands.backup",
            "Copy the embedded journal while it is in use.",
        ),
        "restored": (
            "gateway.cli.commands.restored",
            "The journal was put back: before the start.",
        ),
        "retention": (
            "gateway.cli.commands.retention",
            "How long things are kept: show, forget what is over its term.",
        ),
    },
    "Set it up": {
        "config": ("gateway.cli.commands.config", "The configuration: check, show, schema."),
        "keys": ("gateway.cli.commands.keys", "Keys that seal and sign."),
        "client": ("gateway.cli.commands.client", "API keys of front-end systems."),
        "account": (
            "gateway.cli.commands.account",
            "People who use the console: roles, passwords.",
        ),
        "topology": (
            "gateway.cli.commands.topology",
            "What there is on the broker: show, apply.",
        ),
    },
    "Write for it": {
        "adapter": (
            "gateway.cli.commands.adapter",
            "Adapters: new, test, list, check, run samples, look up, release.",
        ),
        "schema": ("gateway.cli.commands.schema", "Procedures: list, show, check a body."),
        "openapi": (
            "gateway.cli.commands.openapi",
            "Print the front-end API as OpenAPI 3.1.",
        ),
    },
}
"""What for, then name to module and one line for the list."""

COMMANDS: Final = {name: entry for group in GROUPS.values() for name, entry in group.items()}
"""Name to module and one line."""

SHARED: Final = {"--config": True, "--home": True, "--json": False, "--debug": False}
"""The options that may stand anywhere, and whether a value follows."""

_NAME_WIDTH: Final = 13
_LONGEST_SENTENCE: Final = 400


class RootCommand(TyperGroup):
    """Loads a command when it is called, and says in a line why one failed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return every command's name, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return a command; if there is none of this name, say which is near."""
        if cmd_name not in COMMANDS:
            near = get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such command '{cmd_name}'.{hint}")
        module = import_module(COMMANDS[cmd_name][0])
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(cmd_name)(getattr(module, cmd_name))
        app.info.cls = SubcommandGroup
        command = get_command(app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands from the table, importing none of them."""
        del ctx
        for title, commands in GROUPS.items():
            with formatter.section(title):
                for name, (_, help_text) in commands.items():
                    formatter.write(f"  {name:<{_NAME_WIDTH}}{help_text}\n")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the shared options from wherever they stand."""
        return super().parse_args(ctx, shared_first(args))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; say in a line or a few what went wrong, never a traceback."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            typer.echo(f"kakehashi: {words.of(('中断しました', 'interrupted'))}", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except Exception as error:  # noqa: BLE001 - the top: people get a line, not a traceback
            invocation = Invocation.of(ctx)
            if invocation.debug:
                traceback.print_exc(file=sys.stderr)
            found = failure(error) or unexpected(error)
            for line in found.lines:
                typer.echo(f"kakehashi: {harmless(line)}", err=True)
            if found.hint:
                typer.echo(f"  {found.hint}", err=True)
            raise typer.Exit(found.exit_code) from None


class SubcommandGroup(TyperGroup):
    """Lists its commands with the first sentence of each whole, over as many lines as it takes."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write names and sentences in two columns; typer cuts what is longer than a line."""
        del ctx
        rows = [
            (name, command.get_short_help_str(limit=_LONGEST_SENTENCE))
            for name, command in self.commands.items()
            if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def shared_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the shared options, and their values, in front."""
    first: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            rest += [argument, *waiting]
            break
        name, equals, _ = argument.partition("=")
        if name not in SHARED:
            rest.append(argument)
            continue
        first.append(argument)
        if SHARED[name] and not equals and waiting:
            first.append(waiting.pop(0))
    return first + rest


app = typer.Typer(
    cls=RootCommand,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"kakehashi {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file; KAKEHASHI_CONFIG says the same."),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Without a configuration: the folder of everything (default: var)."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Answer with one JSON document on standard output.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Carry residents' online applications into the core systems of local governments.

    These options may stand before or after the command. Exit codes: 0 done, 1 the thing
    asked about is not well or not there, 2 asked or configured wrongly, 3 cannot be reached,
    130 interrupted by Ctrl-C.
    """
    del version
    context.obj = Invocation(config=config, home=home, json=json, debug=debug)


def main() -> None:
    """Run the command line."""
    app(prog_name="kakehashi")
