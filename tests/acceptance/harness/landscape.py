"""The core systems of one municipality, one for each answer to "do you deduplicate?"."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.acceptance.harness.applications import CARE, CHILDCARE, DISASTER, MUNICIPALITY
from tests.acceptance.harness.cores import FileSink, HTTPSink, Sink

FILE: Final = "jido-teate"
"""A drop folder; idempotency ``lookup``."""
ASKED: Final = "kiroku"
"""HTTP, takes a repeated key again, but can be asked what it has: ``lookup``."""
CARELESS: Final = "kaigo"
"""HTTP, takes a repeated key again and cannot be asked: ``none``."""
NATIVE: Final = "bosai"
"""HTTP, answers a repeated key as before: ``native``."""

DESTINATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    CHILDCARE: (FILE, ASKED),
    CARE: (CARELESS,),
    DISASTER: (NATIVE,),
}
"""Where each procedure goes."""

RETRY: Final = {"base_s": 0.2, "cap_s": 2.0}


@dataclass
class Landscape:
    """The four core systems, running."""

    sinks: dict[str, Sink]

    @classmethod
    def start(cls, folder: Path) -> "Landscape":
        """Start them all."""
        return cls(
            {
                FILE: FileSink(folder, FILE),
                ASKED: HTTPSink(folder, ASKED, careless=True),
                CARELESS: HTTPSink(folder, CARELESS, careless=True),
                NATIVE: HTTPSink(folder, NATIVE, careless=False),
            }
        )

    def stop(self) -> None:
        """End them all."""
        for sink in self.sinks.values():
            sink.program.kill()

    def slow_down(self, seconds: float) -> None:
        """Let this long pass between an effect and its answer, so that kills land there."""
        for sink in self.sinks.values():
            if isinstance(sink, HTTPSink):
                sink.behave("slow", seconds=seconds)

    def go_down(self) -> None:
        """Answer 503 from now on, without any effect; the drop folder knows no such thing."""
        for sink in self.sinks.values():
            if isinstance(sink, HTTPSink):
                sink.behave("down")

    def destinations(self) -> dict[str, Any]:
        """Return the section ``destinations`` of a configuration."""
        file = self.sinks[FILE]
        assert isinstance(file, FileSink)
        return {
            FILE: {
                "municipality": MUNICIPALITY,
                "adapter": "file",
                "idempotency": "lookup",
                "retry": RETRY,
                "config": {"folder": str(file.drop)},
            },
            # What was sent by a worker that is dead now may still be on its way for a while.
            ASKED: self._http(ASKED, "lookup", {"settle_s": 6.0, "send_timeout_s": 5.0}),
            CARELESS: self._http(CARELESS, "none", {}),
            NATIVE: self._http(NATIVE, "native", {}),
        }

    def _http(self, name: str, idempotency: str, more: dict[str, Any]) -> dict[str, Any]:
        sink = self.sinks[name]
        assert isinstance(sink, HTTPSink)
        config = {
            "url": f"{sink.url}/applications",
            "health_url": f"{sink.url}/health",
            "reference_pointer": "/reference",
            "reference_required": True,
            # These core systems say 503 themselves, without any effect.
            "status_meanings": {503: "unavailable"},
        }
        if idempotency == "lookup":
            config["lookup_url"] = f"{sink.url}/applications/{{key}}"
        return {
            "municipality": MUNICIPALITY,
            "adapter": "http",
            "idempotency": idempotency,
            "retry": RETRY,
            "config": config,
            **more,
        }


def tenant(destinations: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a gateway's configuration says of municipality, client and routes."""
    routes = [
        {
            "municipality": MUNICIPALITY,
            "procedure": procedure,
            "to": [name for name in names if name in destinations],
        }
        for procedure, names in DESTINATIONS.items()
    ]
    return {
        "municipalities": {MUNICIPALITY: {"name": "千代田区"}},
        "clients": {"portal": {"municipalities": [MUNICIPALITY], "procedures": ["*"]}},
        "destinations": dict(destinations),
        "routes": [route for route in routes if route["to"]],
    }
