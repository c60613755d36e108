"""A walk over the pages of a journal with many applications: are they what they should be?

A test takes it over thousands, and ``python -m benchmarks console`` over a million, where each
page must be there in time as well.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Page

from tests.browser.window import OVERFLOW, Window

PAGE: Final = 50
GROUP_PAGE: Final = 100
"""Deliveries of a group that are shown at once."""
COUNTED: Final = 10_000
"""So many are counted on a list, and no more."""
_PAGES: Final = 3
_ROWS: Final = "main table.applications tbody tr"
_FURTHER: Final = "main a[href^='/attention/'][href*='after=']"
_LOADED: Final = """() => new Promise((tell) => {
  const look = () => {
    const [visit] = performance.getEntriesByType("navigation");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    if (visit.loadEventEnd > 0 && paint) tell([visit.loadEventEnd, paint.startTime]);
    else setTimeout(look, 2);
  };
  look();
})"""
_TABLE: Final = (
    """(rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"""
)


async def times_of(page: Page) -> tuple[float, float]:
    """Return how many ms after its navigation began a page was loaded, and drawn first."""
    loaded, drawn = await page.evaluate(_LOADED)
    return float(loaded), float(drawn)


@dataclass(slots=True)
class Walk:
    """One walk, by the links of the pages.

    Attributes:
        window: Whose page is looked at.
        applications: How many there are at least.
        took_ms: Page to the milliseconds until it was loaded, of each time.
    """

    window: Window
    applications: int
    took_ms: dict[str, list[float]] = field(default_factory=dict)

    @property
    def page(self) -> Page:
        """The page as it is."""
        return self.window.page

    async def through_lists(self) -> None:
        """Look at applications, from page to page and by every filter and every order."""
        await self.to("applications", "/applications")
        await self._counts(min(self.applications, COUNTED))
        await self._on_and_back("applications")
        await self._orders()
        await self._filters()

    async def through_groups(self) -> None:
        """Look at what waits for a person, and at the group with most of it."""
        await self.to("attention", "/attention")
        rows = await self._cells("main table tbody tr")
        links = self.page.locator("main table tbody tr th a")
        counts = [_number(row[2]) if len(row) > 3 else 0 for row in rows]
        doubtful = sum(n for row, n in zip(rows, counts, strict=True) if row[1] == "in doubt")
        most = max(range(len(rows)), key=counts.__getitem__)
        there = str(await links.nth(most).get_attribute("href"))
        await self.to("a group", there)
        assert await self.page.locator("input.pick").count() == min(counts[most], GROUP_PAGE)
        seen: set[str] = set()
        for _ in range(_PAGES):
            ids = await self.page.locator("tbody tr th a").all_inner_texts()
            assert seen.isdisjoint(ids)
            seen.update(ids)
            if not await self.page.locator(_FURTHER).count():
                break
            await self.click("a group, a page further", _FURTHER)
        assert len(seen) == min(counts[most], GROUP_PAGE * _PAGES)
        await self.to("dry run of a group", f"{there}/replay")
        assert _number(await self.page.locator("dl.facts strong").inner_text()) == counts[most]
        await self.to("applications in doubt", "/applications?state=in_doubt")
        await self._counts(doubtful)

    async def through_the_log(self) -> None:
        """Look at the latest entries, and at older ones."""
        await self.to("audit log, searched", "/audit?search=1")
        for _ in range(_PAGES - 1):
            before = await self._cells("main table tbody tr")
            assert len(before) == PAGE
            await self.click("audit log, older", "main a[rel=next]")
            assert await self._cells("main table tbody tr") != before

    async def to(self, name: str, path: str) -> None:
        """Go to a page."""
        answer = await self.page.goto(self.window.url + path)
        assert answer is not None
        assert answer.ok, (path, answer.status)
        await self._look(name)

    async def click(self, name: str, link: str) -> None:
        """Go where a link leads."""
        async with self.page.expect_navigation():
            await self.page.locator(link).first.click()
        await self._look(name)

    async def _look(self, name: str) -> None:
        loaded, _ = await times_of(self.page)
        self.took_ms.setdefault(name, []).append(loaded)
        assert await self.page.evaluate(OVERFLOW) <= 0, name

    async def _on_and_back(self, name: str) -> None:
        pages = [await self._ids()]
        for _ in range(_PAGES - 1):
            await self.click(f"{name}, a page further", "a[rel=next]")
            pages.append(await self._ids())
        assert len({each for ids in pages for each in ids}) == PAGE * _PAGES
        await self.click(f"{name}, a page back", "a[rel=prev]")
        assert await self._ids() == pages[-2]

    async def _orders(self) -> None:
        """Sort by every column that sorts, in both directions, and turn a page."""
        await self.to("applications", "/applications")
        for place in range(await self.page.locator("thead th").count()):
            link = f"main thead th:nth-child({place + 1}) a:not([href^='#'])"
            if not await self.page.locator(link).count():
                continue
            ways = set()
            for _ in range(2):
                await self.click("applications, sorted", link)
                column = self.page.locator(f"main thead th:nth-child({place + 1})")
                way = await column.get_attribute("aria-sort")
                assert way in {"ascending", "descending"}
                ways.add(way)
                for _ in range(2):
                    said = [row[place] for row in await self._cells(_ROWS)]
                    assert len(said) == PAGE
                    assert said == sorted(said, reverse=way == "descending")
                    if self.page.url.find("after=") < 0:
                        await self.click("applications, sorted, a page further", "a[rel=next]")
            assert len(ways) == 2

    async def _filters(self) -> None:
        """Choose what every field offers, one after the other."""
        await self.to("applications", "/applications")
        offered = await self.page.evaluate(
            """() => [...document.querySelectorAll("form.filter select, form.filter datalist")]
              .map((each) => [each.name || document.querySelector(`[list=${each.id}]`).name,
                [...each.options].filter((one) => one.value)
                  .map((one) => [one.value, one.text])])"""
        )
        for name, options in offered:
            for value, text in options[:_PAGES]:
                what = f"applications of a {name}"
                await self.to(what, f"/applications?{name}={value}")
                rows = [row for row in await self._cells(_ROWS) if len(row) > 1]
                total = await self._total()
                assert len(rows) <= PAGE
                assert total >= len(rows)
                shown = _COLUMNS.get(name)
                assert shown is None or all((text or value) in row[shown] for row in rows)
        await self.to(
            "applications of a day", "/applications?since=2020-01-01T00:00&until=2020-01-02T00:00"
        )
        assert await self._total() == 0

    async def _ids(self) -> list[str]:
        found = self.page.locator(f"{_ROWS} th a")
        ids: list[str] = await found.evaluate_all("(all) => all.map((each) => each.title)")
        assert len(ids) == PAGE
        return ids

    async def _cells(self, rows: str) -> list[list[str]]:
        found: Any = await self.page.locator(rows).evaluate_all(_TABLE)
        return [list(map(str, row)) for row in found]

    async def _counts(self, right: int) -> None:
        """See that a list says how many there are, or at least so many if it takes long."""
        counted = await self._total()
        is_all = "At least" not in await self.page.locator(".total").inner_text()
        assert counted == right if is_all else counted <= right, (counted, right)

    async def _total(self) -> int:
        total = self.page.locator(".total")
        return _number(await total.inner_text()) if await total.count() else 0


_COLUMNS: Final = {"municipality": 3, "procedure": 4, "status": 5, "state": 6, "destination": 6}
"""Field to the column that shows what was chosen."""


def _number(text: str) -> int:
    return int("".join(each for each in text if each.isdigit()) or 0)
