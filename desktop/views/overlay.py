"""Panels inside the window: dimmed behind, closed by Esc, focus kept within and given back."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.fonts import px
from desktop.ui.i18n import tr
from desktop.views.kit import IconButton, paint_scrim, plain_label
from desktop.views.panes import NARROW_BELOW

MARGIN: Final = 24
PADDING: Final = 20
WIDTH: Final = 440


class Panel(QFrame):
    """A titled box with a close button and a body that scrolls when the window is low."""

    closed = Signal()
    changed = Signal()
    """The body wants another height."""

    def __init__(self, title: str, body: QWidget, *, width: int = WIDTH, tall: bool = False) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAccessibleName(title)
        self.wanted_width = width
        self._tall = tall
        heading = plain_label(title, kind="heading", wrap=True)
        close = IconButton("x", tr("Close"))
        close.clicked.connect(self.closed)
        head = self._head = QHBoxLayout()
        head.setContentsMargins(PADDING, 14, PADDING - 8, 8)
        head.addWidget(heading, 1)
        head.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.body = body
        layout = body.layout()
        if layout is not None:
            layout.setContentsMargins(PADDING, 4, PADDING, PADDING)
            _gather(layout)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(scrolled(body), 1)
        body.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # It ends at the scroll area, which takes any height.
        if watched is self.body and event.type() is QEvent.Type.LayoutRequest:
            self.changed.emit()
        return super().eventFilter(watched, event)

    def wanted_height(self, width: int, room: int) -> int:
        """Of head and body at ``width``, where ``room`` is there."""
        if self._tall:
            return room
        layout = self.body.layout()
        body = self.body.sizeHint().height()
        if layout is not None and layout.hasHeightForWidth():
            body = max(layout.totalHeightForWidth(width - 2), layout.totalMinimumSize().height())
        return min(room, self._head.sizeHint().height() + body + 2)


class Overlay(QWidget):
    """Covers its parent while a panel is open. One panel at a time; opening another replaces it."""

    closed = Signal()
    """Nothing lies over the parent any more."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self.panel: Panel | None = None
        self._before: QWidget | None = None
        self._wanted: QWidget | None = None
        self.hide()
        parent.installEventFilter(self)

    def open(self, panel: Panel, focus: QWidget | None = None) -> None:
        """Show ``panel`` and move the focus to ``focus``, else to what its body names, else to the first."""
        if self.panel is None:
            self._before = QApplication.focusWidget()
        else:
            self._drop()
        self.panel = panel
        panel.setParent(self)
        panel.closed.connect(self.close_panel)
        panel.changed.connect(self._place)
        self.setGeometry(self._window.rect())
        self.show()
        self.raise_()
        panel.show()
        self._place()
        self._wanted = wanted = focus or panel.body.focusProxy()
        if wanted is not None and wanted.isEnabled():
            wanted.setFocus(Qt.FocusReason.PopupFocusReason)
            return
        self.focusNextPrevChild(True)
        if wanted is not None:
            # It waits for something, as the button that copies what is not there yet.
            wanted.installEventFilter(self)

    def give_back_to(self, widget: QWidget) -> None:
        """What lies below is another meanwhile: it gets the focus when the panel closes."""
        self._before = widget

    def close_panel(self) -> None:
        """Take it away and give the focus back."""
        if self.panel is None:
            return
        self._drop()
        self.hide()
        before, self._before = self._before, None
        if before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.PopupFocusReason)
        self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() is QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self._window.rect())
            self._place()
        elif (
            watched is self._wanted and event.type() is QEvent.Type.EnabledChange and self._wanted.isEnabled()
        ):
            watched.removeEventFilter(self)
            now = QApplication.focusWidget()
            if now is not None and self.isAncestorOf(now):
                self._wanted.setFocus(Qt.FocusReason.PopupFocusReason)
        return super().eventFilter(watched, event)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.LayoutRequest:
            self._place()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.panel is not None and not self.panel.geometry().contains(event.position().toPoint()):
            self.close_panel()

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_scrim(QPainter(self), self.rect())

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002 - Qt's name for it
        """Tab goes round within the panel."""
        chain = [] if self.panel is None else _focus_chain(self.panel)
        if not chain:
            return False
        current = QApplication.focusWidget()
        at = chain.index(current) if current in chain else (-1 if next else 0)
        reason = Qt.FocusReason.TabFocusReason if next else Qt.FocusReason.BacktabFocusReason
        chain[(at + (1 if next else -1)) % len(chain)].setFocus(reason)
        return True

    def _drop(self) -> None:
        if self.panel is not None:
            self.panel.hide()
            self.panel.deleteLater()
            self.panel = self._wanted = None

    def _place(self) -> None:
        panel = self.panel
        if panel is None:
            return
        flat = self.width() < px(NARROW_BELOW)
        if panel.property("flat") != flat:
            panel.setProperty("flat", flat)
            panel.style().unpolish(panel)
            panel.style().polish(panel)
        if flat:
            panel.setGeometry(self.rect())
            return
        width = min(px(panel.wanted_width), self.width() - 2 * MARGIN)
        height = panel.wanted_height(width, self.height() - 2 * MARGIN)
        panel.setGeometry((self.width() - width) // 2, (self.height() - height) // 2, width, height)


def _gather(layout: QLayout) -> None:
    """In a box that is higher than what is in it that stays together at the top."""
    if isinstance(layout, QGridLayout):
        layout.setRowStretch(layout.rowCount(), 1)
    elif isinstance(layout, QBoxLayout) and not any(layout.stretch(at) for at in range(layout.count())):
        layout.addStretch(1)


def scrolled(body: QWidget) -> QScrollArea:
    """``body`` in a frameless area that scrolls up and down only."""
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    body.setObjectName("inside")
    area.setWidget(body)
    area.viewport().setAutoFillBackground(False)
    body.setAutoFillBackground(False)
    return area


def _focus_chain(root: QWidget) -> list[QWidget]:
    found: list[QWidget] = []
    widget = root.nextInFocusChain()
    while widget is not root and widget is not None:
        wants = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None
        if wants and widget.isEnabled() and widget.isVisible() and root.isAncestorOf(widget):
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found
