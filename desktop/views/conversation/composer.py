"""The field one writes in: grows to eight lines, Enter sends, Shift+Enter breaks."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

_MAX_LINES: Final = 8
_PADDING: Final = 24


class Composer(QPlainTextEdit):
    """Emits what to send; the text stays until ``clear``."""

    send_wanted = Signal(str)
    edit_last_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Message")
        self.setTabChangesFocus(True)
        self.textChanged.connect(self._grow)
        self._grow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            if self.toPlainText().strip():
                self.send_wanted.emit(self.toPlainText().strip())
        elif event.key() == Qt.Key.Key_Up and not self.toPlainText():
            self.edit_last_wanted.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.cancel_wanted.emit()
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _grow(self) -> None:
        wanted = max(1, round(self.document().size().height()))
        lines = min(_MAX_LINES, wanted)
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAsNeeded if wanted > lines else policy.ScrollBarAlwaysOff
        )
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + _PADDING)
