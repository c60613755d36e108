"""A program that sends one application to an SFTP server, and is killed meanwhile."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.sftp import SFTPConfig, SFTPDestination
from gateway.sdk import Application, Context, Delivery


async def send(key: str, config: dict[str, object], folder: Path) -> None:
    """Send it once; the content is the same in every process."""
    destination = SFTPDestination(SFTPConfig.model_validate(config))
    await destination.open(Context(destination="x", municipality="131016", folder=folder))
    moment = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    application = Application(
        id="01934539-0000-7000-8000-000000000001",
        municipality="131016",
        procedure="childcare/allowance-claim",
        version=1,
        receipt_number="A-2026-000123",
        supersedes=None,
        submitted_at=moment,
        accepted_at=moment,
        applicant={},
        content={"remarks": "髙﨑" * 1000},
    )
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    await destination.send(application, Delivery(idempotency_key=key, attempt=1, deadline=deadline))


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])))
