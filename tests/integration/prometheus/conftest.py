"""Debian's promtool, which ``make test`` puts into the virtual environment."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
PROMTOOL: Final = shutil.which(
    "promtool", path=os.pathsep.join((str(ROOT / ".venv" / "bin"), os.environ.get("PATH", "")))
)

Promtool = Callable[..., None]


@pytest.fixture
def promtool() -> Promtool:
    """Run promtool in the folder of the rules; it must find nothing wrong."""
    if PROMTOOL is None and not os.environ.get("CI"):
        pytest.skip("promtool is missing: tools/install_promtool.sh .venv/bin")

    def run(*arguments: str, given: bytes | None = None) -> None:
        assert PROMTOOL is not None, "promtool is missing: tools/install_promtool.sh .venv/bin"
        done = subprocess.run(
            [PROMTOOL, *arguments],
            input=given,
            capture_output=True,
            check=False,
            cwd=ROOT / "config" / "prometheus",
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode()

    return run
