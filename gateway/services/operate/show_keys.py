"""Which keys this gateway has, and what front ends may do: public parts only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.audit.verify import read
from gateway.domain.entry import Action, ActorKind
from gateway.domain.identifiers import ClientName
from gateway.ports.audit_log import EntryFilter
from gateway.ports.journal import Journal
from gateway.services.routing import Grant

_MOST: Final = 500
"""So many entries of keys that were made are looked at, the latest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """One name of the key store.

    Attributes:
        name: As ``gateway/signing``.
        kind: What it is for: ``sign``, ``seal`` or ``secret``; ``None`` if it cannot be read.
        thumbprint: RFC 7638, or ``None`` if it cannot be read.
        private: Whether its private half is here.
        used: Whether the configuration, or this gateway itself, uses it now.
    """

    name: str
    kind: str | None
    thumbprint: str | None
    private: bool
    used: bool


class ShowKeys:
    """Lists key pairs by name, and the clients' grants."""

    def __init__(
        self,
        *,
        journal: Journal,
        known: Callable[[], Sequence[KnownKey]],
        grants: Mapping[ClientName, Grant],
        endpoints: frozenset[ClientName],
    ) -> None:
        """Keep what it works with.

        Args:
            journal: Where the log is: it says when keys were seen first.
            known: Reads the key store; asked each time.
            grants: What clients may send, as configured.
            endpoints: Clients that are told of feedback.
        """
        self._journal = journal
        self._known = known
        self._grants = grants
        self._endpoints = endpoints

    async def keys(self) -> list[dict[str, Any]]:
        """Return every key's public part.

        Returns:
            ``name``, ``kind``, ``thumbprint``, ``private``, ``state`` (``in_use``, ``kept``: for
            what it signed before, or ``unreadable``), ``first_seen_at`` (when a gateway had it
            first, as far as the log tells) and ``expires_at``: ``None``, keys do not expire by
            themselves.
        """
        found = await self._journal.find_entries(
            EntryFilter(actions=frozenset({Action.KEY_MADE})), limit=_MOST
        )
        seen: dict[tuple[object, object], str] = {}
        for each in found:
            try:
                entry: Mapping[str, Any] = read(each.entry.data)
            except ValueError:
                continue
            # The latest come first, so that the first time is what stands in the end.
            facts = entry["facts"]
            seen[facts.get("key"), facts.get("kid")] = entry["at"]
        return [
            {
                "name": key.name,
                "kind": key.kind,
                "thumbprint": key.thumbprint,
                "private": key.private,
                "state": _state(key),
                "first_seen_at": seen.get((key.name, key.thumbprint)),
                "expires_at": None,
            }
            for key in self._known()
        ]

    async def grants(self) -> list[dict[str, Any]]:
        """Return what each configured client may do.

        Returns:
            ``client``, ``municipalities``, ``procedures`` (names or patterns), ``webhook``
            (whether it has an endpoint) and ``last_accepted_at``: its latest acceptance.
        """
        return [
            {
                "client": name,
                "municipalities": sorted(grant.municipalities),
                "procedures": list(grant.procedures),
                "webhook": name in self._endpoints,
                "last_accepted_at": await self._last_accepted(name),
            }
            for name, grant in sorted(self._grants.items())
        ]

    async def _last_accepted(self, client: ClientName) -> str | None:
        where = EntryFilter(
            actions=frozenset({Action.APPLICATION_ACCEPTED}),
            actor=client,
            actor_kind=ActorKind.CLIENT,
        )
        found = await self._journal.find_entries(where, limit=1)
        try:
            return str(read(found[0].entry.data)["at"]) if found else None
        except ValueError:
            return None


def _state(key: KnownKey) -> str:
    if key.thumbprint is None:
        return "unreadable"
    return "in_use" if key.used else "kept"
