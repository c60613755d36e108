"""The three simulated core systems: a drop folder, an HTTP service, an SFTP server."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.testing.cores.file_core import FileCore, FileCoreSettings
from gateway.testing.cores.http_core import HTTPCore
from gateway.testing.cores.ledger import Ledger
from gateway.testing.cores.sftp_core import SFTPTaker
from gateway.testing.cores.sftp_server import SFTPServer

TAKES: Final = {
    "jido-teate": "CP932 CSV from a folder",
    "kaigo": "JSON over HTTP",
    "bosai": "CP932 CSV over SFTP",
}
"""Destination to what its core system takes."""
GIVE_RESULTS: Final = frozenset({"jido-teate", "bosai"})
"""The destinations whose core systems write result files."""
_LOOK_S: Final = 0.1
_DECIDES_AFTER_S: Final = 0.5


class Cores:
    """All of them, in this process, on loopback."""

    def __init__(self, home: Path) -> None:
        """Put their folders below ``home``."""
        folder, ssh = home / "jido-teate", home / "bosai"
        self._file = FileCore(
            FileCoreSettings(
                drop=folder / "drop",
                taken=folder / "taken",
                results=folder / "results",
                decides_after_s=_DECIDES_AFTER_S,
            ),
            Ledger(folder / "arrivals.jsonl"),
        )
        self._http = HTTPCore(Ledger(home / "kaigo" / "arrivals.jsonl"))
        self._password = secrets.token_urlsafe()
        self._server = SFTPServer(ssh / "server", password=self._password)
        self._taker = SFTPTaker(
            self._server,
            Ledger(ssh / "arrivals.jsonl"),
            ssh / "taken",
            decides_after_s=_DECIDES_AFTER_S,
        )

    async def start(self) -> Mapping[str, str]:
        """Listen; return what the configuration has to be told of them."""
        return {
            "core": f"http://127.0.0.1:{await self._http.start()}",
            "sftp_port": str(await self._server.start()),
            "sftp_host_key": self._server.host_key,
            "sftp_password": self._password,
        }

    async def run(self) -> None:
        """Take files and write results until cancelled."""
        while True:
            await asyncio.to_thread(self._file.step)
            await asyncio.to_thread(self._taker.step)
            await asyncio.sleep(_LOOK_S)

    async def close(self) -> None:
        """Listen no more."""
        await self._http.close()
        await self._server.close()

    def arrived(self) -> Counter[str]:
        """Return how often each key arrived, wherever it did."""
        ledgers = (self._file.ledger, self._http.ledger, self._taker.files.ledger)
        return Counter(arrival.key for ledger in ledgers for arrival in ledger.arrivals)

    def first_record(self) -> Mapping[str, object] | None:
        """Return the first CSV record of the drop folder as its reader sees it."""
        first = next(iter(self._file.ledger.arrivals), None)
        return None if first is None else self._file.records[first.key]
