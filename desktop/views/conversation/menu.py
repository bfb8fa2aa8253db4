"""All that can be done with a message: what the mouse finds in a bubble is here for the keyboard too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from desktop.services.state import MessageItem, SendState
from desktop.ui.i18n import tr
from desktop.views.conversation.emoji import QUICK
from desktop.views.conversation.markdown import code_blocks, links, opens

_MOST_LINKS: Final = 5
_LINK_SHOWN: Final = 48


class MessageMenu(QMenu):
    """Of one message; ``deletable`` where the person may delete it."""

    retry_wanted = Signal()
    discard_wanted = Signal()
    react_wanted = Signal(str)
    """With an emoji."""
    pick_wanted = Signal()
    """React with another emoji."""
    reply_wanted = Signal()
    quote_wanted = Signal()
    edit_wanted = Signal()
    delete_wanted = Signal()

    def __init__(self, parent: QWidget, item: MessageItem, *, deletable: bool) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        stored = item.seq is not None
        if item.state is SendState.FAILED:
            self._offer(tr("Retry"), self.retry_wanted.emit)
            self._offer(tr("Discard"), self.discard_wanted.emit)
        if stored and not item.deleted:
            self._offer_reactions()
            self._offer(tr("Reply"), self.reply_wanted.emit)
        if not item.deleted:
            self._offer(tr("Copy"), partial(copy, item.body))
            for code in code_blocks(item.body):
                self._offer(tr("Copy code"), partial(copy, code))
            for link in links(item.body)[:_MOST_LINKS]:
                self._offer(tr("Open {place}").format(place=_place(link)), partial(follow, link))
        if item.reply is not None:
            self._offer(tr("Show what it answers"), self.quote_wanted.emit)
        if stored and item.own and not item.deleted:
            self._offer(tr("Edit"), self.edit_wanted.emit)
        if stored and deletable:
            self._offer(tr("Delete for everyone"), self.delete_wanted.emit)

    def _offer(self, words: str, action: Callable[[], object]) -> None:
        self.addAction(words).triggered.connect(lambda _checked=False: action())

    def _offer_reactions(self) -> None:
        react = self.addMenu(tr("React"))
        for emoji in QUICK:
            react.addAction(emoji).triggered.connect(
                lambda _=False, emoji=emoji: self.react_wanted.emit(emoji)
            )
        react.addAction(tr("More…")).triggered.connect(lambda _checked=False: self.pick_wanted.emit())


def follow(link: str) -> None:
    """Open it in the browser, as far as it may be followed."""
    if opens(link):
        QDesktopServices.openUrl(QUrl(link))


def copy(text: str) -> None:
    """To the clipboard."""
    QGuiApplication.clipboard().setText(text)


def _place(link: str) -> str:
    """A link in a menu: its host first, and no more than can be read there."""
    shown = link.partition("://")[2].rstrip("/")
    # An ampersand would underline what follows it.
    return (shown if len(shown) <= _LINK_SHOWN else shown[:_LINK_SHOWN] + "…").replace("&", "&&")
