"""The column in the middle of the window that all first screens are written in."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from desktop.ui.fonts import px
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.forms import Form
from desktop.views.kit import LOOKS, IconButton, plain_label
from desktop.views.overlay import scrolled

_WIDTH: Final = 380


class StartForm(QWidget):
    """A form in the middle, a way back at the top. ``form`` holds the parts."""

    done = Signal()
    back_wanted = Signal()

    def __init__(self, context: Context, title: str, meaning: str) -> None:
        super().__init__()
        self.context = context
        self.back = IconButton("arrow-left", tr("Back"), colour="text")
        self.back.clicked.connect(self.back_wanted)
        self.form = Form(context)
        self._fit()
        heading = plain_label(title, kind="title", wrap=True)
        self.form.column.addWidget(heading)
        self.meaning = plain_label(meaning, kind="muted", wrap=True)
        self.form.column.addWidget(self.meaning)
        self.form.column.addSpacing(4)
        self.setAccessibleName(title)
        top = QHBoxLayout()
        top.setContentsMargins(12, 12, 12, 0)
        top.addWidget(self.back)
        top.addStretch(1)
        middle = QWidget()
        rows = QVBoxLayout(middle)
        rows.setContentsMargins(20, 8, 20, 20)
        rows.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.form, 1000)
        row.addStretch(1)
        rows.addLayout(row)
        rows.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addLayout(top)
        outer.addWidget(scrolled(middle), 1)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in LOOKS:
            self._fit()
        super().changeEvent(event)

    def _fit(self) -> None:
        self.form.setMaximumWidth(px(_WIDTH))

    def add(self, *parts: QWidget) -> None:
        """Below what is there."""
        for part in parts:
            self.form.column.addWidget(part)

    def add_link(self, link: QWidget) -> None:
        """A line that leads elsewhere."""
        self.form.column.addWidget(link, 0, Qt.AlignmentFlag.AlignLeading)


def either_or() -> QWidget:
    """A line with "or" in its middle."""
    whole = QWidget()
    row = QHBoxLayout(whole)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(12)
    row.addWidget(_line(), 1)
    row.addWidget(plain_label(tr("or"), kind="muted"))
    row.addWidget(_line(), 1)
    return whole


def _line() -> QFrame:
    line = QFrame()
    line.setObjectName("line")
    return line
