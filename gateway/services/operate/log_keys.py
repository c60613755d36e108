"""By which keys outsiders verify the log."""

from collections.abc import Callable

from gateway.audit import checkpoint as checkpoints
from gateway.audit import note
from gateway.audit.sealing import Signing
from gateway.ports.audit_log import AuditLog
from gateway.services.operate.refusals import NotFoundError


class ShowLogKeys:
    """Tells the log's origin and its verifier keys; both are public."""

    def __init__(self, *, journal: AuditLog, signing: Callable[[], Signing]) -> None:
        """Keep what it works with; the keys are read when they are asked for."""
        self._log = journal
        self._signing = signing

    async def __call__(self) -> dict[str, object]:
        """Return ``origin``, and ``keys``: ``name``, ``vkey``, and whether it ``signs`` now.

        Raises:
            KeyNotFoundError: The log has no key here.
            NotFoundError: The log was never sealed, so it has no origin yet.
        """
        head = await self._log.log_head()
        if head is None:
            raise NotFoundError("the log was never sealed; start a gateway")
        origin = checkpoints.parse(note.parse(head.checkpoint.encode()).text).origin
        signing = self._signing()
        keys = signing.keys(origin)
        return {
            "origin": origin,
            "keys": [
                {"name": name, "vkey": key.vkey(), "signs": key == keys[-1]}
                for name, key in zip(signing.names, keys, strict=True)
            ],
        }
