"""Give API keys to front-end systems, and take them back."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import (
    ClientName,
)
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.authenticate import new_key
from gateway.services.operate.refusals import NotFoundError


class ClientKeys:
    """Makes, lists and revokes the keys of configured clients."""

    def __init__(
        self,
        *,
        journal: Journal,
        clients: frozenset[ClientName],
        clock: Clock,
        keys_changed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        ``keys_changed`` is awaited before a new or revoked client key is reported, so
        that it works at once in this process.
        """
        self._journal = journal
        self._clients = clients
        self._clock = clock
        self._keys_changed = keys_changed

    async def add(self, client: str, *, actor: Actor) -> dict[str, object]:
        """Make an API key for a configured client; the only time that it is shown.

        Raises:
            NotFoundError: The configuration knows no such client.
        """
        name = ClientName(client)
        if name not in self._clients:
            raise NotFoundError(f"the configuration has no client {client!r}")
        text, key = new_key(name, self._clock)
        await self._journal.add_client_key(
            key, self._key_entry(Action.CLIENT_KEY_ADDED, actor, key.id, client)
        )
        await self._tell_of_keys()
        return {"client": client, "id": key.id, "key": text}

    async def list(self) -> list[dict[str, object]]:
        """Return every key's public part and state."""
        return [
            {
                "client": key.client,
                "id": key.id,
                "created_at": key.created_at.isoformat(timespec="seconds"),
                "revoked_at": None
                if key.revoked_at is None
                else key.revoked_at.isoformat(timespec="seconds"),
            }
            for key in await self._journal.client_keys()
        ]

    async def revoke(self, key: str, *, actor: Actor) -> dict[str, object]:
        """Refuse a key from now on; other gateway processes follow within two seconds.

        Raises:
            NotFoundError: There is no such key that is not revoked.
        """
        entry = self._key_entry(Action.CLIENT_KEY_REVOKED, actor, key, None)
        if not await self._journal.revoke_client_key(key, self._clock.now(), entry):
            raise NotFoundError(f"no unrevoked key {key!r}")
        await self._tell_of_keys()
        return {"id": key, "revoked": True}

    async def _tell_of_keys(self) -> None:
        if self._keys_changed is not None:
            # It is done, and the key is shown only now: not a failure.
            with suppress(JournalUnavailableError):
                await self._keys_changed()

    def _key_entry(self, action: Action, actor: Actor, key: str, client: str | None) -> Entry:
        return Entry(
            action=action,
            at=self._clock.now(),
            actor=actor,
            facts={"key": key, "client": client},
        )
