"""A new account on the server that was found, one that exists, or a forgotten password."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from PySide6.QtCore import Signal

from common.address import parse_address
from desktop.services.state import ServerFound
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.forms import Field, button
from desktop.views.start.column import StartForm
from desktop.views.start.fields import Who, complete, password_field, username_field

_SCHEME: Final = "parley:"


def server_line(server: ServerFound) -> str:
    """How to know that it is the right one."""
    if not server.secure:
        return server.address
    return tr("Key {key}. It must be the one that the host sees.").format(key=server.short_key)


class Join(StartForm):
    """Makes an account."""

    sign_in_wanted = Signal()

    def __init__(self, context: Context, server: ServerFound) -> None:
        super().__init__(context, tr("Join {server}").format(server=server.name), server_line(server))
        self._server = server
        self.username = username_field()
        self.name = Who(self.username)
        self.password = password_field(new=True)
        self.invite = Field(tr("Invite code"), hint=tr("From whoever runs the server"))
        self.invite.setVisible(server.invite_needed and server.invite is None)
        self.go = button(tr("Create account"), "primary")
        self.existing = button(tr("I have an account here"), "link")
        self.add(self.name, self.username, self.password, self.invite, self.form.message, self.go)
        self.add_link(self.existing)
        self.form.submits(
            self.go, self.name, self.username, self.password, self.invite, busy=tr("Creating account…")
        )
        self.go.clicked.connect(self._go)
        self.existing.clicked.connect(self.sign_in_wanted)
        self.setFocusProxy(self.name)

    def _go(self) -> None:
        form = self.form
        if not complete(form, name=self.name, username=self.username, password=self.password, new=True):
            return
        if self._needs_code and not self.invite.text.strip():
            form.refuse(tr("This server lets in only who was invited. Enter the code."), self.invite)
            return
        form.work(self._register, "register")

    @property
    def _needs_code(self) -> bool:
        return self._server.invite_needed and self._server.invite is None

    async def _register(self) -> None:
        server = self._server
        if self._needs_code:
            server = replace(server, invite=_code(self.invite.text.strip()))
        await self.context.accounts.register(
            server,
            name=self.name.text.strip(),
            username=self.username.text.strip(),
            password=self.password.text,
        )
        self.done.emit()


class SignIn(StartForm):
    """With an account that exists."""

    join_wanted = Signal()
    reset_wanted = Signal(str)
    """The user name that was typed."""

    def __init__(self, context: Context, server: ServerFound) -> None:
        super().__init__(context, tr("Sign in to {server}").format(server=server.name), server_line(server))
        self._server = server
        self.username = username_field()
        self.password = password_field(new=False)
        self.go = button(tr("Sign in"), "primary")
        self.forgotten = button(tr("Forgot your password?"), "link")
        self.fresh = button(tr("I am new here"), "link")
        self.add(self.username, self.password, self.form.message, self.go)
        self.add_link(self.forgotten)
        self.add_link(self.fresh)
        self.form.submits(self.go, self.username, self.password, busy=tr("Signing in…"))
        self.go.clicked.connect(self._go)
        self.fresh.clicked.connect(self.join_wanted)
        self.forgotten.clicked.connect(lambda: self.reset_wanted.emit(self.username.text.strip()))
        self.setFocusProxy(self.username)

    def _go(self) -> None:
        if complete(self.form, name=None, username=self.username, password=self.password, new=False):
            self.form.work(self._sign_in, "sign in")

    async def _sign_in(self) -> None:
        await self.context.accounts.sign_in(
            self._server, username=self.username.text.strip(), password=self.password.text
        )
        self.done.emit()


class Reset(StartForm):
    """A new password: by a code from an admin, or at once on the computer that hosts."""

    def __init__(self, context: Context, server: ServerFound, username: str) -> None:
        self._here = hosted_here(context, server)
        if self._here:
            meaning = tr("You are at the computer that hosts, so no code is needed.")
        else:
            meaning = tr("Ask an admin of the server for a reset code: they find it at your name.")
        super().__init__(context, tr("New password"), meaning)
        self._server = server
        self.username = username_field()
        self.username.edit.setText(username)
        self.code = Field(tr("Reset code"))
        self.code.setHidden(self._here)
        self.password = password_field(tr("New password"), new=True)
        self.go = button(tr("Set password and sign in"), "primary")
        self.add(self.username, self.code, self.password, self.form.message, self.go)
        self.form.submits(self.go, self.username, self.code, self.password, busy=tr("Setting password…"))
        self.go.clicked.connect(self._go)
        self.setFocusProxy(self.code if username and not self._here else self.username)

    def _go(self) -> None:
        if not complete(self.form, name=None, username=self.username, password=self.password, new=True):
            return
        if not self._here and not self.code.text.strip():
            self.form.refuse(tr("Enter the code."), self.code)
            return
        self.form.work(self._reset, "reset password")

    async def _reset(self) -> None:
        username, new = self.username.text.strip(), self.password.text
        accounts, server = self.context.accounts, self._server
        if self._here:
            await self.context.host.reset_password_locally(username, new)
            await accounts.sign_in(server, username=username, password=new)
        else:
            await accounts.reset_password(server, username=username, code=self.code.text.strip(), new=new)
        self.done.emit()


def hosted_here(context: Context, server: ServerFound) -> bool:
    """Whether it is the server inside this program."""
    state = context.host.state
    return state.running and state.short_key == server.short_key


def _code(text: str) -> str:
    """The code, also of somebody who pasted the whole link."""
    if not text.startswith(_SCHEME):
        return text
    try:
        return parse_address(text).invite or text
    except ValueError:
        return text
