"""Take a few of the sealed entries, and leave the rest unread."""

from collections.abc import AsyncGenerator

from gateway.ports.audit_log import AuditLog


async def read_sealed(log: AuditLog, first: int, *, count: int, max_bytes: int) -> list[bytes]:
    """Return the bytes of the entries from index ``first``.

    Args:
        log: Where they are.
        first: Index of the first.
        count: How many at most.
        max_bytes: No further one is read once they are so long together.
    """
    found: list[bytes] = []
    read_bytes = 0
    entries = log.sealed_entries(first=first)
    async for entry in entries:
        found.append(entry.data)
        read_bytes += len(entry.data)
        if len(found) >= count or read_bytes >= max_bytes:
            break
    if isinstance(entries, AsyncGenerator):
        await entries.aclose()
    return found
