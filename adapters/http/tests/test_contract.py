from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from adapters.http import HTTPDestination
from gateway.testing.adapter_kit import FOR_EVER, AdapterContract, Arrived, Fault
from gateway.testing.cores.http_core import HTTPCore, Mode
from gateway.testing.cores.ledger import Ledger
from gateway.testing.cores.results_core import ResultsCore
from gateway.testing.proxy import ProxiedLine

MODES = {
    Fault.NONE: Mode.NORMAL,
    Fault.SLOW: Mode.SLOW,
    Fault.SILENT: Mode.SLOW,
    Fault.BUSY: Mode.THROTTLE,
    Fault.REFUSE: Mode.REFUSE,
    Fault.GARBLED: Mode.GARBLED,
    Fault.TRUNCATED: Mode.CUT_IN_ANSWER,
    Fault.EMPTY: Mode.EMPTY,
    Fault.CUT_AFTER: Mode.CUT_AFTER,
    Fault.BAD_CREDENTIALS: Mode.UNAUTHORISED,
}
TOKEN = "kogai-kinshi-2026"
AN_HOUR_S = 3600.0
IN_THE_HEADERS = 200


class HTTPPeer:
    """The simulated core system behind a line that can be cut."""

    absent: Mapping[Fault, str] = MappingProxyType({})
    refusal = ("E0012", "/content/claim_date")

    def __init__(
        self, core: HTTPCore, line: ProxiedLine, results: ResultsCore, results_port: int
    ) -> None:
        self._core = core
        self._results = results
        self._results_port = results_port
        self._line = line
        self.port = line.port

    def config(self) -> dict[str, object]:
        return self.config_through(self.port)

    def config_through(self, port: int) -> dict[str, object]:
        url = f"http://127.0.0.1:{port}"
        return {
            "url": f"{url}/applications",
            "health_url": f"{url}/health",
            "lookup_url": f"{url}/applications/{{key}}",
            "bearer_token": TOKEN,
            "reference_pointer": "/reference",
            "reference_required": True,
            "error_code_pointer": "/code",
            "error_field_pointer": "/field",
        }

    def config_that_tells(self) -> dict[str, object]:
        results = {
            "url": f"http://127.0.0.1:{self._results_port}/all",
            "key_pointer": "/key",
            "status_pointer": "/status",
            "decided_at_pointer": "/at",
            "poll_interval_s": 0.05,
        }
        return {**self.config(), "results": results}

    async def tell(self, key: str) -> None:
        status = {"key": key, "status": "受理", "at": "2026-11-20T10:00:00"}
        self._results.items.append(status)

    def secrets(self) -> list[str]:
        return [TOKEN]

    async def behave(self, fault: Fault, *, times: int = FOR_EVER, seconds: float = 0.0) -> None:
        self._line.heal()
        await self._line.accept()
        self._core.behave(Mode.NORMAL)
        if fault is Fault.REFUSING:
            await self._line.refuse()
        elif fault is Fault.CUT:
            self._line.cut_after(IN_THE_HEADERS)
        else:
            seconds = AN_HOUR_S if fault is Fault.SILENT else seconds
            self._core.behave(MODES[fault], times=times, seconds=seconds)

    def arrivals(self) -> list[Arrived]:
        return [
            Arrived(key=taken.key, data=taken.body, headers=taken.headers)
            for taken in self._core.taken
        ]

    def touched(self) -> int:
        return len(self._core.requests)

    def most_at_once(self) -> int:
        return self._core.most_at_once


class TestContract(AdapterContract):
    adapter = HTTPDestination
    samples = Path(__file__).parent.parent / "samples"

    @pytest.fixture
    async def peer(self, tmp_path: Path) -> AsyncIterator[HTTPPeer]:
        ledger = Ledger(tmp_path / "ledger.jsonl", synced=False)
        core = HTTPCore(ledger, keeps_bodies=True)
        line = await ProxiedLine.start(await core.start())
        results = ResultsCore()
        yield HTTPPeer(core, line, results, await results.start())
        await results.close()
        await line.close()
        await core.close()
        ledger.close()
