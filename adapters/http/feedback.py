"""Asks the results' address again and again, and goes on where it was after a crash."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import structlog

from adapters.http.answer import Answer, retry_after_s
from adapters.http.client import HTTPClient
from adapters.http.cursor import Cursor, Position
from adapters.http.results import News, Page, PageError, Result, news_of, read_page
from adapters.http.results_config import ResultsConfig
from gateway.sdk import Feedback, TransientError

_POSITION_LOST: Final = frozenset({400, 404, 410})
"""What servers answer to a cursor that they no longer know."""

_LONGEST_WAIT_S: Final = 3600.0

_TOLD_PLACES: Final = 10

log = structlog.get_logger()


class ResultsReader:
    """Reads one list of results. For one task."""

    def __init__(self, config: ResultsConfig, client: HTTPClient, cursor: Cursor) -> None:
        """Keep what it works with; asks for nothing."""
        self._config = config
        self._client = client
        self._cursor = cursor
        self._position = Position()
        self._reported: set[str] = set()
        self._met: set[str] = set()

    async def feedback(self) -> AsyncGenerator[Feedback, None]:
        """Yield what is new, poll for poll; a page is noted when all of it is durable.

        Raises:
            TransientError: A page cannot be read now; what was yielded is known.
        """
        self._begin(await asyncio.to_thread(self._cursor.load))
        while True:
            url: str | None = self._position.page or str(self._config.url)
            pages: list[str] = []
            self._met = set()
            while url is not None:
                page = await self._page(url, is_first=not pages)
                if page is None:
                    # Known again from its first page on, with the ids that everything had.
                    self._begin(Position())
                    url = str(self._config.url)
                    continue
                news = await asyncio.to_thread(news_of, page, self._reported)
                for item in news.feedback:
                    yield item
                _tell_faults(news.unusable)
                pages.append(url)
                url = self._after(page, news, pages)
                try:
                    await asyncio.to_thread(self._note, pages[-1], page, news, is_last=url is None)
                except OSError as error:
                    raise TransientError("http.cursor_not_written") from error
            await asyncio.sleep(self._config.poll_interval_s)

    def _begin(self, position: Position) -> None:
        self._position = position
        self._reported = set(position.reported)

    def _after(self, page: Page, news: News, pages: list[str]) -> str | None:
        """Return the next page of this poll."""
        if page.next_url in pages:
            log.warning("http.results_in_a_circle")
            return None
        most = self._config.max_results if self._config.resume == "first_page" else None
        is_full = most is not None and len(self._met) + len(news.ids) >= most
        if page.next_url is not None and (is_full or len(pages) >= self._config.max_pages):
            log.warning("http.results_cut_short", pages=len(pages))
            return None
        return page.next_url

    def _note(self, url: str, page: Page, news: News, *, is_last: bool) -> None:
        """Write down how far it came, if that has changed. Blocking.

        Raises:
            OSError: It could not be written; what was known still is.
        """
        if self._config.resume == "last_page":
            position = Position(url, news.ids)
            if page.next_url is not None and is_last and url != page.next_url:
                # Cut short: all of this page is done, the later poll goes on behind it.
                position = Position(page.next_url)
            if position != self._position:
                self._cursor.save(position)
                self._begin(position)
            return
        self._met |= news.ids
        fresh = news.ids - self._reported
        if fresh:
            self._cursor.add(fresh, self._reported)
            self._reported |= fresh
        if is_last and len(self._met) < len(self._reported):
            # What the list no longer has is forgotten with the poll that did not meet it.
            self._cursor.save(Position(None, frozenset(self._met)))
            self._reported = set(self._met)

    async def _page(self, url: str, *, is_first: bool) -> Page | None:
        """Return a page, as often as it must be waited for.

        Args:
            url: Of the page.
            is_first: Whether the poll begins with it.

        Returns:
            ``None`` if the poll began with a page that is not there any more.

        Raises:
            TransientError: It cannot be had.
        """
        times = 0
        while True:
            times += 1
            answer = await self._client.get(url, most_bytes=self._config.max_page_bytes)
            wait_s = asked_wait_s(answer, datetime.now(UTC), times=times)
            if wait_s is not None:
                log.info("http.results_throttled", wait_s=wait_s)
                await asyncio.sleep(wait_s)
                continue
            if answer.status // 100 == 2:  # noqa: PLR2004 - successful (RFC 9110, 15.3)
                return await self._read(answer, url)
            is_resumed = is_first and url != str(self._config.url)
            if is_resumed and answer.status in _POSITION_LOST:
                log.warning("http.results_position_lost", status=answer.status)
                return None
            raise TransientError(f"http.results_{answer.status}")

    async def _read(self, answer: Answer, url: str) -> Page:
        try:
            return await asyncio.to_thread(partial(read_page, answer, url, self._config))
        except PageError as error:
            raise TransientError(str(error)) from error


def asked_wait_s(answer: Answer, now: datetime, *, times: int) -> float | None:
    """Return how long to wait before a page is asked for again, in seconds.

    At least a second, twice as long each time: "come back at once" (0, or a time that is past by
    our clock) would otherwise keep both sides busy with nothing else. At most an hour.

    Args:
        answer: To the last request.
        now: Aware.
        times: How often it was asked for in vain, this time included.

    Returns:
        ``None`` if it does not say that it shall be asked for again.
    """
    asked_s = retry_after_s(answer.retry_after, now) if answer.status in {429, 503} else None
    if asked_s is None:
        return None
    return min(max(asked_s, 2.0 ** min(times - 1, 12)), _LONGEST_WAIT_S)


def _tell_faults(unusable: Sequence[Result]) -> None:
    """Say it in one line for a page: whoever sends thousands of them fills no disk of ours."""
    if unusable:
        log.warning(
            "http.results_unusable",
            count=len(unusable),
            places=[each.place for each in unusable[:_TOLD_PLACES]],
            faults=sorted({each.fault for each in unusable if each.fault is not None}),
        )
