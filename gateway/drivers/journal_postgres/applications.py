"""Searches applications; how is told in ``finding`` and ``changes``."""

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeVar

from asyncpg import Connection

from gateway.domain.identifiers import ApplicationId
from gateway.domain.search import FEW_SORTED, ApplicationFilter, span_of
from gateway.drivers.journal_postgres import reading
from gateway.drivers.journal_postgres.changes import changed_page
from gateway.drivers.journal_postgres.finding import begin
from gateway.ports.applications import (
    PATIENCE_S,
    ApplicationCount,
    ApplicationPage,
    ChangedPage,
    LastChange,
)

T = TypeVar("T")


class PostgresApplications(ABC):
    """What the journal does as a place to search; how it reads, the driver says."""

    async def find_applications(
        self,
        where: ApplicationFilter,
        *,
        beyond: ApplicationId | None = None,
        descending: bool = True,
        limit: int = 50,
        patience_s: float = PATIENCE_S,
    ) -> ApplicationPage:
        """Return a page."""
        span = span_of(where, descending=descending, beyond=beyond)

        async def page(connection: Connection) -> ApplicationPage:
            until = time.monotonic() + patience_s
            found, reached = await (await begin(connection, where)).ids(span, limit, until)
            dossiers = await reading.dossiers_of(connection, found)
            return ApplicationPage(
                dossiers=tuple(dossiers if descending else reversed(dossiers)),
                reached=None if reached is None else ApplicationId(reached),
            )

        return await self._read(page)

    async def find_changed_applications(
        self,
        where: ApplicationFilter,
        *,
        beyond: LastChange | None = None,
        descending: bool = True,
        limit: int = 50,
        patience_s: float = PATIENCE_S,
        few: int = FEW_SORTED,
    ) -> ChangedPage:
        """Return a page."""

        async def page(connection: Connection) -> ChangedPage:
            until = time.monotonic() + patience_s
            search = await begin(connection, where, few)
            return await changed_page(search, beyond, descending, limit, until)

        return await self._read(page)

    async def count_applications(
        self, where: ApplicationFilter, *, at_most: int, patience_s: float = PATIENCE_S
    ) -> ApplicationCount:
        """Count."""
        span = span_of(where, descending=True, beyond=None)

        async def count(connection: Connection) -> ApplicationCount:
            until = time.monotonic() + patience_s
            found, reached = await (await begin(connection, where)).ids(span, at_most, until)
            return ApplicationCount(len(found), is_all=reached is None)

        return await self._read(count)

    @abstractmethod
    async def _read(self, query: Callable[[Connection], Awaitable[T]]) -> T: ...
