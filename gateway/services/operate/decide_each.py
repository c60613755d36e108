"""Decide several deliveries in one go: each by itself, each told by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.domain.entry import Actor
from gateway.domain.errors import KakehashiError
from gateway.services.operate.decide import Decide
from gateway.services.operate.refusals import OperationError, printable

MOST: Final = 500
"""Deliveries at once; more are for an order (``replay.order``) or for several goes."""
_AT_ONCE: Final = 50
"""Decided together, so that they share commits."""


class DecideEach:
    """Replays, confirms or cancels those that were chosen; each has its audit entry."""

    def __init__(self, decide: Decide) -> None:
        """Take what decides one."""
        self._decide = decide

    async def replay(
        self, deliveries: tuple[str, ...], *, actor: Actor, reason: str
    ) -> dict[str, object]:
        """Begin a new attempt of each (``Decide.replay``).

        Returns:
            ``done``, how many; ``results``, one for each delivery: whether it was ``done``, or
            the ``code`` and ``detail`` of why it was not.

        Raises:
            OperationError: There are none, or more than 500, or no reason.
        """
        return await self._each(
            deliveries,
            reason,
            lambda one: self._decide.replay(one, actor=actor, reason=reason),
        )

    async def confirm(
        self, deliveries: tuple[str, ...], *, actor: Actor, reason: str
    ) -> dict[str, object]:
        """Record that a person found each in the core system; as ``replay`` answers."""
        return await self._each(
            deliveries,
            reason,
            lambda one: self._decide.confirm(one, actor=actor, reason=reason),
        )

    async def cancel(
        self, deliveries: tuple[str, ...], *, actor: Actor, reason: str
    ) -> dict[str, object]:
        """Take each back; as ``replay`` answers."""
        return await self._each(
            deliveries,
            reason,
            lambda one: self._decide.cancel(one, actor=actor, reason=reason),
        )

    async def _each(
        self,
        deliveries: tuple[str, ...],
        reason: str,
        decide: Callable[[str], Awaitable[object]],
    ) -> dict[str, object]:
        printable(reason, "reason")
        chosen = tuple(dict.fromkeys(deliveries))
        if not 0 < len(chosen) <= MOST:
            raise OperationError(f"choose 1 to {MOST} deliveries; {len(chosen)} were chosen")
        results: list[dict[str, object]] = []
        for start in range(0, len(chosen), _AT_ONCE):
            part = chosen[start : start + _AT_ONCE]
            results += await asyncio.gather(*(_result(one, decide) for one in part))
        return {"done": sum(bool(one["done"]) for one in results), "results": results}


async def _result(delivery: str, decide: Callable[[str], Awaitable[object]]) -> dict[str, object]:
    try:
        await decide(delivery)
    except KakehashiError as error:
        return {"delivery": delivery, "done": False, "code": error.code, "detail": str(error)}
    return {"delivery": delivery, "done": True, "code": None, "detail": None}
