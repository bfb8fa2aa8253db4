"""Fields, messages in place and the busy state that all forms share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desktop.services.state import ServiceError
from desktop.ui.announce import announce
from desktop.ui.fonts import px
from desktop.ui.i18n import tr
from desktop.views.buttons import WordButton
from desktop.views.context import Context
from desktop.views.kit import IconButton, plain_label, set_kind

GAP: Final = 12
_FIELD_GAP: Final = 4
_INSIDE: Final = 38
"""Room that the eye takes at the end of a secret field."""


class Message(QLabel):
    """What went wrong or well, in place; takes no room while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.hide()

    def say(self, text: str, *, error: bool = True) -> None:
        """Show it, and have it read out."""
        set_kind(self, "error" if error else "good")
        self.setText(text)
        self.setVisible(bool(text))
        if text:
            announce(self, text, now=error)

    def quiet(self) -> None:
        """Nothing to say."""
        self.say("")


class Field(QWidget):
    """A line to type in under its label; without a label the hint is its name."""

    def __init__(
        self, name: str, *, text: str = "", hint: str = "", limit: int = 0, secret: bool = False
    ) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(_FIELD_GAP)
        self.edit = QLineEdit(text)
        self.edit.setPlaceholderText(hint)
        self.edit.setAccessibleName(name or hint)
        if limit:
            self.edit.setMaxLength(limit)
        if name:
            caption = plain_label(name, kind="section")
            caption.setBuddy(self.edit)
            column.addWidget(caption)
        column.addWidget(self.edit)
        if secret:
            _conceal(self.edit)
        self.setFocusProxy(self.edit)

    @property
    def text(self) -> str:
        """As typed."""
        return self.edit.text()


def _conceal(edit: QLineEdit) -> None:
    edit.setEchoMode(QLineEdit.EchoMode.Password)
    row = QHBoxLayout(edit)
    row.setContentsMargins(0, 0, 3, 0)
    row.addStretch(1)
    button = IconButton("eye", tr("Show password"))
    button.setCheckable(True)
    button.setCursor(Qt.CursorShape.ArrowCursor)
    row.addWidget(button)
    # The eye is at the end of the line, wherever that is.
    inside = px(_INSIDE)
    turned = edit.layoutDirection() is Qt.LayoutDirection.RightToLeft
    edit.setTextMargins(inside if turned else 0, 0, 0 if turned else inside, 0)

    def toggle(shown: bool) -> None:
        edit.setEchoMode(QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password)
        button.set_icon("eye-off" if shown else "eye")
        button.set_name(tr("Hide password") if shown else tr("Show password"))

    button.toggled.connect(toggle)


class CheckRow(QWidget):
    """A check box with words that wrap; a press on the words is one on the ``box``."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.box = QCheckBox()
        self.box.setAccessibleName(text)
        self._words = plain_label(text, wrap=True)
        self._words.setBuddy(self.box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.box)
        row.addWidget(self._words, 1)
        self.setFocusProxy(self.box)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.box.click()


def button(text: str, kind: str = "") -> WordButton:
    """A push button: ``primary``, ``danger``, ``link`` or plain."""
    made = WordButton()
    if kind:
        made.setObjectName(kind)
    made.setText(text)
    if kind == "link":
        made.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made


class Form(QWidget):
    """A column of fields with one message and one piece of work at a time."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("inside")
        self.context = context
        self.message = Message()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(GAP)
        self.busy = False
        self._buttons: list[tuple[QPushButton, str, str]] = []

    def submits(self, submit: QPushButton, *fields: Field, busy: str = "") -> None:
        """Enter in any of ``fields`` presses ``submit``; while work is under way it says ``busy``."""
        self._buttons.append((submit, submit.text(), busy or submit.text()))
        for field in fields:
            field.edit.returnPressed.connect(submit.click)
            field.edit.textEdited.connect(self.message.quiet)

    def refuse(self, text: str, field: Field) -> None:
        """Something is missing: say what and go there."""
        self.message.say(text)
        field.edit.setFocus()
        field.edit.selectAll()

    def work(self, job: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Do it in the background; what the services refuse is said in place."""
        if not self.busy:
            self._set_busy(True)
            self.message.quiet()
            self.context.spawn(self._work(job), name)

    async def _work(self, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await job()
        except ServiceError as problem:
            if shiboken6.isValid(self):
                self.message.say(problem.text)
        finally:
            if shiboken6.isValid(self):
                self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        self.busy = busy
        for submit, text, busy_text in self._buttons:
            submit.setText(busy_text if busy else text)
            submit.setEnabled(not busy)
