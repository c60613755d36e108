"""Searches applications; how is told in ``finding`` and ``changes``."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from gateway.domain.identifiers import ApplicationId
from gateway.domain.search import FEW_SORTED, ApplicationFilter, span_of
from gateway.drivers.journal_sqlite.changes import changed_page
from gateway.drivers.journal_sqlite.finding import Search
from gateway.ports.applications import (
    PATIENCE_S,
    ApplicationCount,
    ApplicationPage,
    ChangedPage,
    LastChange,
)

T = TypeVar("T")


class SQLiteApplications(ABC):
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
        return await self._read(lambda c: Search(c, where, patience_s).page(span, limit))

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
        return await self._read(
            lambda c: changed_page(c, Search(c, where, patience_s, few), beyond, descending, limit)
        )

    async def count_applications(
        self, where: ApplicationFilter, *, at_most: int, patience_s: float = PATIENCE_S
    ) -> ApplicationCount:
        """Count."""
        span = span_of(where, descending=True, beyond=None)
        return await self._read(lambda c: Search(c, where, patience_s).count(span, at_most))

    @abstractmethod
    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T: ...
