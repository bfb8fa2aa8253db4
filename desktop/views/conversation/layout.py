"""Where the parts of a message go: measured once for a width, painted and hit many times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QAbstractTextDocumentLayout, QFont, QFontMetrics

from desktop.services.state import MessageItem, SendState
from desktop.ui.fonts import px, sized
from desktop.ui.i18n import tr
from desktop.ui.times import clock_time
from desktop.ui.tokens import Tokens, on_bubble
from desktop.views.conversation.markdown import MessageDocument

MARGIN: Final = 20
AVATAR: Final = 32
INDENT: Final = 42
PAD_X: Final = 13
PAD_Y: Final = 9
TICK: Final = 14
_NAME: Final = 20
_QUOTE: Final = 44
_CHIP: Final = 22
_CHIPS: Final = 28
_META: Final = 18
_MAX_BUBBLE: Final = 620
_QUOTE_WIDTH: Final = 240
_RIGHT: Final = Qt.TextElideMode.ElideRight


@dataclass(frozen=True, slots=True)
class Fonts:
    """Made once: they are needed for every row."""

    small: QFont
    name: QFont
    small_metrics: QFontMetrics
    name_metrics: QFontMetrics

    @classmethod
    def make(cls) -> Fonts:
        """Sizes of experience.md."""
        small, name = sized(11), sized(13, QFont.Weight.DemiBold)
        return cls(small, name, QFontMetrics(small), QFontMetrics(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One reaction, in bubble coordinates."""

    rect: QRect
    emoji: str
    text: str
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All rectangles are relative to the bubble's corner."""

    width: int
    height: int
    name: QRect | None
    quote: QRect | None
    text: QPoint
    document: MessageDocument
    chips: tuple[Chip, ...]
    meta: QRect
    beside: bool
    """The meta line stands at the free end of the last line, else below the text at the bubble's end."""
    words: str
    """Of the meta line: the time, "edited", "not sent"."""
    title: str
    """The author's name as far as there is room; empty where none stands there."""

    def link_at(self, at: QPoint) -> str:
        """The address under a point of the bubble, or empty."""
        layout: QAbstractTextDocumentLayout = self.document.documentLayout()
        return layout.anchorAt(QPointF(at - self.text))


def shown_body(item: MessageItem) -> str:
    """What stands in the bubble."""
    return tr("Message deleted") if item.deleted else item.body


def meta_words(item: MessageItem) -> str:
    """The small line at the end."""
    if item.state is SendState.FAILED:
        return tr("not sent")
    when = clock_time(item.sent_at_ms)
    # The time is when it was sent: that it was edited stands apart from it.
    return tr("edited · {time}").format(time=when) if item.edited and not item.deleted else when


def text_width(item: MessageItem, width: int) -> int:
    """Most that a line of the message may take in a row of ``width``."""
    return min(px(_MAX_BUBBLE), width - 2 * MARGIN - (0 if item.own else INDENT)) - 2 * PAD_X


def lay_out(item: MessageItem, width: int, *, grouped: bool, fonts: Fonts, tokens: Tokens) -> Layout:
    """Measure everything for a row of ``width`` pixels."""
    most = text_width(item, width)
    names = [item.body[one.start : one.start + one.len] for one in item.mentions]
    colours = on_bubble(tokens, own=item.own)
    document = MessageDocument(shown_body(item), colours, erased=item.deleted, names=names)
    document.setTextWidth(most)
    text_wide = min(most, round(document.idealWidth()) + 1)
    words = meta_words(item)
    meta_wide = fonts.small_metrics.horizontalAdvance(words) + (px(TICK) + 4 if item.own else 0)
    last_line = document.last_line_width() + 12 + meta_wide
    beside = not document.ends_in_code and last_line <= most
    wide = max(text_wide, last_line if beside else meta_wide)
    headed = not item.own and not grouped
    if headed:
        wide = max(wide, min(most, fonts.name_metrics.horizontalAdvance(item.author.name)))
    if item.reply is not None:
        wide = max(wide, min(most, px(_QUOTE_WIDTH)))
    chips, chips_wide, rows = _chips(item, most, fonts)
    wide = max(wide, chips_wide)
    turned, ends_turned = document.rtl()
    if document.has_code or turned:
        # The ground of code, and text that begins at the right, are as wide as the bubble and no wider.
        document.setTextWidth(wide)
    y = PAD_Y
    name = QRect(PAD_X, y, wide, px(_NAME)) if headed else None
    title = fonts.name_metrics.elidedText(item.author.name, _RIGHT, wide) if headed else ""
    y += px(_NAME) if headed else 0
    quote = QRect(PAD_X, y, wide, px(_QUOTE - 6)) if item.reply is not None else None
    y += px(_QUOTE) if quote is not None else 0
    text = QPoint(PAD_X, y)
    y += round(document.size().height())
    meta_top = y - px(_META) if beside else y
    y += 0 if beside else px(_META)
    # Where the last line begins at the right, its free end is the left one.
    meta_left = PAD_X if beside and ends_turned else PAD_X + wide - meta_wide
    meta = QRect(meta_left, meta_top, meta_wide, px(_META))
    moved = tuple(
        Chip(rect=chip.rect.translated(PAD_X, y + 6), emoji=chip.emoji, text=chip.text, mine=chip.mine)
        for chip in chips
    )
    y += rows * px(_CHIPS)
    return Layout(
        width=wide + 2 * PAD_X,
        height=y + PAD_Y,
        name=name,
        quote=quote,
        text=text,
        document=document,
        chips=moved,
        meta=meta,
        beside=beside,
        words=words,
        title=title,
    )


def _chips(item: MessageItem, most: int, fonts: Fonts) -> tuple[list[Chip], int, int]:
    """Reactions in rows of at most ``most`` pixels; their width and the number of rows."""
    chips: list[Chip] = []
    left = row = widest = 0
    for reaction in item.reactions:
        text = f"{reaction.emoji} {reaction.count}"
        wide = fonts.small_metrics.horizontalAdvance(text) + 18
        if left and left + wide > most:
            left, row = 0, row + 1
        spot = QRect(left, row * px(_CHIPS), wide, px(_CHIP))
        chips.append(Chip(rect=spot, emoji=reaction.emoji, text=text, mine=reaction.mine))
        left += wide + 4
        widest = max(widest, left - 4)
    return chips, widest, row + 1 if chips else 0
