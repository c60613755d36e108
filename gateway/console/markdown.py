"""An adapter's README as HTML: its author is not the console's, so it can neither run nor load.

HTML in it is shown as it is written, pictures as their texts. Links lead to its own headings or to
other sites' pages, where somebody must follow them; others would lead nowhere from here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_MOST: Final = 200_000
"""Characters; what comes behind is not shown."""
_ELSEWHERE: Final = ("https://", "http://", "mailto:")
_SMALLEST: Final = 6
_NO_ANCHOR: Final = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the text.

    Attributes:
        id: Where it stands, ``readme-N``.
        title: Its words, without their markup.
    """

    id: str
    title: str


def rendered(markdown: str, *, below: int = 2) -> tuple[str, list[Heading]]:
    """Return a text as HTML that can be shown as it is, and its headings.

    Args:
        markdown: CommonMark with tables.
        below: The level of the page's heading above it: the text's own begin one lower, and none
            skips a level.
    """
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
    tokens = parser.parse(markdown[:_MOST])
    headings = _with_headings(tokens, below)
    anchors = {_anchor(each.title): each.id for each in headings}
    for token in tokens:
        _mend_links(token.children or [], anchors)
    # Every text in it is escaped by the renderer, and every tag is the renderer's.
    return parser.renderer.render(tokens, parser.options, {}), headings


def _with_headings(tokens: Sequence[Token], below: int) -> list[Heading]:
    """Move headings below the page's, give them their ids, and return them."""
    headings: list[Heading] = []
    written: list[int] = []
    for place, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        level = int(token.tag[1:])
        # How deep it stands among those above it, not how deep its author began.
        written = [*(each for each in written if each < level), level]
        tag = f"h{min(_SMALLEST, below + len(written))}"
        token.tag = tokens[place + 2].tag = tag
        heading = Heading(f"readme-{len(headings) + 1}", _text(tokens[place + 1]))
        token.attrs["id"] = heading.id
        headings.append(heading)
    return headings


def _text(token: Token) -> str:
    return "".join(
        each.content for each in token.children or [] if each.type in ("text", "code_inline")
    )


def _anchor(title: str) -> str:
    """Return what a link to a heading is called where READMEs are read otherwise."""
    return _NO_ANCHOR.sub("", title.lower()).replace(" ", "-")


def _mend_links(tokens: Sequence[Token], anchors: dict[str, str]) -> None:
    """Let links lead to headings or elsewhere; the words of others are words."""
    opened: list[Token] = []
    for token in tokens:
        if token.type == "link_open":
            opened.append(token)
            address = str(token.attrs.get("href", ""))
            if address.startswith("#") and address[1:] in anchors:
                token.attrs = {"href": "#" + anchors[address[1:]]}
            elif address.startswith(_ELSEWHERE):
                token.attrs = {"href": address, "rel": "noopener noreferrer"}
            else:
                token.tag, token.attrs = "span", {}
        elif token.type == "link_close":
            token.tag = opened.pop().tag


class _Renderer(RendererHTML):
    """Writes what CommonMark says, but for what loads, and for what a keyboard must reach."""

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Write what it shows."""
        return escape(self.renderInlineAsText(tokens[idx].children, options, env))

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Write a block of code, that scrolls."""
        del options, env
        return f'<pre tabindex="0"><code>{escape(tokens[idx].content)}</code></pre>\n'

    def code_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Write the same."""
        return self.fence(tokens, idx, options, env)

    def table_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Write a table, that scrolls."""
        del tokens, idx, options, env
        return '<div class="scroll" tabindex="0">\n<table>\n'

    def table_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        """End it."""
        del tokens, idx, options, env
        return "</table>\n</div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Write a cell without the style that the policy of the page forbids."""
        del options, env
        return f'<{tokens[idx].tag} scope="col">'

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Write the same."""
        del options, env
        return f"<{tokens[idx].tag}>"
