"""From the command ``kakehashi up`` in an empty folder to the first 202."""

import http.client
import json
import shlex
import time
from pathlib import Path

from benchmarks.processes import FailedError, Process
from benchmarks.systems import KAKEHASHI

_ACCEPTED = 202


def seconds_to_first_202(folder: Path) -> float:
    """Start it with embedded defaults, send what its ``curl`` line sends, stop it."""
    folder.mkdir()
    began = time.perf_counter()
    command = (KAKEHASHI, "up", "--json", "--port", "0", "--operations-port", "0")
    up = Process("up", command, folder=folder, core=None)
    try:
        words = shlex.split(json.loads(up.first_line())["curl"])
        url = next(word for word in words if word.startswith("http"))
        headers = dict(
            words[index + 1].split(": ", 1) for index, word in enumerate(words) if word == "-H"
        )
        body = words[words.index("-d") + 1].encode()
        address, _, path = url.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(address, timeout=10)
        connection.request("POST", f"/{path}", body, headers)
        status = connection.getresponse().status
        seconds = time.perf_counter() - began
        connection.close()
    finally:
        up.stop()
    if status != _ACCEPTED:
        raise FailedError(f"up answered {status}")
    return seconds
