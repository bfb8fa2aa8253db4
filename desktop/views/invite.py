"""What others need to join: a link, its QR code, the key to compare."""

from __future__ import annotations

from typing import Final

import segno
import shiboken6
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from common.address import invite_link, parse_address
from desktop.services.api import Account
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.forms import Message, button
from desktop.views.kit import plain_label
from desktop.views.overlay import Panel

_QUIET: Final = 4
"""Modules of white around the code (ISO/IEC 18004)."""
_SIZE: Final = 220


class QrCode(QWidget):
    """Dark on white in every theme: readers want it so."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._modules = [list(row) for row in segno.make(text, error="m", micro=False).matrix]
        self.setFixedSize(_SIZE, _SIZE)
        self.setAccessibleName(tr("QR code of the invite link"))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#FFFFFF"))
        # Whole pixels, or seams show between the modules.
        step = _SIZE // (len(self._modules) + 2 * _QUIET)
        start = (_SIZE - step * len(self._modules)) // 2
        for y, row in enumerate(self._modules):
            for x, dark in enumerate(row):
                if dark:
                    spot = QRectF(start + x * step, start + y * step, step, step)
                    painter.fillRect(spot, QColor("#000000"))


class Invite(QWidget):
    """The link can be copied; the key is said aloud and compared."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self.link = QLineEdit()
        self.link.setReadOnly(True)
        self.link.setAccessibleName(tr("Invite link"))
        self.copy = button(tr("Copy link"), "primary")
        self.copy.clicked.connect(self._copy)
        self.copy.setEnabled(False)
        self.message = Message()
        self._column = QVBoxLayout(self)
        self._column.setSpacing(12)
        words = tr("Send this link, or let the other person enter the address in it on the start screen.")
        self.code: QrCode | None = None
        self._column.addWidget(plain_label(words, kind="muted", wrap=True))
        self._column.addWidget(self.link)
        self._column.addWidget(self.copy)
        self._column.addWidget(self.message)
        self._column.addWidget(plain_label(tr("Key to compare"), kind="section"))
        self._column.addWidget(plain_label(account.info.short_key, kind="key", wrap=True))
        self._column.addStretch(1)
        self.setFocusProxy(self.copy)
        context.attempt(self._fetch(context, account), self, self.message.say)

    def show_link(self, link: str) -> None:
        """As text and as a code."""
        self.link.setText(link)
        self.link.setCursorPosition(0)
        self.copy.setEnabled(True)
        self.code = QrCode(link)
        self._column.insertWidget(1, self.code, 0, Qt.AlignmentFlag.AlignHCenter)

    async def _fetch(self, context: Context, account: Account) -> None:
        link = await link_of(context, account)
        if shiboken6.isValid(self):
            self.show_link(link)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.link.text())
        self.message.say(tr("Copied."), error=False)


async def link_of(context: Context, account: Account) -> str:
    """To the host's address on the network, or to where the account reaches its server.

    Where only the invited may join an admin's link carries a fresh code; elsewhere none is made.
    """
    info, host = account.info, context.host.state
    address = host.addresses[0] if info.hosted_here and host.running else info.address
    if info.me.admin and (await context.accounts.find(info.address)).invite_needed:
        return await account.invite_link(address)
    return invite_link(parse_address(address), server_id=info.server_id, code=None)


def invite_panel(context: Context, account: Account) -> Panel:
    """For anybody on the server."""
    return Panel(tr("Invite people"), Invite(context, account))
