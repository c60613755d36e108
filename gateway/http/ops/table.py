"""Every route of the operations API: the router, the document and tests read this table.

A new operation of ``services.operate.by_name`` needs one row in ``routes``, with a model of
what it answers, or a line in ``NOT_OFFERED``.
"""

from collections.abc import Mapping
from typing import Final

from gateway.http.ops.route import Route
from gateway.http.ops.routes import (
    accounts,
    applications,
    attention,
    audit,
    clients,
    destinations,
    procedures,
    repairs,
    retention,
    standing,
)

ROUTES: Final[tuple[Route, ...]] = (
    *standing.ROUTES,
    *applications.ROUTES,
    *attention.ROUTES,
    *repairs.ROUTES,
    *destinations.ROUTES,
    *procedures.ROUTES,
    *clients.ROUTES,
    *audit.ROUTES,
    *accounts.ROUTES,
    *retention.ROUTES,
)

NOT_OFFERED: Final[Mapping[str, str]] = {
    "messages.list": "messages.search finds more, in pages",
    "journal.backup": "it writes where a path on the gateway's machine says: the socket only",
    "journal.doubt_restored": "no gateway runs when it is done",
}
"""Operation to why no route asks for it."""
