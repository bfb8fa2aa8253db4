"""The thin bar above a conversation while the server can't be reached, or does not run on this computer."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop.services.api import Account
from desktop.services.state import Link, LinkState
from desktop.ui.fonts import px
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.forms import button
from desktop.views.kit import IconLabel, plain_label
from desktop.views.page.standing import standing

_TICK_MS: Final = 500
_SHORT_BELOW: Final = 480
_STOPPED: Final = frozenset({Link.SIGNED_OUT, Link.KEY_CHANGED, Link.VERSION, Link.REPLACED})


def stopped(link: Link) -> bool:
    """Nothing goes on until the person does something: a screen says so, not a bar."""
    return link in _STOPPED


def bar_text(state: LinkState, now: float, *, short: bool = False) -> str:
    """What happened, what it means and when the next try is; ``now`` is monotonic seconds.

    ``short`` leaves out why, for a narrow window.
    """
    words = [tr("Offline.") if short else state.reason or tr("Offline."), tr("You can keep writing.")]
    if state.waiting == 1:
        words.append(tr("1 message waits."))
    elif state.waiting:
        words.append(tr("{count} messages wait.").format(count=state.waiting))
    if state.retry_at is not None:
        seconds = max(0, round(state.retry_at - now))
        words.append(tr("Next try in {seconds} s.").format(seconds=seconds))
    return " ".join(words)


class OfflineBar(QWidget):
    """Shows itself while offline, with a countdown and "Try now"."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self.setObjectName("bar")
        self._context, self._account = context, account
        self._text = plain_label("", kind="barText", wrap=True)
        self.retry = button(tr("Try now"), "link")
        self.retry.clicked.connect(self._try)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 6, 20, 6)
        row.setSpacing(8)
        row.addWidget(IconLabel("wifi-off", size=16))
        row.addWidget(self._text, 1)
        row.addWidget(self.retry)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._show)
        account.link_changed.connect(self._show)
        context.host.changed.connect(self._show)
        self._show()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    @property
    def _host_stands(self) -> bool:
        """The server on this computer is what is missing."""
        return self._account.info.hosted_here and not self._context.host.state.running

    def _try(self) -> None:
        if self._host_stands:
            self._context.attempt(self._context.host.start(), self, self._context.shell.say)
        else:
            self._account.try_now()

    def _show(self) -> None:
        state = standing(self._account, self._context.host.state)
        offline = state.link is Link.WAITING
        if offline:
            # What is wrong on this computer only its person can mend: it is said in any width.
            short = self.width() < px(_SHORT_BELOW) and not self._host_stands
            self._text.setText(bar_text(state, time.monotonic(), short=short))
            self._text.setToolTip(state.reason if short else "")
        # Its own clock runs only while there is something to count.
        if state.retry_at is None or not offline:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()
        self.setVisible(offline)
