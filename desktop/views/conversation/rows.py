"""What each row of the list consists of and how high it is, kept until something that it shows changes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from common.limits import GROUP_GAP_MS
from desktop.services.state import MessageItem, NoticeItem, SendState, TimelineItem
from desktop.ui.fonts import px
from desktop.ui.theme import tokens
from desktop.ui.times import local_day
from desktop.views.conversation.layout import Fonts, Layout, lay_out

GAP: Final = 5
GROUP_GAP: Final = 10
DAY: Final = 40
NEW: Final = 36
NOTICE: Final = 30
_KEPT: Final = 300
"""More than a timeline's window of 200 rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item below the one before it, with room for a bubble of a width. Heights and widths are pixels."""

    item: TimelineItem
    before: TimelineItem | None
    room: int
    day: bool
    """A day begins: its separator stands above, ``DAY`` high."""
    new: bool
    """What is unread begins: its line stands above, ``NEW`` high."""
    above: int
    """Height of the separators."""
    gap: int
    """Between the separators and the bubble."""
    height: int
    """Of the whole row."""
    looks: tuple[object, ...]
    """All that ``bubble`` was made from."""
    bubble: Layout | None
    """None for a notice."""


class Rows:
    """The rows that were shown last. Cheap where nothing changed: a view asks many times a frame."""

    def __init__(self) -> None:
        self._fonts = Fonts.make()
        self._made: OrderedDict[str, Row] = OrderedDict()

    @property
    def fonts(self) -> Fonts:
        """What the bubbles were measured with."""
        return self._fonts

    def forget(self) -> None:
        """Colours or fonts changed."""
        self._fonts = Fonts.make()
        self._made.clear()

    def row(
        self,
        item: TimelineItem,
        before: TimelineItem | None,
        room: int,
        *,
        new: bool,
    ) -> Row:
        """``room`` is what a bubble and the space around it may take; for ``new`` see ``Row``."""
        made = self._made.get(item.key)
        if (
            made is not None
            and made.item is item
            and made.before is before
            and made.room == room
            and made.new is new
        ):
            # Those of the window are asked for in turn: they outlast what left it.
            self._made.move_to_end(item.key)
            return made
        row = self._make(item, before, room, new=new, known=made)
        self._made[item.key] = row
        self._made.move_to_end(item.key)
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return row

    def _make(
        self,
        item: TimelineItem,
        before: TimelineItem | None,
        room: int,
        *,
        new: bool,
        known: Row | None,
    ) -> Row:
        day = new_day(item, before)
        above = (px(DAY) if day else 0) + (px(NEW) if new else 0)
        looks: tuple[object, ...] = ()
        bubble: Layout | None = None
        if isinstance(item, NoticeItem):
            gap, high = 0, px(NOTICE)
        else:
            joined = grouped(item, before)
            looks = _looks(item, room, joined=joined)
            if known is not None and known.looks == looks:
                bubble = known.bubble
            bubble = bubble or lay_out(item, room, grouped=joined, fonts=self._fonts, tokens=tokens())
            gap, high = GAP if joined else GROUP_GAP, bubble.height
        return Row(
            item=item,
            before=before,
            room=room,
            day=day,
            new=new,
            above=above,
            gap=gap,
            height=above + gap + high,
            looks=looks,
            bubble=bubble,
        )


def at_ms(item: TimelineItem) -> int:
    """When it happened."""
    return item.at_ms if isinstance(item, NoticeItem) else item.sent_at_ms


def new_day(item: TimelineItem, before: TimelineItem | None) -> bool:
    """Whether a day separator stands above."""
    return before is None or local_day(at_ms(item)) != local_day(at_ms(before))


def grouped(item: TimelineItem, before: TimelineItem | None) -> bool:
    """Whether the message continues the one before it."""
    if not isinstance(item, MessageItem) or not isinstance(before, MessageItem) or new_day(item, before):
        return False
    near = item.sent_at_ms - before.sent_at_ms <= GROUP_GAP_MS
    return near and item.author.user_id == before.author.user_id


def _looks(item: MessageItem, room: int, *, joined: bool) -> tuple[object, ...]:
    """All that a bubble's layout depends on; ticks, for one, are drawn into it and move nothing."""
    return (
        item.body,
        item.mentions,
        item.own,
        item.author.name,
        item.sent_at_ms,
        item.reply is None,
        item.reactions,
        item.deleted,
        item.edited,
        item.state is SendState.FAILED,
        joined,
        room,
    )
