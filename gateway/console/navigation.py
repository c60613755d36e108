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
    """

    path: str
    word: str
    operation: str


MENU: Final = (
    Place("/", "overview", "overview"),
    Place("/applications", "applications", "messages.list"),
    Place("/attention", "attention", "parked.groups"),
    Place("/destinations", "destinations", "destination.list"),
    Place("/workers", "workers", "overview"),
    Place("/procedures", "procedures", "overview"),
    Place("/audit", "audit", "audit.search"),
    Place("/keys", "keys", "client.list"),
    Place("/accounts", "accounts", "account.list"),
)
