"""How the sealed log stands now: what is public of it, for whoever keeps a copy elsewhere."""

from typing import Any

from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.log_keys import ShowLogKeys


class ShowLogStanding:
    """Tells the head, its checkpoint and its keys. Nothing of it says what anybody did."""

    def __init__(self, *, journal: Journal, keys: ShowLogKeys, clock: Clock) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._keys = keys
        self._clock = clock

    async def __call__(self) -> dict[str, Any]:
        """Return the log as it was last sealed.

        Returns:
            ``size``, ``unsealed``, ``root`` (hexadecimal), ``sealed_at``, ``seal_age_s``,
            ``checkpoint`` (signed note), ``origin`` and ``keys`` (as ``audit.key``). Before the
            first seal ``size`` is 0, ``keys`` empty, and the others ``None``.

        Raises:
            KeyNotFoundError: The log has no key here.
        """
        head, unsealed = await self._journal.log_head(), await self._journal.unsealed()
        if head is None:
            unknown = ("root", "sealed_at", "seal_age_s", "checkpoint", "origin")
            return {**dict.fromkeys(unknown), "size": 0, "unsealed": unsealed, "keys": []}
        age_s = (self._clock.now() - head.sealed_at).total_seconds()
        return {
            "size": head.size,
            "unsealed": unsealed,
            "root": head.root.hex(),
            "sealed_at": head.sealed_at.isoformat(timespec="seconds"),
            "seal_age_s": max(0.0, age_s),
            "checkpoint": head.checkpoint,
            **await self._keys(),
        }
