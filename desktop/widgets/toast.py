"""A line over the foot of a window that goes away by itself."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QLabel, QWidget

from desktop.ui.announce import announce

SHOWN_MS: Final = 6_000
_MARGIN: Final = 20
_WIDEST: Final = 480


class Toast(QLabel):
    """Says one thing at a time; the next takes its place."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._around = parent
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SHOWN_MS)
        self._timer.timeout.connect(self.hide)
        self.hide()
        parent.installEventFilter(self)

    def say(self, text: str) -> None:
        """Show it, and have it read out."""
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
