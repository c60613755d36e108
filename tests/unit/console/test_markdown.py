"""An adapter's README as HTML: nothing in it runs or loads, its headings go below the page's."""

import re

import pytest

from gateway.console.markdown import rendered


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,y)",
        "![x](https://example.jp/x.png)",
        "[x](../other.md)",
        "[x](//example.jp)",
        "|a|\n|-:|\n|b|",
        "# <b onclick=x>y</b>",
        '```x" onclick="y\n<i>\n```',
        "![a](x 'y\" onerror=z')",
    ],
)
def test_nothing_runs_or_loads(text: str) -> None:
    html, _ = rendered(text)

    tags = re.findall(r"<(\w+)([^>]*)>", html)
    attributes = {each for _, said in tags for each in re.findall(r'(\w+)="', said)}
    assert {tag for tag, _ in tags} <= {
        *("p", "h3", "span", "pre", "code", "div", "table", "thead", "tbody", "tr", "th", "td")
    }
    assert attributes <= {"id", "class", "tabindex", "scope"}


def test_headings_go_below_the_pages_and_skip_no_level() -> None:
    html, headings = rendered("### One `code`\n\n##### Two\n\n## Three\n\n### Four\n\n# Five")

    assert [html.split(f'id="{each.id}"')[0][-3:-1] for each in headings] == [
        *("h3", "h4", "h3", "h4", "h3")
    ]
    assert headings[0].title == "One code"
    assert html.count("</h3>") == 3


def test_links_lead_to_headings_or_elsewhere() -> None:
    html, _ = rendered("[a](#set-up) [b](https://example.jp/?x=1&y=2)\n\n# Set up")

    assert '<a href="#readme-1">a</a>' in html
    assert '<a href="https://example.jp/?x=1&amp;y=2" rel="noopener noreferrer">b</a>' in html
