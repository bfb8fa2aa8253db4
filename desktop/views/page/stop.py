"""Hard stops: signed out, another key, no common version, taken over by another window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop.services.api import Account
from desktop.services.state import Link
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.forms import Field, Form, button
from desktop.views.kit import IconLabel, plain_label
from desktop.views.overlay import Panel
from desktop.views.page.bar import stopped
from desktop.views.settings.signout import SignOutSection

_WIDTH: Final = 402


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a stop looks like."""

    icon: str
    title: str
    meaning: str


def words_of(link: Link) -> Words:
    """Of a link for which ``stopped`` holds."""
    if link is Link.SIGNED_OUT:
        return Words(
            icon="lock",
            title=tr("You are signed out here"),
            meaning=tr(
                "This device was signed out, or the password was changed. "
                "Your messages and what waits to be sent are still here."
            ),
        )
    if link is Link.KEY_CHANGED:
        return Words(
            icon="shield-alert",
            title=tr("This is not the server you know"),
            meaning=tr(
                "Another key answers at this address. It may be another computer, or somebody who wants to "
                "read along. Nothing was sent. Ask the person who hosts before you go on; if they set the "
                "server up anew, sign out here and join it again."
            ),
        )
    if link is Link.VERSION:
        return Words(
            icon="refresh-cw",
            title=tr("The server and this program do not fit together"),
            meaning=tr("Your messages stay on this computer, and what waits is sent after the update."),
        )
    return Words(
        icon="monitor",
        title=tr("Parley is open in another window"),
        meaning=tr("The same account was opened with the same profile elsewhere. Only one can be connected."),
    )


class StopScreen(QWidget):
    """In place of the conversation, until the person does what it asks."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self._account = account
        self._icon = IconLabel("lock", colour="danger", size=32)
        self._title = plain_label("", kind="heading", wrap=True)
        self._meaning = plain_label("", kind="muted", wrap=True)
        self._reason = plain_label("", wrap=True)
        self.password = Field(tr("Password"), secret=True)
        self.form = Form(context)
        self.sign_in = button(tr("Sign in"), "primary")
        for widget in (self.password, self.sign_in, self.form.message):
            self.form.column.addWidget(widget)
        self.form.submits(self.sign_in, self.password, busy=tr("Signing in…"))
        self.sign_in.clicked.connect(self._sign_in)
        self.again: QPushButton = button(tr("Try again"))
        self.again.clicked.connect(account.try_now)
        # In a narrow window no menu leads there.
        self.leave = button(tr("Sign out here…"), "danger")
        self.leave.clicked.connect(
            lambda: context.shell.show_panel(Panel(tr("Sign out"), SignOutSection(context, account)))
        )
        column = QWidget()
        column.setMaximumWidth(_WIDTH)
        inner = QVBoxLayout(column)
        inner.setSpacing(12)
        for part in (self._icon, self._title, self._reason, self._meaning, self.form, self.again, self.leave):
            inner.addWidget(part)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(20, 20, 20, 20)
        outer.addStretch(1)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(column, 1000)
        middle.addStretch(1)
        outer.addLayout(middle)
        outer.addStretch(1)
        account.link_changed.connect(self._show)
        self._show()

    def _sign_in(self) -> None:
        if not self.password.text:
            self.form.refuse(tr("Enter your password."), self.password)
            return
        self.form.work(lambda: self._account.sign_in_again(self.password.text), "sign in again")

    def _show(self) -> None:
        state = self._account.link
        if not stopped(state.link):
            self.password.edit.clear()
            return
        words = words_of(state.link)
        self._icon.show_icon(words.icon, "danger")
        self._title.setText(words.title)
        self._meaning.setText(words.meaning)
        self._reason.setText(state.reason)
        # Of another key there is no more to say than what it means.
        self._reason.setVisible(bool(state.reason) and state.link is not Link.KEY_CHANGED)
        self.leave.setVisible(state.link in {Link.KEY_CHANGED, Link.SIGNED_OUT})
        self.form.setVisible(state.link is Link.SIGNED_OUT)
        self.again.setVisible(state.link in {Link.VERSION, Link.REPLACED})
        self.setAccessibleName(words.title)
        keyboard = {Link.SIGNED_OUT: self.password, Link.KEY_CHANGED: self.leave}
        self.setFocusProxy(keyboard.get(state.link, self.again))
        self._title.setAlignment(Qt.AlignmentFlag.AlignLeading)
