"""``kakehashi audit verify``: is the record what was written?"""

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.audit import note
from gateway.audit.exported import ExportedLog
from gateway.audit.note import NoteKey
from gateway.audit.sealed import Fault, LogVerifier, Signed, signed
from gateway.audit.tiles import WIDTH, leaf_in
from gateway.cli import screen, words
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.progress import interruptible, perform_shown, progress
from gateway.cli.reach import perform
from gateway.cli.receipts import Receipt, read_receipt, read_receipt_keys, receipt_keys
from gateway.crypto.log_keys import verify as verify_signature
from gateway.crypto.sign import Verifier
from gateway.ports.audit_log import TileId
from gateway.services.operate.verify_log import report_view

ENTRIES = ("記録", "entries")
"""What a bar counts."""
_ENTRIES_BETWEEN_TILES = 16_384
_NAMED = 20
"""So many checkpoints are named on a terminal; in JSON all are."""

Checkpoints = Annotated[
    list[Path] | None,
    typer.Option("--checkpoint", help="A signed checkpoint that you kept; more than once."),
]
Receipts = Annotated[
    list[Path] | None, typer.Option("--receipt", help="A receipt that you kept; more than once.")
]
ReceiptKeys = Annotated[
    Path | None,
    typer.Option(
        "--receipt-keys",
        help="JWKS of who signs receipts; else the export's, or the gateway's own.",
    ),
]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--key", help="A verifier key to believe instead of the gateway's own; oldest first."
    ),
]
Known = Annotated[
    list[int] | None,
    typer.Option(
        "--known",
        min=0,
        help="Index of a fault that you have examined: a note and no failure; more than once.",
    ),
]
Export = Annotated[
    Path | None, typer.Option("--export", help="Verify this export instead of the journal.")
]


def verify(
    context: typer.Context,
    checkpoint: Checkpoints = None,
    receipt: Receipts = None,
    key: Keys = None,
    export: Export = None,
    receipt_keys_file: ReceiptKeys = None,
    known: Known = None,
) -> None:
    """Verify the log: each entry, each node's chain, the tree, and that nothing is missing.

    Exits with 1 if an entry was changed, taken out or put in. A whole log written anew by
    somebody who has the signing key is seen only by what you kept yourself: a
    checkpoint, a receipt.

    A receipt is compared if its signature verifies. If not, nothing is said about the log by
    it: it is named, and a log that is well exits with 2.

    What is bad is named, and everything behind it is verified all the same. Examine it, write down
    what you found, and give its index as --known from then on.
    """
    invocation = Invocation.of(context)
    notes = {str(file): _read(file) for file in checkpoint or ()}
    receipts = {str(file): read_receipt(file) for file in receipt or ()}
    leaves: dict[str, bytes] = {}
    unchecked: list[dict[str, str]] = []
    if receipts:
        leaves, unchecked = _checked(receipts, _known(receipt_keys_file, export, invocation))
    with interruptible("検証は終わっていません。", "Nothing is known of the log from this."):
        if export is not None:
            report = _verify_export(export, notes, leaves, key or [], invocation, known or [])
        else:
            report = perform_shown(
                invocation,
                "audit.verify",
                ENTRIES,
                checkpoints=notes,
                receipts={name: leaf.hex() for name, leaf in leaves.items()},
                keys=key or [],
                known=known or [],
            )
    report = {**report, "receipts_not_compared": unchecked}
    screen.show(invocation, report, lambda console: _show(console, report))
    if not report["ok"]:
        raise typer.Exit(ExitCode.NOT_WELL)
    if unchecked:
        raise typer.Exit(ExitCode.USAGE)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{file}: not UTF-8", ExitCode.USAGE) from None


def _checked(
    receipts: Mapping[str, Receipt], known: Verifier
) -> tuple[dict[str, bytes], list[dict[str, str]]]:
    """Return the leaf hashes that signed receipts name, by application; and what is wrong."""
    flaws = {name: receipt.flaw(known) for name, receipt in receipts.items()}
    signed_ones = [receipt for name, receipt in receipts.items() if flaws[name] is None]
    return (
        {receipt.application: receipt.leaf for receipt in signed_ones},
        [{"receipt": name, "problem": flaw} for name, flaw in flaws.items() if flaw],
    )


def _known(file: Path | None, export: Path | None, invocation: Invocation) -> Verifier:
    """Return by which keys receipts may be signed."""
    if file is None and export is not None:
        file = export / "receipt-keys.json"
    if file is not None:
        return read_receipt_keys(file)
    return receipt_keys(perform(invocation, "audit.receipt_keys"))


