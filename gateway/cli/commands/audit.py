"""``kakehashi audit``: is the record what was written?"""

import typer

from gateway.cli.commands import (
    audit_export,
    audit_keys,
    audit_prove,
    audit_report,
    audit_restore,
    audit_search,
    audit_verify,
)

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="The audit log."
)


@app.callback()
def _group() -> None:
    """Say that ``verify`` is one command among others, not the whole."""


app.command("key")(audit_keys.key)
app.command("shred")(audit_keys.shred)
app.command("accept-restore")(audit_restore.accept_restore)
app.command("verify")(audit_verify.verify)
app.command("search")(audit_search.search)
app.command("export")(audit_export.export)
app.command("prove")(audit_prove.prove)
app.command("verify-proof")(audit_prove.verify_proof)
app.command("report")(audit_report.report)
