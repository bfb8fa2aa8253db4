"""One's own picture: chosen from a file, made small here, and sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageReader
from PySide6.QtWidgets import QFileDialog

from desktop.services.api import Account
from desktop.services.state import ServiceError
from desktop.ui.i18n import tr
from desktop.views.buttons import ButtonRow
from desktop.views.context import Context
from desktop.views.forms import Form, button

_SIDE: Final = 512
_ALLOCATION_MIB: Final = 256
_PATTERNS: Final = "*.png *.jpg *.jpeg *.webp *.bmp *.gif"


class PictureRow(Form):
    """Two buttons; the picture itself is shown by the profile above."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__(context)
        self._account = account
        self.choose, self.remove = button(tr("Choose picture…")), button(tr("Remove picture"), "link")
        self.choose.clicked.connect(self._ask)
        self.remove.clicked.connect(lambda: self.work(self._remove, "picture"))
        self.submits(self.choose, busy=tr("Sending…"))
        self.column.addWidget(ButtonRow(self.choose, self.remove, at_end=False))
        self.column.addWidget(self.message)
        account.changed.connect(self._show)
        self._show()

    def take(self, path: str) -> None:
        """Send the picture of a file."""
        self.work(lambda: self._send(Path(path)), "picture")

    def _show(self) -> None:
        self.remove.setVisible(self._account.info.me.picture is not None)

    def _ask(self) -> None:
        dialog = QFileDialog(self, tr("Choose picture"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(tr("Pictures ({patterns})").format(patterns=_PATTERNS))
        dialog.fileSelected.connect(self.take)
        dialog.open()

    async def _send(self, path: Path) -> None:
        await self._account.set_picture(await asyncio.to_thread(small_picture, path))

    async def _remove(self) -> None:
        await self._account.set_picture(None)


def small_picture(path: Path) -> bytes:
    """A PNG of at most 512 pixels, upright.

    Raises:
        ServiceError: it is no picture, in words.
    """
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    QImageReader.setAllocationLimit(_ALLOCATION_MIB)
    size = reader.size()
    if size.isValid() and max(size.width(), size.height()) > _SIDE:
        # The decoder may do less: of a photo it needs no more than this.
        reader.setScaledSize(size.scaled(QSize(_SIDE, _SIDE), Qt.AspectRatioMode.KeepAspectRatioByExpanding))
    image: QImage = reader.read()
    if image.isNull():
        raise ServiceError(tr("This is no picture that Parley can show. Use PNG, JPEG or WebP."))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stubs want bytes, PySide takes the name
    return bytes(buffer.data().data())
