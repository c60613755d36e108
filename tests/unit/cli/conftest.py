"""A terminal in an empty folder, and a journal with something in it."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.bootstrap.embedded import embedded_document, make_missing_keys
from gateway.bootstrap.key_names import PSEUDONYM_KEY
from gateway.bootstrap.log_signing import log_signing
from gateway.bootstrap.stores import open_journal, open_keys
from gateway.cli import loop
from gateway.cli.main import app
from gateway.crypto.pseudonym import Pseudonyms
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.system_clock import SystemClock
from gateway.ports.journal import Acceptance, Decision
from gateway.services.seal_log import SealLog
from gateway.settings.load import build
from gateway.testing.builders import MUNICIPALITY, an_acceptance, an_entry


class Terminal:
    """Somebody who types commands."""

    def run(self, *arguments: str, code: int = 0) -> str:
        """Return what was printed; fail unless the exit code is ``code``."""
        done = CliRunner().invoke(app, list(arguments), prog_name="kakehashi")
        assert done.exit_code == code, (done.exit_code, done.output, done.exception)
        return done.stdout if code == 0 else done.stdout + done.stderr

    def ask(self, *arguments: str, code: int = 0) -> Any:
        """Return the one JSON document on standard output."""
        done = CliRunner().invoke(app, [*arguments, "--json"], prog_name="kakehashi")
        assert done.exit_code == code, (done.exit_code, done.output, done.exception)
        return json.loads(done.stdout)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """In an empty folder, in English, with nothing configured by the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith(("KAKEHASHI_", "LC_", "LANG", "COLUMNS")):
            monkeypatch.delenv(name)
    return Terminal()


@pytest.fixture
def keep(terminal: Terminal) -> Callable[..., Acceptance]:  # noqa: ARG001 - its folder
    """Return a function that puts an application into the embedded default's journal."""
    settings = build(embedded_document(Path("var")))
    store = open_keys(settings)
    make_missing_keys(settings, store)
    pseudonyms = Pseudonyms(store.private(PSEUDONYM_KEY))

    def put(
        receipt_number: str = "A-1", *, destination: str = "delivered", **changed: Any
    ) -> Acceptance:
        acceptance = an_acceptance(
            destinations=[destination],
            receipt_mac=pseudonyms.receipt_mac(MUNICIPALITY, receipt_number),
        )

        def rule(record: DeliveryRecord) -> Decision[None]:
            return Decision(answer=None, record=replace(record, **changed), entries=(an_entry(),))

        async def write() -> None:
            journal = open_journal(settings)
            await journal.open()
            await journal.accept(acceptance)
            await journal.decide(acceptance.deliveries[0].record.id, rule)
            await journal.close()

        loop.run(write())
        return acceptance

    return put


@pytest.fixture
def parked(keep: Callable[..., Acceptance]) -> Acceptance:
    """An application whose delivery waits for a person."""
    return keep(state=State.PARKED, code="core.refused", pointer="/content/x")


@pytest.fixture
def grow(terminal: Terminal) -> Callable[[int], None]:  # noqa: ARG001 - its folder
    """Return a function that appends entries to the embedded default's log and seals them."""
    settings = build(embedded_document(Path("var")))
    store = open_keys(settings)
    make_missing_keys(settings, store)

    async def write(count: int) -> None:
        journal = open_journal(settings)
        await journal.open()
        await journal.record([an_entry(facts={"number": number}) for number in range(count)])
        seal = SealLog(
            journal=journal,
            signing=log_signing(store),
            origin="kakehashi/test",
            new_origin="",
            clock=SystemClock(),
        )
        await seal.check()
        await seal.finish()
        await journal.close()

    return lambda count: loop.run(write(count))
