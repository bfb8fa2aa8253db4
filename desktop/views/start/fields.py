"""Name, user name and password, and what is wrong with them before a server is asked."""

from __future__ import annotations

from common.limits import NAME_MAX_CHARS, PASSWORD_MAX_BYTES, PASSWORD_MIN_CHARS, USERNAME_MAX_CHARS
from desktop.ui.i18n import tr
from desktop.views.forms import Field, Form
from desktop.views.usernames import suggest_username


class Who(Field):
    """One's name; fills the user name until that is changed by hand."""

    def __init__(self, username: Field) -> None:
        super().__init__(tr("Your name"), hint=tr("As others see it"), limit=NAME_MAX_CHARS)
        self._username = username
        self._suggested = ""
        self.edit.textEdited.connect(self._suggest)

    def _suggest(self, name: str) -> None:
        if self._username.text == self._suggested:
            self._suggested = suggest_username(name)
            self._username.edit.setText(self._suggested)


def username_field() -> Field:
    """What one signs in with."""
    return Field(tr("User name"), hint=tr("Letters, digits, dots"), limit=USERNAME_MAX_CHARS)


def password_field(name: str = "", *, new: bool) -> Field:
    """A new one says how long it must be."""
    hint = tr("At least {n} characters").format(n=PASSWORD_MIN_CHARS) if new else ""
    return Field(name or tr("Password"), hint=hint, limit=PASSWORD_MAX_BYTES, secret=True)


def complete(form: Form, *, name: Field | None, username: Field, password: Field, new: bool) -> bool:
    """Whether all is filled in; says what is missing and goes there."""
    if name is not None and not name.text.strip():
        form.refuse(tr("Enter your name."), name)
    elif not username.text.strip():
        form.refuse(tr("Enter a user name."), username)
    elif not password.text:
        form.refuse(tr("Enter a password."), password)
    elif new and len(password.text) < PASSWORD_MIN_CHARS:
        words = tr("The password needs at least {n} characters.")
        form.refuse(words.format(n=PASSWORD_MIN_CHARS), password)
    else:
        return True
    return False
