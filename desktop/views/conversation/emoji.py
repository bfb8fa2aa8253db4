"""A small table of emoji, found by their Unicode names; those used last come first."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QLineEdit, QListView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from desktop.ui.fonts import px
from desktop.ui.i18n import tr
from desktop.views.context import Settings
from desktop.views.fuzzy import best

QUICK: Final = ("👍", "❤️", "😂", "🎉", "😮", "😢")
_SETTING: Final = "recent_emoji"
_RECENT: Final = 16
_CELL: Final = 38
_COLUMNS: Final = 8
_ROWS: Final = 6
# Emoji_Presentation ranges of Unicode 15 (emoji-data.txt) that fonts of the last ten years have.
_RANGES: Final = (
    (0x1F600, 0x1F64F),
    (0x1F910, 0x1F93A),
    (0x1F970, 0x1F976),
    (0x1F440, 0x1F440),
    (0x1F446, 0x1F450),
    (0x1F4AA, 0x1F4AF),
    (0x1F493, 0x1F49F),
    (0x1F380, 0x1F393),
    (0x1F3A0, 0x1F3CA),
    (0x1F400, 0x1F43E),
    (0x1F980, 0x1F997),
    (0x1F32D, 0x1F335),
    (0x1F337, 0x1F37C),
    (0x1F680, 0x1F6A4),
    (0x1F4A0, 0x1F4A9),
    (0x1F4B0, 0x1F4FC),
    (0x1F525, 0x1F53D),
    (0x2705, 0x2705),
    (0x2728, 0x2728),
    (0x274C, 0x274C),
    (0x2753, 0x2753),
    (0x2757, 0x2757),
    (0x2B50, 0x2B50),
    (0x26A1, 0x26A1),
    (0x2615, 0x2615),
)
# Short codes that people know from elsewhere, where Unicode's name is another.
_CODES: Final = {
    "+1": "👍",
    "-1": "👎",
    "100": "💯",
    "angry": "😠",
    "beers": "🍻",
    "blush": "😊",
    "bug": "🐛",
    "clap": "👏",
    "coffee": "☕",
    "confused": "😕",
    "cool": "😎",
    "cry": "😢",
    "eyes": "👀",
    "fire": "🔥",
    "grin": "😁",
    "heart": "❤️",
    "heart_eyes": "😍",
    "hug": "🤗",
    "joy": "😂",
    "kiss": "😘",
    "laughing": "😆",
    "lol": "😂",
    "muscle": "💪",
    "ok": "👌",
    "ok_hand": "👌",
    "party": "🎉",
    "pray": "🙏",
    "rofl": "🤣",
    "rocket": "🚀",
    "sad": "😢",
    "scream": "😱",
    "shrug": "🤷",
    "smile": "😄",
    "smiley": "😃",
    "sob": "😭",
    "sparkles": "✨",
    "star": "⭐",
    "sweat_smile": "😅",
    "tada": "🎉",
    "thanks": "🙏",
    "thinking": "🤔",
    "thumbsdown": "👎",
    "thumbsup": "👍",
    "wave": "👋",
    "white_check_mark": "✅",
    "wink": "😉",
    "wow": "😮",
    "x": "❌",
    "zap": "⚡",
}


@cache
def table() -> tuple[tuple[str, str], ...]:
    """``(emoji, name)`` in the order they are shown."""
    points = [point for first, last in _RANGES for point in range(first, last + 1)]
    named = [(chr(point), unicodedata.name(chr(point), "").lower()) for point in points]
    return tuple((sign, name) for sign, name in named if name and "modifier" not in name)


def find(query: str, *, limit: int) -> list[tuple[str, str]]:
    """``(emoji, name)``, best first: by a short code or its beginning, else by the name."""
    words = query.strip().casefold()
    codes = sorted((code for code in _CODES if code.startswith(words.replace(" ", "_"))), key=len)
    by_code = dict.fromkeys(_CODES[code] for code in codes)
    names = dict(table())
    first = [(emoji, names.get(emoji, unicodedata.name(emoji[0], "").lower())) for emoji in by_code]
    rest = best(words.replace("_", " "), table(), lambda pair: pair[1], limit=limit)
    return [*first, *(pair for pair in rest if pair[0] not in by_code)][:limit]


def recent(settings: Settings) -> list[str]:
    """What was chosen last, newest first; the quick ones before anything was."""
    return settings.setting(_SETTING, list[str], []) or list(QUICK)


def remember(settings: Settings, emoji: str) -> None:
    """It comes first next time."""
    kept = [one for one in recent(settings) if one != emoji]
    settings.set_setting(_SETTING, [emoji, *kept][:_RECENT])


def search(query: str, settings: Settings) -> list[tuple[str, str]]:
    """Best first; an empty query gives the recent ones, then all."""
    if query.strip():
        return find(query, limit=_COLUMNS * _ROWS)
    names = dict(table())
    first = [(emoji, names.get(emoji, unicodedata.name(emoji[0], "").lower())) for emoji in recent(settings)]
    shown = {emoji for emoji, _ in first}
    return first + [pair for pair in table() if pair[0] not in shown]


class EmojiPicker(QFrame):
    """A pop-up; closes by itself after a choice."""

    chosen = Signal(str)

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("popup")
        self.setAccessibleName(tr("Emoji"))
        self._settings = settings
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Search emoji"))
        self.field.setAccessibleName(tr("Search emoji"))
        self.field.textEdited.connect(self._fill)
        self.field.returnPressed.connect(self._take_current)
        self.grid = QListWidget()
        self.grid.setAccessibleName(tr("Emoji"))
        self.grid.setViewMode(QListView.ViewMode.IconMode)
        self.grid.setMovement(QListView.Movement.Static)
        self.grid.setResizeMode(QListView.ResizeMode.Adjust)
        self.grid.setUniformItemSizes(True)
        cell = px(_CELL)
        self.grid.setGridSize(QSize(cell, cell))
        self.grid.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.grid.setObjectName("emoji")
        self.grid.setFixedSize(_COLUMNS * cell + 14, _ROWS * cell)
        self.grid.itemClicked.connect(self._take)
        self.grid.itemActivated.connect(self._take)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.field)
        column.addWidget(self.grid)
        self._fill("")

    def show_above(self, anchor: QWidget) -> None:
        """Its lower right corner at the anchor's upper right."""
        self.show_at(anchor.mapToGlobal(QPoint(anchor.width(), -8)))

    def show_at(self, corner: QPoint) -> None:
        """Its lower right corner at a point of the screen, kept on it."""
        self.adjustSize()
        room = self.screen().availableGeometry()
        left = max(room.left(), min(corner.x() - self.width(), room.right() - self.width()))
        self.move(left, max(room.top(), corner.y() - self.height()))
        self.show()
        self.field.setFocus()

    def _fill(self, query: str) -> None:
        self.grid.clear()
        for emoji, name in search(query, self._settings):
            item = QListWidgetItem(emoji)
            item.setToolTip(name)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, name)
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            self.grid.addItem(item)
        self.grid.setCurrentRow(0)

    def _take_current(self) -> None:
        item = self.grid.currentItem()
        if item is not None:
            self._take(item)

    def _take(self, item: QListWidgetItem) -> None:
        emoji = item.text()
        remember(self._settings, emoji)
        self.close()
        self.chosen.emit(emoji)
