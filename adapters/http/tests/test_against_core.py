import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2

from adapters.http import HTTPDestination
from gateway.sdk import Application, Delivery
from gateway.testing.cores.ledger import arrivals_in, doubled_in

Open = Callable[..., Awaitable[HTTPDestination]]
KEYS = [f"0193453a-0000-7000-8000-{number:012}" for number in range(20)]


def a_process(log: Path, *options: str) -> tuple["subprocess.Popen[str]", str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.testing.cores.http_core", "--log", str(log), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, f"http://127.0.0.1:{int(process.stdout.readline())}"


def end(process: "subprocess.Popen[str]", *, killed: bool = False) -> None:
    if killed:
        process.kill()
    else:
        process.terminate()
    process.communicate()


async def test_what_a_killed_core_answered_is_in_its_ledger(
    opened: Open,
    application: Callable[..., Application],
    delivery: Callable[..., Delivery],
    tmp_path: Path,
) -> None:
    log = tmp_path / "ledger.jsonl"
    process, url = a_process(log)
    destination = await opened(url=f"{url}/applications", reference_pointer="/reference")
    sends = (destination.send(application(), delivery(idempotency_key=key)) for key in KEYS)
    receipts = await asyncio.gather(*sends)
    end(process, killed=True)
    with log.open("ab") as file:
        file.write(b'{"key": "cut o')
    process, url = a_process(log)
    again = await opened(url=f"{url}/applications", reference_pointer="/reference")

    receipt = await again.send(application(), delivery(idempotency_key=KEYS[3]))

    assert receipt == receipts[3]
    end(process)
    assert process.returncode == 0
    assert sorted(arrival.key for arrival in arrivals_in(log)) == KEYS
    assert {arrival.reference for arrival in arrivals_in(log)} == {r.reference for r in receipts}


async def test_a_core_that_does_not_deduplicate_counts_doubles(
    opened: Open,
    application: Callable[..., Application],
    delivery: Callable[..., Delivery],
    tmp_path: Path,
) -> None:
    log = tmp_path / "ledger.jsonl"
    process, url = a_process(log, "--no-dedup")
    destination = await opened(url=f"{url}/applications")

    for key in (*KEYS[:3], KEYS[1]):
        await destination.send(application(), delivery(idempotency_key=key))
    async with httpx2.AsyncClient(base_url=url) as client:
        stats = (await client.get("/stats")).json()
        told = await client.post("/behaviour", json={"mode": "refuse", "times": 1})

    end(process)
    assert stats == {"arrived": 4, "distinct": 3, "doubled": 1}
    assert told.status_code == 204
    assert doubled_in(arrivals_in(log)) == (KEYS[1],)
