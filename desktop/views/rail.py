"""The strip of accounts at the very left; only there when there are several."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QVBoxLayout, QWidget

from desktop.services.api import Account
from desktop.ui.fonts import px, sized
from desktop.ui.i18n import tr
from desktop.ui.theme import tokens
from desktop.ui.tokens import avatar_colour
from desktop.views.kit import LOOKS, IconButton
from desktop.widgets.avatar import initials, paint_avatar

WIDTH: Final = 56
_BUTTON: Final = 44
_AVATAR: Final = 36
_MANY: Final = 99
_EDGE: Final = 2
_WIDEST: Final = 72


class AccountButton(QAbstractButton):
    """The server's initials, a ring when it is shown, a dot when it has something unread."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.account = account
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self._fit()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        account.changed.connect(self._show)
        self._show()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in LOOKS:
            self._fit()
        super().changeEvent(event)

    def _fit(self) -> None:
        side = min(px(_BUTTON), _WIDEST - 2 * _EDGE)
        self.setFixedSize(side, side)

    def _show(self) -> None:
        info = self.account.info
        unread = tr(", {count} unread").format(count=info.unread) if info.unread else ""
        self.setToolTip(f"{info.server_name} · {info.me.name}")
        self.setAccessibleName(f"{info.server_name}, {info.me.name}{unread}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        info, t = self.account.info, tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inset = px(_BUTTON - _AVATAR) / 2
        place = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        paint_avatar(painter, place, text=initials(info.server_name), ground=avatar_colour(info.server_id))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.isChecked() or self.hasFocus():
            painter.setPen(QPen(QColor(t.accent), 2 if self.isChecked() else 1))
            painter.drawEllipse(QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5))
        if info.unread:
            self._badge(painter, info.unread)

    def _badge(self, painter: QPainter, unread: int) -> None:
        t = tokens()
        text = str(unread) if unread <= _MANY else f"{_MANY}+"
        font = sized(10, QFont.Weight.DemiBold)
        wide = max(px(18), QFontMetrics(font).horizontalAdvance(text) + px(8))
        spot = QRectF(self.width() - wide - 1, 1, wide, px(17))
        # Where the language runs right to left it is the other upper corner.
        if self.layoutDirection() is Qt.LayoutDirection.RightToLeft:
            spot.moveLeft(1)
        painter.setPen(QPen(QColor(t.background), 2))
        painter.setBrush(QColor(t.accent))
        painter.drawRoundedRect(spot, spot.height() / 2, spot.height() / 2)
        painter.setFont(font)
        painter.setPen(QColor(t.on_accent))
        painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, text)


class Rail(QWidget):
    """Chooses which account is shown."""

    chosen = Signal(object)
    """The account."""

    add_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._fit()
        self.buttons: list[AccountButton] = []
        self.add = IconButton("plus", tr("Add another server"))
        self.add.clicked.connect(self.add_wanted)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(_EDGE, 10, _EDGE, 10)
        self._column.setSpacing(6)
        self._column.addWidget(self.add, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addStretch(1)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in LOOKS:
            self._fit()
        super().changeEvent(event)

    def _fit(self) -> None:
        # Pictures: with larger text they leave the room to the words.
        self.setFixedWidth(min(px(WIDTH), _WIDEST))

    def show_accounts(self, accounts: list[Account], shown: Account | None) -> None:
        """In their order; hidden while there are less than two."""
        if [button.account for button in self.buttons] != accounts:
            for button in self.buttons:
                self._column.removeWidget(button)
                button.hide()
                button.deleteLater()
            self.buttons = [self._button(account) for account in accounts]
            for place, button in enumerate(self.buttons):
                self._column.insertWidget(place, button, 0, Qt.AlignmentFlag.AlignHCenter)
        for button in self.buttons:
            button.setChecked(button.account is shown)
        self.setVisible(len(accounts) > 1)

    def _button(self, account: Account) -> AccountButton:
        button = AccountButton(account)
        button.clicked.connect(lambda: self.chosen.emit(account))
        return button
