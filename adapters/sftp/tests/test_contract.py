from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from adapters.sftp import SFTPDestination
from gateway.testing.adapter_kit import FOR_EVER, AdapterContract, Arrived, Fault
from gateway.testing.cores.sftp_server import POSIX_RENAME, USERNAME, Behaviour, SFTPServer
from gateway.testing.proxy import ProxiedLine

PASSWORD = "kogai-kinshi-2026"
KEY_LENGTH = 36


ABSENT: Mapping[Fault, str] = MappingProxyType(
    {
        Fault.BUSY: "SFTP has no answer that says when to come back",
        Fault.REFUSE: "a server that stores files does not judge what is in them",
        Fault.GARBLED: "answers are authenticated, a changed one ends the line (RFC 4253, 6.4)",
        Fault.TRUNCATED: "a packet that ends too soon is a connection that was cut",
        Fault.EMPTY: "an SFTP answer is never empty",
    }
)


class SFTPPeer:
    """A real SFTP server behind a line that can be cut."""

    absent = ABSENT
    refusal = ("sftp.name_taken", None)

    def __init__(self, core: SFTPServer, line: ProxiedLine) -> None:
        self._core = core
        self._line = line
        self.port = line.port

    def config(self) -> dict[str, object]:
        return self.config_through(self.port)

    def config_through(self, port: int) -> dict[str, object]:
        return {
            "host": "127.0.0.1",
            "port": port,
            "host_keys": [self._core.host_key],
            "username": USERNAME,
            "password": PASSWORD,
            "folder": "/drop",
            "min_free_mib": 0,
            "close_timeout_s": 1.0,
        }

    def config_that_tells(self) -> dict[str, object]:
        results = {"folder": "/results", "settle_s": 0, "poll_interval_s": 0.01}
        return {**self.config(), "results": [results]}

    async def tell(self, key: str) -> None:
        content = f"key,status,decided_at\r\n{key},受理,2026-11-20T10:00:00\r\n"
        path = self._core.root / "results" / f"KEKKA_{key}.csv"
        path.write_bytes(content.encode("cp932"))

    def secrets(self) -> list[str]:
        return [PASSWORD]

    async def behave(self, fault: Fault, *, times: int = FOR_EVER, seconds: float = 0.0) -> None:
        await self._line.accept()
        behaviour = self._core.behaviour = Behaviour()
        match fault:
            case Fault.SLOW:
                behaviour.silent_at, behaviour.silent_s = POSIX_RENAME, seconds
            case Fault.SILENT:
                behaviour.silent_at = POSIX_RENAME
            case Fault.REFUSING:
                await self._line.refuse()
            case Fault.CUT:
                behaviour.cut_on, behaviour.cut_times = "write", times
            case Fault.CUT_AFTER:
                behaviour.cut_on, behaviour.cut_times = POSIX_RENAME, times
                behaviour.cut_after = True
            case Fault.BAD_CREDENTIALS:
                behaviour.accepts = False
                self._line.sever()
            case _:
                pass

    def arrivals(self) -> list[Arrived]:
        return [
            Arrived(key=name[:KEY_LENGTH], data=content) for name, content in self._core.arrivals
        ]

    def touched(self) -> int:
        return sum(path.is_file() for path in self._core.root.rglob("*"))

    def most_at_once(self) -> int:
        return self._core.most_at_once


class TestContract(AdapterContract):
    adapter = SFTPDestination
    samples = Path(__file__).parent.parent / "samples"
    text_pointer = "/content/insured/name/family"

    @pytest.fixture
    async def peer(self, tmp_path: Path) -> AsyncIterator[SFTPPeer]:
        core = SFTPServer(tmp_path / "root", password=PASSWORD)
        line = await ProxiedLine.start(await core.start())
        yield SFTPPeer(core, line)
        await line.close()
        await core.close()
