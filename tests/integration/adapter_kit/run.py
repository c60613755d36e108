"""Runs all checks on one adapter without pytest around them: an adapter takes a second."""

import inspect
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.sdk import Destination
from gateway.testing.adapter_kit import AdapterContract
from gateway.testing.adapter_kit.contract import FIRST_CHECK, checks
from tests.integration.adapter_kit.line.peer import LinePeer

LINE = Path(__file__).parent / "line"


class LineContract(AdapterContract):
    """Every adapter here has the line adapter's manifest and samples."""

    samples = LINE / "samples"
    deadline_s = 0.1

    @classmethod
    def home(cls) -> Path:
        return LINE


def contract_of(destination: type[Destination]) -> type[AdapterContract]:
    deadline_s = getattr(destination, "deadline_s", LineContract.deadline_s)
    return type("Contract", (LineContract,), {"adapter": destination, "deadline_s": deadline_s})


async def failures(contract: type[AdapterContract]) -> dict[str, str]:
    """Return the names of the checks that fail, and what they say."""
    found: dict[str, str] = {}
    for name in sorted(checks(), key=lambda name: name != FIRST_CHECK):
        if FIRST_CHECK in found:
            break
        with TemporaryDirectory() as folder:
            async with LinePeer.running() as peer:
                bench = contract.bench_with(peer, Path(folder) / "own")
                with bench.watch.watching():
                    try:
                        result = getattr(contract(), f"test_{name}")(bench)
                        if inspect.isawaitable(result):
                            await result
                    except pytest.fail.Exception as failure:
                        found[name] = str(failure)
                    except Exception as error:  # noqa: BLE001 - a check must not raise this
                        found[name] = f"raised {error!r}"
    return found
