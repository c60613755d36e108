"""A new version of an adapter beside the old one, as docs/howto/roll-out-an-adapter-version.md."""

import asyncio
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import run as run_program

import pytest

from tests.acceptance.harness.applications import DISASTER
from tests.acceptance.harness.landscape import NATIVE
from tests.acceptance.harness.processes import KAKEHASHI, Program, run
from tests.acceptance.harness.production import WORKERS, Production
from tests.acceptance.harness.verdict import settled

NAME = "nintei-core"
OLD, NEW = "0.1.0", "0.2.0"


@pytest.fixture
def packages(tmp_path: Path) -> dict[str, Path]:
    """Two environments' packages: the same adapter, written anew, in two versions."""
    run("adapter", "new", NAME, cwd=tmp_path)
    return {version: _installed(tmp_path, version) for version in (OLD, NEW)}


def _installed(folder: Path, version: str) -> Path:
    package, site = folder / NAME, folder / f"site-{version}"
    for file in ("pyproject.toml", "nintei_core/manifest.toml", "nintei_core/adapter.py"):
        text = (package / file).read_text(encoding="utf-8")
        (package / file).write_text(text.replace(f'"{OLD}"', f'"{version}"'), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    run_program([*pip, "--no-build-isolation", "--target", str(site), str(package)], check=True)
    return site


async def test_two_versions_work_for_one_destination_and_the_old_one_leaves(
    production: Callable[..., Production],
    packages: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / NAME))
    core = importlib.import_module("nintei_core.tests.core").Core()
    await core.start()
    destination = {
        "municipality": "131016",
        "adapter": NAME,
        "config": core.config(),
        "idempotency": "native",
    }
    # The gateway has no such adapter: what it carries is sealed to it.
    footing = production({NATIVE: destination}, workers=())
    config = str(footing.worker_machine.config)
    old, new = (
        Program(
            worker,
            [*KAKEHASHI, "work", NATIVE, "--worker", worker, "--config", config],
            folder=footing.worker_machine.folder,
            env={**footing.worker_machine.env, "PYTHONPATH": str(packages[version])},
        )
        for worker, version in zip(WORKERS, (OLD, NEW), strict=True)
    )
    footing.start()
    footing.workers.update({"w-1": old, "w-2": new})

    async with footing.front() as front:
        old.start()
        await _versions_are(footing, {OLD})
        new.start()
        await _versions_are(footing, {OLD, NEW})
        both = await front.submit_all([DISASTER] * 20)
        await settled(footing.operator)
        code, _ = await asyncio.to_thread(old.stop)
        last = await front.submit_all([DISASTER] * 5)
        await settled(footing.operator)
    await core.stop()

    assert code == 0
    assert len(core.arrivals()) == len([*both, *last])
    assert footing.operator.states().keys() == {"delivered"}


async def _versions_are(footing: Production, wanted: set[str]) -> None:
    """Wait until the destination's workers say that they have these versions of the adapter."""
    async with asyncio.timeout(60):
        while True:
            show = footing.operator.ask
            shown = await asyncio.to_thread(show, "destination", "show", NATIVE)
            if {worker["adapter"] for worker in shown["workers"]} == {
                f"{NAME} {version}" for version in wanted
            }:
                return
            await asyncio.sleep(0.2)
