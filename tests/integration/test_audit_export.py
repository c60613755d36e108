"""An export out of a running gateway: the stand-alone verifier and Go's code agree with it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.exporting import Export, Exported
from gateway.domain.entry import Actor, ActorKind
from gateway.services.operate.by_name import operations
from gateway.testing.builders import an_entry
from gateway.testing.world import World

AUDITOR = Actor(ActorKind.OPERATOR, "sato")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path / "gateway") as world:
        await world.accepted()
        await world.gateway.journal.record([an_entry() for _ in range(70_000)])
        await world.gateway.seal_log.begin()
        await world.gateway.seal_log.finish()
        yield world


@dataclass(frozen=True, slots=True)
class Checked:
    code: int
    said: str


async def export(world: World, folder: Path) -> Exported:
    perform, loop = operations(world.gateway.operate), asyncio.get_running_loop()

    def ask(operation: str, **arguments: object) -> Any:
        asked = perform[operation](AUDITOR, arguments)

        async def answer() -> object:
            return await asked

        return asyncio.run_coroutine_threadsafe(answer(), loop).result(30)

    job = Export(folder, ask, lambda _: None)
    return await asyncio.to_thread(job.run, at=datetime.now(UTC))


async def run(*command: str | Path) -> Checked:
    done = await asyncio.to_thread(
        subprocess.run, [*map(str, command)], capture_output=True, text=True, check=False
    )
    return Checked(done.returncode, done.stdout + done.stderr)


async def by_go(gocheck: Path, folder: Path, whole: Path, *before: Path) -> Checked:
    files = sorted(folder.glob("entries/*.jsonl"), key=lambda file: int(file.stem))
    whole.write_bytes(b"".join(file.read_bytes() for file in files))
    key = (folder / "keys.txt").read_text().split()[-1]
    grown = [f"-before={file}" for file in before]
    return await run(gocheck, f"-log={folder}", f"-entries={whole}", f"-key={key}", *grown)


async def by_itself(folder: Path) -> Checked:
    return await run(sys.executable, "-I", folder / "verify.py", folder)


async def test_both_verifiers_accept_an_export_that_was_gone_on_with(
    world: World, gocheck: Path, tmp_path: Path
) -> None:
    folder, whole = tmp_path / "out", tmp_path / "whole.jsonl"
    first = await export(world, folder)
    await world.gateway.journal.record([an_entry() for _ in range(300)])
    await world.gateway.seal_log.finish()

    done = await export(world, folder)

    assert done.size > first.size + 300
    assert done.kept == first.size > 70_000
    go = await by_go(gocheck, folder, whole, folder / "checkpoints" / str(first.size))
    assert (go.code, go.said) == (0, f"{done.size} entries are what was signed\n")
    own = await by_itself(folder)
    assert own.code == 0, own.said

    # And both refuse it once it is tampered with.
    second = folder / "entries/65536.jsonl"
    second.write_bytes(second.read_bytes().replace(b'"at":"2026', b'"at":"2025', 1))
    assert (await by_go(gocheck, folder, whole)).code == 1
    own = await by_itself(folder)
    assert own.code == 1
    assert "first bad index is 65536" in own.said
