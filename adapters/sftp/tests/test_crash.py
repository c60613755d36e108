import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.sftp.tests.victim import send
from gateway.testing.cores.sftp_server import POSIX_RENAME, Behaviour

VICTIM = Path(__file__).parent / "victim.py"
KEY = "0193453a-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("name", "nth"),
    [("write", 1), ("fsync", 1), ("fsync", 3), (POSIX_RENAME, 1), (POSIX_RENAME, 2)],
)
async def test_killed_in_the_middle_then_looked_up_and_sent_again_it_arrives_once(
    name: str, nth: int, core: Any, opened: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    config = {**core.config, "trigger_suffix": ".end"}
    victims: list[int] = []
    seen: list[str] = []

    def kill(request: str, _: int) -> None:
        seen.append(request)
        if victims and seen.count(name) == nth and request == name:
            os.kill(victims.pop(), signal.SIGKILL)

    core.core.behaviour.on_request = kill
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(VICTIM), KEY, json.dumps(config), str(folder)
    )
    victims.append(process.pid)
    status = await process.wait()
    core.core.behaviour = Behaviour()
    destination = await opened(trigger_suffix=".end")

    was_there = (core.core.drop / f"{KEY}.json.end").exists()
    found = await destination.lookup(KEY)
    await send(KEY, config, folder)

    names = [each for each, _ in core.core.arrivals]
    assert status == -signal.SIGKILL
    assert (found is not None) == was_there
    assert names.count(f"{KEY}.json.end") == 1
    assert core.delivered == [f"{KEY}.json", f"{KEY}.json.end"]
    whole = (core.core.drop / f"{KEY}.json").read_bytes()
    assert json.loads(whole)["content"] == {"remarks": "髙﨑" * 1000}
