"""The first screens: where to go, who one is."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from desktop.services.state import ServerFound, ServiceError
from desktop.views.context import Context
from desktop.views.usernames import suggest_username
from desktop.widgets.named import label, named

_WIDTH: Final = 402
"""380 pixels between the margins of the column."""
_NARROW: Final = 300


class Form(QWidget):
    """A column in the middle of the window, with a line for what went wrong."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.problem = label("", "error")
        self.problem.setWordWrap(True)
        self.problem.hide()
        column = QWidget()
        column.setMaximumWidth(_WIDTH)
        self.column = QVBoxLayout(column)
        self.column.setSpacing(12)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(20, 20, 20, 20)
        outer.addStretch(1)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(column, 1000)
        middle.addStretch(1)
        outer.addLayout(middle)
        outer.addStretch(1)
        column.setMinimumWidth(_NARROW)
        column.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def text(self, words: str, name: str) -> QLabel:
        """A line of text in the column."""
        line = label(words, name)
        line.setWordWrap(True)
        self.column.addWidget(line)
        return line

    def field(self, words: str, *, secret: bool = False) -> QLineEdit:
        """A field in the column."""
        field = QLineEdit()
        field.setPlaceholderText(words)
        field.setAccessibleName(words)
        if secret:
            field.setEchoMode(QLineEdit.EchoMode.Password)
        self.column.addWidget(field)
        return field

    def button(self, words: str, name: str = "") -> QPushButton:
        """A button in the column."""
        button = named(QPushButton(words), name)
        self.column.addWidget(button)
        return button

    def work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run; the form is disabled meanwhile, and says what went wrong."""

        async def run() -> None:
            self.setEnabled(False)
            self.problem.hide()
            try:
                await coroutine
            except ServiceError as problem:
                self.problem.setText(problem.text)
                self.problem.show()
            finally:
                self.setEnabled(True)

        self.context.spawn(run(), "form")


class Welcome(Form):
    """An address, or host on this computer."""

    found = Signal(object)
    host_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.text("Welcome to Parley", "title")
        self.text("Chat with the people around you. Your messages stay on your own server.", "muted")
        self.address = self.field("Server address or invite link")
        self.connect_button = self.button("Connect", "primary")
        self.column.addWidget(self.problem)
        either = self.text("or", "muted")
        either.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.host = self.button("Host on this computer")
        foot = self.text("No account with anyone else. Works without internet.", "muted")
        foot.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.connect_button.clicked.connect(self._go)
        self.address.returnPressed.connect(self._go)
        self.host.clicked.connect(self.host_wanted)

    def _go(self) -> None:
        self.work(self._find(self.address.text().strip()))

    async def _find(self, address: str) -> None:
        self.found.emit(await self.context.accounts.find(address))


class SignIn(Form):
    """A new account, or one that exists, on the server that was found."""

    done = Signal()
    back_wanted = Signal()

    def __init__(self, context: Context, server: ServerFound) -> None:
        super().__init__(context)
        self._server = server
        self.text(server.name, "title")
        key = f"Key {server.short_key}. Compare it with the host's." if server.secure else server.address
        self.text(key, "muted")
        self.name = self.field("Your name")
        self.username = self.field("User name")
        self.password = self.field("Password", secret=True)
        self.existing = QCheckBox("I have an account here")
        self.column.addWidget(self.existing)
        self.go = self.button("Create account", "primary")
        self.column.addWidget(self.problem)
        self.back = self.button("Back", "link")
        self.name.textEdited.connect(lambda name: self.username.setText(suggest_username(name)))
        self.existing.toggled.connect(self._toggle)
        self.go.clicked.connect(self._go)
        self.password.returnPressed.connect(self._go)
        self.back.clicked.connect(self.back_wanted)

    def _toggle(self, existing: bool) -> None:
        self.name.setVisible(not existing)
        self.go.setText("Sign in" if existing else "Create account")

    def _go(self) -> None:
        self.work(self._sign_in())

    async def _sign_in(self) -> None:
        username, password = self.username.text().strip(), self.password.text()
        if self.existing.isChecked():
            await self.context.accounts.sign_in(self._server, username=username, password=password)
        else:
            name = self.name.text().strip()
            await self.context.accounts.register(
                self._server, name=name, username=username, password=password
            )
        self.done.emit()


class HostForm(Form):
    """A name and a password, nothing else."""

    done = Signal()
    back_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.text("Host on this computer", "title")
        self.text("Others on your network can join while Parley runs here.", "muted")
        self.name = self.field("Your name")
        self.username = self.field("User name")
        self.password = self.field("Password", secret=True)
        self.go = self.button("Start", "primary")
        self.column.addWidget(self.problem)
        self.back = self.button("Back", "link")
        self.name.textEdited.connect(lambda name: self.username.setText(suggest_username(name)))
        self.go.clicked.connect(lambda: self.work(self._create()))
        self.password.returnPressed.connect(lambda: self.work(self._create()))
        self.back.clicked.connect(self.back_wanted)

    async def _create(self) -> None:
        name = self.name.text().strip()
        await self.context.host.create(
            server_name=f"{name or 'Parley'} LAN",
            name=name,
            username=self.username.text().strip(),
            password=self.password.text(),
        )
        self.done.emit()


class StartScreen(QWidget):
    """One of the forms; ``done`` when somebody is signed in."""

    done = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._context = context
        self._stack = QStackedLayout(self)
        self._form: SignIn | HostForm | None = None
        self.welcome = Welcome(context)
        self.welcome.found.connect(lambda server: self._show(SignIn(context, server)))
        self.welcome.host_wanted.connect(lambda: self._show(HostForm(context)))
        self._stack.addWidget(self.welcome)

    @property
    def form(self) -> Form:
        """What is on screen."""
        return self._form or self.welcome

    def _show(self, form: SignIn | HostForm) -> None:
        form.done.connect(self._done)
        form.back_wanted.connect(self._back)
        self._stack.addWidget(form)
        self._stack.setCurrentWidget(form)
        self._form = form
        form.name.setFocus()

    def _back(self) -> None:
        self._stack.setCurrentWidget(self.welcome)
        form, self._form = self._form, None
        if form is not None:
            self._stack.removeWidget(form)
            form.deleteLater()

    def _done(self) -> None:
        self._back()
        self.done.emit()
