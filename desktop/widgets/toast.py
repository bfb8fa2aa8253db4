"""A line over the foot of a window that goes away by itself."""

from __future__ import annotations

from collections import deque
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QLabel, QWidget

from desktop.ui.announce import announce
from desktop.ui.timer import once

SHOWN_MS: Final = 6_000
WAITING_MAX: Final = 20
_MARGIN: Final = 20
_WIDEST: Final = 480


class Toast(QLabel):
    """Says one thing after the other, each for its time; what is said again already waits or is shown."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._around = parent
        self._waiting: deque[str] = deque(maxlen=WAITING_MAX)
        self._held = False
        self._timer = once(self, SHOWN_MS, self._next)
        self.hide()
        parent.installEventFilter(self)

    def say(self, text: str) -> None:
        """Show it, and have it read out, when what came before had its time."""
        if self._timer.isActive() and text == self.text():
            self._timer.start()
        elif text not in self._waiting:
            self._waiting.append(text)
            if not self._timer.isActive():
                self._next()

    def hold(self) -> None:
        """Something lies over the window, and this would lie over it: what is shown is said again later."""
        self._held = True
        if self._timer.isActive():
            self._timer.stop()
            self._waiting.appendleft(self.text())
        self.hide()

    def go_on(self) -> None:
        """Nothing lies over the window any more."""
        self._held = False
        if not self._timer.isActive():
            self._next()

    def _next(self) -> None:
        if self._held or not self._waiting:
            self.hide()
            return
        text = self._waiting.popleft()
        self.setText(text)
        self._place()
        self.show()
        self.raise_()
        self._timer.start()
        announce(self, text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._around and event.type() is QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        room = self._around.rect()
        widest = min(_WIDEST, room.width() - 2 * _MARGIN)
        width = min(widest, self.fontMetrics().horizontalAdvance(self.text()) + 2 * _MARGIN)
        height = self.heightForWidth(width)
        left = (room.width() - width) // 2
        self.setGeometry(left, room.height() - height - 4 * _MARGIN, width, height)
