"""What ``kakehashi demo`` prints where there is no terminal: in a pipe, in a log of a build."""

import re
import subprocess
from pathlib import Path

from rich.cells import cell_len

from tests.acceptance.harness.processes import KAKEHASHI, environment

WIDTH = 80


def test_the_demo_is_well_and_tells_it_in_80_columns_without_log_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        [*KAKEHASHI, "demo"],
        cwd=tmp_path,
        env=environment({"COLUMNS": str(WIDTH), "PYTHONUTF8": "1"}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=90,
        encoding="utf-8",
    )

    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert [line for line in lines if cell_len(line) > WIDTH] == []
    assert [line for line in lines if "application.accepted" in line] == []
    assert [line for line in lines if re.search(r"→ CH-2026-000001 .* …\S+\.csv$", line)]
    assert re.search(r"整理番号 .* \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d JST\)", done.stdout)
