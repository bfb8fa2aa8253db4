"""The end of an account, asked for with its password."""

from __future__ import annotations

from desktop.services.api import Account
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.forms import Field, Form, button
from desktop.views.kit import plain_label
from desktop.views.overlay import Panel


class DeletionSection(Form):
    """One button; what it means is told before anything happens."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__(context)
        self.go = button(tr("Delete account…"), "danger")
        self.go.clicked.connect(lambda: context.shell.show_panel(deletion_panel(context, account)))
        words = tr('Others see "Deleted user" from then on. What you wrote stays in its rooms.')
        self.column.addWidget(plain_label(tr("Delete account"), kind="heading"))
        self.column.addWidget(plain_label(words, kind="muted", wrap=True))
        self.column.addWidget(self.go)


class Deletion(Form):
    """The password, and a way back."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__(context)
        self._account = account
        self.password = Field(tr("Your password"), secret=True)
        self.go, self.stay = button(tr("Delete account"), "danger"), button(tr("Cancel"))
        self.go.clicked.connect(self._check)
        self.stay.clicked.connect(context.shell.close_panel)
        words = tr(
            "Your name, picture and profile are erased, you leave all groups, and you are signed out "
            "everywhere. This can't be undone."
        )
        self.column.addWidget(plain_label(words, wrap=True))
        for part in (self.password, self.message, self.go, self.stay):
            self.column.addWidget(part)
        self.submits(self.go, self.password, busy=tr("Deleting…"))
        self.setFocusProxy(self.password)

    def _check(self) -> None:
        if not self.password.text:
            self.refuse(tr("Type your password."), self.password)
            return
        self.work(self._delete, "delete account")

    async def _delete(self) -> None:
        await self._account.delete(self.password.text)
        await self.context.accounts.sign_out(self._account)
        self.context.shell.close_panel()


def deletion_panel(context: Context, account: Account) -> Panel:
    """Asks for the password."""
    return Panel(tr("Delete account?"), Deletion(context, account))
