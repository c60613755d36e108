"""``kakehashi audit prove|verify-proof``: one entry, for somebody who trusts no gateway."""

from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.audit import note, proof
from gateway.audit.note import NoteKey
from gateway.audit.reading import read
from gateway.audit.tree import leaf_hash
from gateway.cli import screen, words
from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform
from gateway.cli.receipts import NOT_CHECKED, Receipt, read_receipt, read_receipt_keys
from gateway.crypto.log_keys import verify


def prove(
    context: typer.Context,
    application: Annotated[
        str | None, typer.Argument(metavar="ID", help="An application's id.")
    ] = None,
    *,
    index: Annotated[
        int | None, typer.Option(min=0, help="Or else any entry, by its index in the log.")
    ] = None,
    directory: Annotated[Path, typer.Option(help="Where the two files go.")] = Path(),
) -> None:
    """Write the proof that an application was accepted: NAME.tlog-proof and NAME.entry.json.

    Whoever has both files, and the log's verifier key on another way, needs nothing else.
    """
    invocation = Invocation.of(context)
    found = perform(invocation, "audit.prove", application=application, index=index)
    name = application or f"entry-{found['index']}"
    entry = directory / f"{name}.entry.json"
    proved = directory / f"{name}.tlog-proof"
    entry.write_bytes(b64decode(found["entry"]))
    proved.write_text(found["proof"], encoding="utf-8")
    document = {"index": found["index"], "entry": str(entry), "proof": str(proved)}

    def show(console: Console) -> None:
        text = (f"記録 {found['index']} の証明です。", f"Entry {found['index']} is proved by:")
        console.print(words.of(text))
        screen.plain(console, f"  {proved}\n  {entry}")

    screen.show(invocation, document, show)


def verify_proof(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="PROOF", help="A .tlog-proof file.")],
    *,
    entry: Annotated[Path, typer.Option(help="The entry's bytes, as they were handed over.")],
    key: Annotated[list[str], typer.Option(help="A verifier key that you trust; more than once.")],
    receipt: Annotated[
        Path | None, typer.Option(help="The receipt of the acceptance, or the whole answer.")
    ] = None,
    receipt_keys: Annotated[
        Path | None, typer.Option(help="JWKS of who signs receipts, as in an export.")
    ] = None,
) -> None:
    """Verify a proof, offline and without a configuration.

    Exits with 1 if the entry is not proven to be in a log that one of the keys has signed, and
    with 2 if it is, but a receipt is by none of the keys given for it.
    """
    invocation = Invocation.of(context)
    data = entry.read_bytes().removesuffix(b"\n")
    known = [_key(text) for text in key]
    try:
        parsed = proof.parse(file.read_bytes())
        signed = proof.verify(parsed, data, known, verify)
        members = read(data)
    except ValueError as error:
        raise _not_proven(str(error)) from None
    compared = None
    if receipt is not None:
        given = read_receipt(receipt)
        _compare(given, data, members)
        flaw = _flaw(given, receipt_keys)
        compared = {"agrees": True, "signature_verified": flaw is None, "note": flaw}
    document = {
        "ok": True,
        "origin": signed.origin,
        "index": parsed.index,
        "size": signed.size,
        "entry": members,
        "receipt": compared,
    }
    screen.show(invocation, document, lambda console: _show(console, document, members))
    if compared and compared["note"] and receipt_keys is not None:
        raise typer.Exit(ExitCode.USAGE)


def _show(console: Console, document: Mapping[str, Any], members: Mapping[str, Any]) -> None:
    told = (
        f"証明されました: 記録 {document['index']} ({document['size']} 件中)",
        f"proven: entry {document['index']} of a log of {document['size']}",
    )
    console.print(words.of(told), style="green")
    rows = [("log", document["origin"]), ("action", members["action"])]
    rows += [("at", f"{words.moment(str(members['at']))} JST")]
    actor = members["actor"]
    rows += [("by", f"{actor['kind']} {actor['name']}")]
    rows += [(name, members.get(name)) for name in ("municipality", "application", "delivery")]
    if document["receipt"] is not None:
        flaw = document["receipt"]["note"]
        rows += [("receipt", f"agrees; {flaw}" if flaw else "agrees, signed by a key given")]
    console.print(screen.fields(rows))


def _compare(receipt: Receipt, data: bytes, members: Mapping[str, Any]) -> None:
    """Compare what a receipt says with the entry that is proven."""
    if (receipt.application, receipt.leaf) != (members.get("application"), leaf_hash(data)):
        raise _not_proven("it is not the entry that the receipt was given for")


def _flaw(receipt: Receipt, receipt_keys: Path | None) -> str | None:
    """Return why the receipt's signature is not verified; ``None`` if it is."""
    if receipt_keys is None:
        return NOT_CHECKED
    flaw = receipt.flaw(read_receipt_keys(receipt_keys))
    if flaw not in (None, NOT_CHECKED):
        raise _not_proven(f"the receipt: {flaw}")
    return flaw


def _key(text: str) -> NoteKey:
    try:
        return note.parse_vkey(text)
    except ValueError as error:
        raise CommandError(f"--key: {error}", ExitCode.USAGE) from None


def _not_proven(why: str) -> CommandError:
    return CommandError(
        words.of((f"証明されません: {why}", f"NOT proven: {why}")), ExitCode.NOT_WELL
    )
