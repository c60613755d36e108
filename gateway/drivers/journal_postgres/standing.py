"""Look at a journal's database without opening it as a journal: no name is taken, no migration."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres.compare_clocks import utc_now
from gateway.drivers.journal_postgres.connections import DATABASE_ERRORS, Access, dial, subject
from gateway.drivers.journal_postgres.schema import shipped
from gateway.ports.standing import JournalStanding

_NODE: Final = NodeName("doctor")
_TOLD: Final = """
SELECT current_setting('server_version') AS version, clock_timestamp() AS at,
       to_regclass('schema_migrations') IS NOT NULL AS is_used
"""
_SCHEMA: Final = "SELECT max(version) FROM schema_migrations"


async def look(
    url: str, *, timeout_s: float, now: Callable[[], datetime] = utc_now
) -> JournalStanding:
    """Return how the database stands.

    Args:
        url: ``postgresql://…``.
        timeout_s: Until it must have answered everything.
        now: What this machine's clock says.

    Raises:
        JournalUnavailableError: It did not answer, or cannot be written to.
        JournalUnusableError: The server may lose commits as it is set up.
    """
    try:
        async with asyncio.timeout(timeout_s):
            connection = await dial(Access(url, _NODE, timeout_s))
            try:
                before = now()
                (told,) = await connection.fetch(_TOLD)
                # It was told some time between: what the answer took is no difference.
                off = min(max(told["at"], before), now()) - told["at"]
                schema = await connection.fetchval(_SCHEMA) if told["is_used"] else None
            finally:
                connection.terminate()
    except DATABASE_ERRORS as error:
        raise JournalUnavailableError(subject(error)) from error
    version = str(told["version"])
    return JournalStanding(
        server=f"PostgreSQL {version.partition(' ')[0]}",
        major=int(version.partition(".")[0]),
        schema=schema,
        newest=shipped()[-1].version,
        clock_off_s=off.total_seconds(),
    )
