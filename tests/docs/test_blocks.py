"""What the pages show as runnable is run: fenced blocks whose info string ends in ``run``.

    ```bash run

runs the block with ``bash -euo pipefail`` in an empty folder, with the commands of the
virtual environment on the path; ``python run`` runs it with its interpreter. A block
passes when it exits with 0. Blocks do not see what others left behind.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("adapters/*/*.md")])
BLOCK = re.compile(r"^```(bash|python) run\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INTERPRETERS = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
TIMEOUT_S = 90


def blocks(page: Path) -> Iterator[object]:
    """Yield language and code of each runnable block, named by its page and line."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield pytest.param(match[1], match[2], id=f"{page.relative_to(ROOT)}:{line}")


def run(language: str, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    commands = Path(sys.executable).parent
    environment = {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PROJECT": str(ROOT),
        # A plugin that takes as long to import as all others, and that authors of adapters lack.
        "PYTEST_ADDOPTS": "-p no:schemathesis",
    }
    return subprocess.run(
        [*INTERPRETERS[language], code],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT_S,
    )


@pytest.mark.parametrize(("language", "code"), [found for page in PAGES for found in blocks(page)])
def test_a_block_marked_runnable_runs(language: str, code: str, tmp_path: Path) -> None:
    done = run(language, code, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_block_that_fails_in_the_middle_is_noticed(tmp_path: Path) -> None:
    assert run("bash", "false\ntrue", tmp_path).returncode != 0


def test_a_marked_block_is_found_and_an_unmarked_one_is_not() -> None:
    page = "```bash\nrm -rf /\n```\n\n```bash run\necho yes\n```\n"

    assert [match[2] for match in BLOCK.finditer(page)] == ["echo yes\n"]
