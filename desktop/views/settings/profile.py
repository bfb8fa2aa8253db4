"""Name, about and colour, as others see them."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QGridLayout, QHBoxLayout, QWidget

from common.limits import ABOUT_MAX_CHARS, NAME_MAX_CHARS
from desktop.services.api import Account
from desktop.ui.i18n import tr
from desktop.ui.theme import tokens
from desktop.ui.tokens import AVATARS
from desktop.views.context import Context
from desktop.views.forms import Field, Form, button
from desktop.views.kit import Avatar, plain_label
from desktop.views.settings.picture import PictureRow

_AVATAR: Final = 64
_SWATCH: Final = 28
_A_ROW: Final = 6


class Swatch(QAbstractButton):
    """One colour of the palette; a ring when it is chosen."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._colour = AVATARS[number]
        self.setCheckable(True)
        self.setFixedSize(_SWATCH, _SWATCH)
        self.setAccessibleName(tr("Colour {number}").format(number=number + 1))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._colour))
        painter.drawEllipse(QRectF(self.rect()).adjusted(4, 4, -4, -4))
        if self.isChecked() or self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens().text if self.isChecked() else tokens().accent), 2))
            painter.drawEllipse(QRectF(self.rect()).adjusted(1, 1, -1, -1))


class ProfileSection(Form):
    """Saved with its button."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__(context)
        self._account = account
        me = account.info.me
        self._avatar = Avatar(_AVATAR)
        self.name = Field(tr("Name"), text=me.name, limit=NAME_MAX_CHARS)
        self.about = Field(tr("About you"), text=me.about, limit=ABOUT_MAX_CHARS)
        self.colours = QButtonGroup(self)
        swatches = QWidget()
        grid = QGridLayout(swatches)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for number in range(len(AVATARS)):
            swatch = Swatch(number)
            swatch.setChecked(number == me.colour)
            self.colours.addButton(swatch, number)
            grid.addWidget(swatch, number // _A_ROW, number % _A_ROW)
        self.save = button(tr("Save profile"), "primary")
        self.save.clicked.connect(self._save)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(self._avatar)
        row.addWidget(swatches)
        row.addStretch(1)
        self.column.addWidget(plain_label(tr("Profile"), kind="heading"))
        self.column.addWidget(plain_label(f"@{me.username}", kind="muted"))
        self.column.addLayout(row)
        for part in (PictureRow(context, account), self.name, self.about, self.message, self.save):
            self.column.addWidget(part)
        self.submits(self.save, self.name, self.about, busy=tr("Saving…"))
        account.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        self._avatar.show_person(self._account.info.me)

    def _save(self) -> None:
        if not self.name.text.strip():
            self.refuse(tr("Others need a name to see."), self.name)
            return
        self.work(self._change, "profile")

    async def _change(self) -> None:
        colour = self.colours.checkedId()
        await self._account.change_profile(
            name=self.name.text.strip(), about=self.about.text.strip(), colour=colour if colour >= 0 else None
        )
        self.message.say(tr("Saved."), error=False)
