"""Signing out: wipes what is kept here, and asks first when something would be lost."""

from __future__ import annotations

from desktop.services.api import Account
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.forms import Form, button
from desktop.views.kit import plain_label


class SignOutSection(Form):
    """The first press says what it means, the second does it."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__(context)
        self._account = account
        self._asked = False
        self._meaning = plain_label("", kind="muted", wrap=True)
        self.go = button(tr("Sign out"), "danger")
        self.stay = button(tr("Stay signed in"))
        self.stay.hide()
        self.go.clicked.connect(self._press)
        self.stay.clicked.connect(lambda: self._ask(asked=False))
        self.column.addWidget(plain_label(tr("Sign out"), kind="heading"))
        for part in (self._meaning, self.message, self.go, self.stay):
            self.column.addWidget(part)
        self._ask(asked=False)

    @property
    def meaning(self) -> str:
        """What it says will happen."""
        return self._meaning.text()

    def _ask(self, *, asked: bool) -> None:
        self._asked = asked
        self.stay.setVisible(asked)
        if not asked:
            self.go.setText(tr("Sign out"))
            words = tr("Messages kept on this computer are removed; the server still has them.")
            self._meaning.setText(words)
            return
        waiting = self.context.accounts.waiting(self._account)
        self.go.setText(tr("Sign out anyway"))
        if waiting == 1:
            self._meaning.setText(tr("1 message or draft was not sent yet. It is lost when you sign out."))
        else:
            words = tr("{count} messages and drafts were not sent yet. They are lost when you sign out.")
            self._meaning.setText(words.format(count=waiting))

    def _press(self) -> None:
        if not self._asked and self.context.accounts.waiting(self._account):
            self._ask(asked=True)
            return
        self.work(self._sign_out, "sign out")

    async def _sign_out(self) -> None:
        await self.context.accounts.sign_out(self._account)
        self.context.shell.close_panel()
