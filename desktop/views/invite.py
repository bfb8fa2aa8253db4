"""What others need to join: a link, its QR code, the key to compare."""

from __future__ import annotations

from typing import Final

import segno
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

    def __init__(self, link: str, key: str) -> None:
        super().__init__()
        self.link = QLineEdit(link)
        self.link.setReadOnly(True)
        self.link.setCursorPosition(0)
        self.link.setAccessibleName(tr("Invite link"))
        self.copy = button(tr("Copy link"), "primary")
        self.copy.clicked.connect(self._copy)
        self.message = Message()
        column = QVBoxLayout(self)
        column.setSpacing(12)
        words = tr("Send this link, or let the other person enter the address in it on the start screen.")
        column.addWidget(plain_label(words, kind="muted", wrap=True))
        column.addWidget(QrCode(link), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.link)
        column.addWidget(self.copy)
        column.addWidget(self.message)
        column.addWidget(plain_label(tr("Key to compare"), kind="section"))
        column.addWidget(plain_label(key, kind="key", wrap=True))
        self.setFocusProxy(self.copy)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.link.text())
        self.message.say(tr("Copied."), error=False)


def link_of(context: Context, account: Account) -> str:
    """The host's own link, with its address on the network; else that of the account's server."""
    info, host = account.info, context.host.state
    if info.hosted_here and host.running:
        return host.invite_link
    return invite_link(parse_address(info.address), server_id=info.server_id, code=None)


def invite_panel(context: Context, account: Account) -> Panel:
    """For anybody on the server: it takes whoever finds it."""
    return Panel(tr("Invite people"), Invite(link_of(context, account), account.info.short_key))