def _verify_export(
    folder: Path,
    notes: Mapping[str, str],
    leaves: Mapping[str, bytes],
    vkeys: list[str],
    invocation: Invocation,
    known: list[int],
) -> dict[str, Any]:
    log = ExportedLog(folder)
    try:
        keys = [note.parse_vkey(vkey) for vkey in vkeys or log.keys()]
    except ValueError as error:
        raise CommandError(f"keys: {error}", ExitCode.USAGE) from None
    of_export, of_others = _signed_of(log, keys)
    found = [*of_export, *_signed_outside(notes, keys)]
    good = [each for each in found if isinstance(each, Signed)]
    sealed = {each: leaf_in(log.tile(TileId(0, each // WIDTH), b""), each) for each in known}
    verifier = LogVerifier(checkpoints=good, receipts=leaves, known=sealed)
    total = max((each.size for each in good), default=None)
    with progress(invocation) as bar:
        task = bar.add_task(words.of(ENTRIES), total=total)
        _feed(log, verifier, lambda done: bar.update(task, completed=done))
    report = verifier.finish()
    faults = (*report.faults, *(each for each in found if isinstance(each, Fault)))
    return {
        **report_view(report, faults),
        "keys": "given" if vkeys else "export",
        "checkpoints_of_other_keys": of_others,
    }


def _signed_of(log: ExportedLog, keys: list[NoteKey]) -> tuple[list[Signed | Fault], list[str]]:
    """Return the export's checkpoints, and the names of those of hours that no known key signed."""
    *kept, latest = log.checkpoints()
    believed = {(key.name, key.id) for key in keys}
    found, of_others = [signed(*latest, keys, verify_signature)], []
    for name, text in kept:
        try:
            by = {(each.name, each.key_id) for each in note.parse(text).signatures}
        except ValueError:
            by = believed
        if by & believed:
            found.append(signed(name, text, keys, verify_signature))
        else:
            of_others.append(name)
    return found, of_others


def _signed_outside(notes: Mapping[str, str], keys: list[NoteKey]) -> list[Signed | Fault]:
    return [signed(name, text.encode(), keys, verify_signature) for name, text in notes.items()]


def _feed(log: ExportedLog, verifier: LogVerifier, told: Callable[[int], None]) -> None:
    def compare(*, all_of_them: bool) -> None:
        made = verifier.made(all_of_them=all_of_them)
        stored = {tile: log.tile(tile, data) for tile, data in made.items()}
        verifier.compare(made, {tile: data for tile, data in stored.items() if data is not None})
        told(verifier.size)

    lines = log.lines()
    while batch := list(islice(lines, _ENTRIES_BETWEEN_TILES)):
        verifier.feed_all(batch)
        compare(all_of_them=False)
    compare(all_of_them=True)


_WHOSE = {
    "own": "Signed by the gateway's own keys.",
    "given": "Signed by the keys that you gave.",
    "export": "Verified with the keys in the export: it is whole in itself; give --key to know"
    " who signed it.",
}


def _show(console: Console, report: Mapping[str, Any]) -> None:
    if report["ok"]:
        sealed, matched = report["sealed"], report["matched"]
        console.print(f"ok: {report['entries']} entries, every chain is whole.", style="green")
        if sealed:
            console.print(f"{sealed} are sealed; {matched} checkpoints agree with them.")
            console.print(_WHOSE[report["keys"]])
    else:
        console.print("The audit log is not what was written.", style="bold red")
        if report["first_bad_index"] is not None:
            console.print(f"The first bad index is {report['first_bad_index']}.", style="bold")
    for failure in report["failures"]:
        console.print(f"  {_place(failure)}{failure['problem']}")
    for warning in report["warnings"]:
        console.print(f"  note: {_place(warning)}{warning['problem']}")
    for each in report["receipts_not_compared"]:
        screen.plain(console, f"  note: {each['receipt']}: {each['problem']}; not compared")
    if of_others := report.get("checkpoints_of_other_keys"):
        named = ", ".join(of_others[:_NAMED]) + (", …" if len(of_others) > _NAMED else "")
        screen.plain(
            console,
            f"  note: {len(of_others)} checkpoints are signed by other keys only, and were not"
            f" compared: {named}",
        )
    if report["unsettled"]:
        console.print(
            f"  note: {report['unsettled']} entries are too young to say whether what they"
            " need is there"
        )
    for node, head in report["nodes"].items():
        console.print(f"{node}: {head['nseq']} entries, head")
        screen.plain(console, f"  {head['leaf']}")


def _place(finding: Mapping[str, Any]) -> str:
    """Return where it is, as far as it is known."""
    index, node = finding.get("index"), finding["node"]
    parts = [] if index is None else [f"index {index}"]
    if node is not None:
        parts.append(f"{node or 'no node'} entry {finding['nseq']}")
    return f"{', '.join(parts)}: " if parts else ""
