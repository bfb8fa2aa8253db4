"""Buttons with words: they wrap, and stand below each other, where there is no room for them."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QPushButton, QSizePolicy, QStyle, QStyleOptionButton, QWidget

from desktop.ui import icons, theme
from desktop.ui.fonts import px
from desktop.views.kit import LOOKS

_EN_SPACE: Final = "\u2002"
_GAP: Final = 8
_PLENTY: Final = 1_000
_BESIDE_ICON: Final = 4
"""As QPushButton's own hint counts it."""


class WordButton(QPushButton):
    """Its name is its words, however they are broken into lines."""

    _before = ""
    """Of the class: measuring polishes the button, which tells it of a change, before all is set."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._words = ""
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setText(text)

    def setText(self, text: str) -> None:
        self._words = text
        self.setAccessibleName(text)
        self._break()

    def text(self) -> str:
        """The words, in one line."""
        return self._words

    def sizeHint(self) -> QSize:
        """In one line where there is room, as high as it is now."""
        return QSize(self._advance(self._words) + self._frame(), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        longest = max(map(self._advance, self._words.split()), default=0)
        return QSize(longest + self._frame(), super().sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses it as the space bar does: Qt has that in dialogs only."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.isAutoRepeat():
            self.click()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._break()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in LOOKS:
            self._break()

    def _advance(self, words: str) -> int:
        return self.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, self._before + words).width()

    def _frame(self) -> int:
        """Pixels beside the words: border, padding, icon."""
        self.ensurePolished()
        option = QStyleOptionButton()
        self.initStyleOption(option)
        # Wide enough that no style's least width for a button counts.
        inside = QSize(_PLENTY, _PLENTY)
        whole = self.style().sizeFromContents(QStyle.ContentsType.CT_PushButton, option, inside, self)
        icon = 0 if self.icon().isNull() else self.iconSize().width() + _BESIDE_ICON
        return whole.width() - _PLENTY + icon

    def _break(self) -> None:
        lines: list[str] = []
        room = self.width() - self._frame()
        for word in self._words.split(" "):
            if lines and self._advance(f"{lines[-1]} {word}") <= room:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        shown = self._before + "\n".join(lines)
        if shown != super().text():
            super().setText(shown)


class IconPushButton(WordButton):
    """An icon before its words."""

    # A style sheet has no gap between icon and words.
    _before = _EN_SPACE
    _icon = ""

    def __init__(self, name: str, text: str) -> None:
        super().__init__()
        self._icon = name
        self.setText(text)
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in LOOKS:
            self._draw()
        super().changeEvent(event)

    def _draw(self) -> None:
        if not self._icon:
            return
        tokens = theme.tokens()
        self.setIconSize(QSize(px(icons.SIZE), px(icons.SIZE)))
        self.setIcon(icons.icon(self._icon, tokens.text, disabled=tokens.muted))


class ButtonRow(QWidget):
    """Beside each other, ``at_end`` of the line or not; below each other where that is too wide."""

    def __init__(self, *buttons: QPushButton, at_end: bool = True) -> None:
        super().__init__()
        self._buttons = buttons
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(_GAP)
        if at_end:
            self._line.addStretch(1)
        for button in buttons:
            self._line.addWidget(button)
        if not at_end:
            self._line.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def minimumSizeHint(self) -> QSize:
        widest = max(button.minimumSizeHint().width() for button in self._buttons)
        return QSize(widest, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        shown = [button.sizeHint().width() for button in self._buttons if not button.isHidden()]
        beside = sum(shown) + _GAP * len(shown) <= self.width()
        ways = QBoxLayout.Direction
        self._line.setDirection(ways.LeftToRight if beside else ways.TopToBottom)
