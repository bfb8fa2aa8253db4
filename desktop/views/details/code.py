"""What an admin of the server does for others: a reset code, the end of an account."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.services.api import Account
from desktop.services.state import Person
from desktop.ui.i18n import tr
from desktop.views.ask import ask
from desktop.views.context import Context
from desktop.views.forms import Message, button
from desktop.views.kit import plain_label
from desktop.views.overlay import Panel


class ResetCode(QWidget):
    """Shown once: the server keeps a hash only."""

    def __init__(self, person: Person, code: str) -> None:
        super().__init__()
        self._code = code
        words = tr(
            "Tell {name} this code in person or by telephone. On the start screen they choose "
            '"I have an account here", then "Forgot your password?". It works once and for a short time.'
        ).format(name=person.name)
        self.code = plain_label(code, kind="key", wrap=True)
        self.copy = button(tr("Copy code"), "primary")
        self.copy.clicked.connect(self._copy)
        self.message = Message()
        column = QVBoxLayout(self)
        column.setSpacing(12)
        for part in (plain_label(words, kind="muted", wrap=True), self.code, self.copy, self.message):
            column.addWidget(part)
        self.setFocusProxy(self.copy)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._code)
        self.message.say(tr("Copied."), error=False)


async def show_reset_code(context: Context, account: Account, person: Person) -> None:
    """Ask the server for one, as its admin, and show it: it is told this once."""
    code = await account.reset_code(person.user_id)
    context.shell.show_panel(Panel(tr("Reset code"), ResetCode(person, code)))


def ask_to_delete(context: Context, account: Account, person: Person) -> None:
    """The account of somebody who is gone."""
    words = tr(
        '{name} can no longer sign in and is shown as "Deleted user". What they wrote stays. '
        "This can't be undone."
    )
    ask(
        context,
        tr("Delete the account of {name}?").format(name=person.name),
        words.format(name=person.name),
        do=tr("Delete account"),
        job=lambda: account.delete_account_of(person.user_id),
    )
