"""Which pages the menu leads to, and for whom."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the menu.

    Attributes:
        path: Where it leads.
        word: ``site.nav.WORD``.
        operation: Whoever may not ask for it does not see the entry.
        also: Where else one still is in the same place.
    """

    path: str
    word: str
    operation: str
    also: tuple[str, ...] = ()

    def has(self, path: str) -> bool:
        """Tell whether a page belongs to this entry."""
        if self.path == "/":
            return path == "/"
        return any(path == each or path.startswith(f"{each}/") for each in (self.path, *self.also))


MENU: Final = (
    Place("/", "overview", "overview"),
    Place("/applications", "applications", "messages.list"),
    Place("/attention", "attention", "parked.groups", also=("/replays", "/approvals")),
    Place("/destinations", "destinations", "destination.list", also=("/adapters",)),
    Place("/workers", "workers", "overview"),
    Place("/procedures", "procedures", "overview"),
    Place("/audit", "audit", "audit.search"),
    Place("/keys", "keys", "client.list"),
    Place("/accounts", "accounts", "account.list"),
)
