"""The Markdown subset of messages as HTML that Qt's text engine shows. Nothing is ever loaded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)

from desktop.ui.fonts import BODY_PX, px, sized
from desktop.ui.tokens import Tokens
from desktop.views.conversation.grounds import Ground, take_grounds
from desktop.views.conversation.links import links_are_sane

LINE_PX: Final = 20
_MARKUP: Final = re.compile(r"[*_~`\[\\]|://|^[ \t]*(?:[>#+-]|\d+[.)])|\w\.\w{2}|\w@\w", re.MULTILINE)
"""Without any of these a text can't hold markup or a link; three messages in four have none."""
_INDENT: Final = 24
"""Of a list, pixels."""
_SAMPLE: Final = (
    "**a** ~~b~~ `c` [d](https://example.org/e) https://example.org/f?g=h#i www.example.org j@example.org\n"
    "- k\n1. l\n> m\n\n```\nn\n```\n"
)
_CODE_END: Final = re.compile(r"\n?</code></pre>\n?")
_RULES: Final = ("emphasis", "strikethrough", "backticks", "fence", "blockquote", "list", "link", "linkify")
_SCHEMES: Final = frozenset({"http", "https"})


def opens(url: str) -> bool:
    """Whether a link may be followed: http and https only."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme.lower() in _SCHEMES and bool(parts.hostname)


def host_of(url: str) -> str:
    """Where a link leads, for the eye: a text may say another place."""
    return urlsplit(url).hostname or ""


def has_markup(body: str) -> bool:
    """False where the plain text is all there is to show."""
    return _MARKUP.search(body) is not None


def code_blocks(body: str) -> list[str]:
    """The texts of its fenced blocks."""
    if "```" not in body and "~~~" not in body:
        return []
    return [
        token.content.rstrip("\n") for token in _parser(linkify=False).parse(body) if token.type == "fence"
    ]


def links(body: str) -> list[str]:
    """Where it leads, each place once, as far as it may be followed."""
    if not has_markup(body):
        return []
    inline = (child for token in _parser_for(body).parse(body) for child in token.children or ())
    found = (str(child.attrs["href"]) for child in inline if child.type == "link_open")
    return [url for url in dict.fromkeys(found) if opens(url)]


def to_html(body: str) -> str:
    """Every character of ``body`` is text unless the subset gives it a meaning; images have none."""
    # The line break that ends a block of code would be an empty line of it.
    return _CODE_END.sub("</code></pre>", str(_parser_for(body).render(body)))


def warm_up() -> None:
    """Load the parser: some 60 ms that the first messages with markup and links would take."""
    # Of everything a little: each rule compiles its patterns when it first needs them.
    to_html(_SAMPLE)


def _parser_for(body: str) -> Any:  # noqa: ANN401 - see below
    return _parser(linkify=links_are_sane(body))


@cache
def _parser(*, linkify: bool) -> Any:  # noqa: ANN401 - imported on first use: the first window does not wait for it
    from markdown_it import MarkdownIt

    parser = MarkdownIt("zero", {"html": False, "linkify": linkify, "breaks": True})
    parser.enable([*_RULES, "newline", "escape", "balance_pairs", "fragments_join"], ignoreInvalid=True)
    parser.validateLink = opens  # type: ignore[method-assign]  # markdown-it's documented way to narrow links
    return parser


@cache
def _option() -> QTextOption:
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    return option


@lru_cache(maxsize=8)
def _line_format(pixels: int) -> QTextBlockFormat:
    block = QTextBlockFormat()
    block.setLineHeight(pixels, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    return block


class MessageDocument(QTextDocument):
    """A message's text, laid out; it refuses to load anything that it names."""

    def __init__(
        self,
        body: str,
        tokens: Tokens,
        parent: QObject | None = None,
        *,
        erased: bool = False,
        names: Sequence[str] = (),
    ) -> None:
        """``erased``: a placeholder, which is no markup. ``names``: mentions as they stand in the body."""
        super().__init__(parent)
        self.grounds: tuple[Ground, ...] = ()
        self.setDefaultFont(sized(BODY_PX, italic=erased))
        self.setDocumentMargin(0)
        self.setUndoRedoEnabled(False)
        self.setDefaultTextOption(_option())
        self.setIndentWidth(px(_INDENT))
        if has_markup(body) and not erased:
            self.setDefaultStyleSheet(
                f"a {{ color: {tokens.accent}; }} p, ul, ol, pre, blockquote {{ margin: 0; }}"
                f" code, pre {{ background-color: {QColor(tokens.hover).name()}; font-family: monospace; }}"
                " pre { white-space: pre-wrap; }"
                f" blockquote {{ color: {tokens.muted}; margin-left: 12px; }}"
            )
            html = to_html(body)
            self.setHtml(html)
            if "<pre>" in html or "<blockquote>" in html:
                self.grounds = take_grounds(self)
        # Nothing but signs ("> >", "- -") would be an empty bubble.
        if self.isEmpty() or not self.toPlainText().strip():
            self.setPlainText(body)
        cursor = QTextCursor(self)
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.mergeBlockFormat(_line_format(px(LINE_PX)))
        if names:
            self._mark(names, tokens)
        self._left_to_right = body.isascii()

    def loadResource(self, type: int, name: QUrl | str) -> object:  # noqa: A002 - Qt's names
        """Nothing, ever (libraries.md, trap 10)."""
        return None

    @property
    def has_code(self) -> bool:
        """Whether a block of it has a ground of its own."""
        return any(ground.code for ground in self.grounds)

    @property
    def ends_in_code(self) -> bool:
        """Nothing else stands on the ground of code."""
        return bool(self.grounds) and self.grounds[-1].code and self.grounds[-1].last == self.blockCount() - 1

    def rtl(self) -> tuple[bool, bool]:
        """Whether any paragraph runs right to left, and whether the last one does."""
        if self._left_to_right:
            return False, False
        block, found, last = self.begin(), False, False
        while block.isValid():
            last = block.textDirection() is Qt.LayoutDirection.RightToLeft
            found = found or last
            block = block.next()
        return found, last

    def _mark(self, names: Sequence[str], tokens: Tokens) -> None:
        """Mentions in the accent colour. They stand in order, so each is looked for after the one before."""
        look = QTextCharFormat()
        look.setForeground(QColor(tokens.accent))
        look.setFontWeight(QFont.Weight.DemiBold)
        cursor = QTextCursor(self)
        for name in names:
            found = self.find(name, cursor, QTextDocument.FindFlag.FindCaseSensitively)
            if not found.isNull():
                found.mergeCharFormat(look)
                found.clearSelection()
                cursor = found

    def last_line_width(self) -> int:
        """Pixels of text in the last line."""
        layout = self.lastBlock().layout()
        count = layout.lineCount()
        if not count:
            return 0
        line = layout.lineAt(count - 1)
        return round(line.x() + line.naturalTextWidth()) + 1
