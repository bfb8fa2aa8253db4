"""The field one writes in: grows to eight lines, Enter sends, Shift+Enter breaks."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from common.limits import BODY_MAX_CHARS
from desktop.ui.fonts import px
from desktop.ui.i18n import tr
from desktop.views.context import Settings
from desktop.views.kit import LOOKS, IconButton, plain_label

_MAX_LINES: Final = 8
_ONE: Final = 30
_PADDING: Final = 10
_COUNT_FROM: Final = BODY_MAX_CHARS - 500
"""Characters from which the counter shows."""


class Composer(QPlainTextEdit):
    """Emits what to send; the text stays until ``clear``."""

    send_wanted = Signal(str)
    edit_last_wanted = Signal()
    cancel_wanted = Signal()
    focus_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self.setAccessibleName(tr("Message"))
        self.setTabChangesFocus(True)
        self._hint = ""
        self.document().setDocumentMargin(4)
        self.textChanged.connect(self._grow)
        self._grow()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in {*LOOKS, QEvent.Type.FontChange}:
            self._grow()
            self._show_hint()

    def set_hint(self, words: str) -> None:
        """What an empty field says, in one line."""
        self._hint = words
        self._show_hint()

    def _show_hint(self) -> None:
        room = self.viewport().width() - 2 * round(self.document().documentMargin())
        self.setPlaceholderText(self.fontMetrics().elidedText(self._hint, Qt.TextElideMode.ElideRight, room))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_hint()

    def submit(self) -> None:
        """As Enter does; an empty text is nothing to send."""
        text = self.toPlainText().strip()
        if text:
            self.send_wanted.emit(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.submit()
        elif event.key() == Qt.Key.Key_Up and not self.toPlainText():
            self.edit_last_wanted.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.cancel_wanted.emit()
        else:
            super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Text only: nobody wants the fonts of a web page in a message."""
        if source.hasText():
            self.textCursor().insertText(source.text())

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_changed.emit(False)

    def _grow(self) -> None:
        wanted = max(1, round(self.document().size().height()))
        lines = min(_MAX_LINES, wanted)
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAsNeeded if wanted > lines else policy.ScrollBarAlwaysOff
        )
        # One line is as high as the buttons beside it, each further one only as high as it is.
        line = self.fontMetrics().lineSpacing()
        self.setFixedHeight((lines - 1) * line + max(line + _PADDING, px(_ONE)))


class ComposerBox(QFrame):
    """The field with its emoji and send buttons, in one frame that shows the focus."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.setObjectName("composerBox")
        self._settings = settings
        self.composer = Composer()
        self._count = plain_label("", kind="caption")
        self._count.hide()
        self.emoji = IconButton("smile", tr("Emoji"))
        self.emoji.clicked.connect(self._pick)
        self.send = IconButton("arrow-up", tr("Send"), colour="on_accent")
        self.send.setObjectName("send")
        self.send.clicked.connect(self.composer.submit)
        row = QHBoxLayout()
        row.setContentsMargins(10, 6, 7, 6)
        row.setSpacing(4)
        row.addWidget(self.composer, 1)
        bottom = Qt.AlignmentFlag.AlignBottom
        row.addWidget(self._count, 0, bottom)
        row.addWidget(self.emoji, 0, bottom)
        row.addWidget(self.send, 0, bottom)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        self.composer.textChanged.connect(self._changed)
        self.composer.focus_changed.connect(self._focus)
        self.setFocusProxy(self.composer)
        self._changed()

    def _changed(self) -> None:
        text = self.composer.toPlainText()
        left = BODY_MAX_CHARS - len(text)
        self._count.setVisible(len(text) > _COUNT_FROM)
        words = tr("{count} left") if left >= 0 else tr("{count} too many")
        self._count.setText(words.format(count=abs(left)))
        self.send.setEnabled(bool(text.strip()) and left >= 0)

    def _focus(self, on: bool) -> None:
        self.setProperty("focused", on)
        self.style().unpolish(self)
        self.style().polish(self)

    def _pick(self) -> None:
        # Loaded on first use: its table is not needed to show a window.
        from desktop.views.conversation.emoji import EmojiPicker

        picker = EmojiPicker(self._settings, self)
        picker.chosen.connect(self._insert)
        picker.show_above(self.emoji)

    def _insert(self, emoji: str) -> None:
        self.composer.textCursor().insertText(emoji)
        self.composer.setFocus()
