"""The first screen: an address, or host on this computer."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent

from desktop.ui.i18n import tr
from desktop.views.buttons import IconPushButton
from desktop.views.context import Context
from desktop.views.forms import Field, button
from desktop.views.kit import plain_label
from desktop.views.start.column import StartForm, either_or


class Welcome(StartForm):
    """``found`` with the server that answered, ``host_wanted`` to host here."""

    found = Signal(object)
    host_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__(
            context,
            tr("Welcome to Parley"),
            tr("Chat with the people around you. Your messages stay on your own server."),
        )
        self.address = Field("", hint=tr("Server address or invite link"))
        self.connect_button = button(tr("Connect"), "primary")
        self.host = IconPushButton("house-wifi", "")
        foot = plain_label(
            tr("No account with anyone else. Works without internet."), kind="muted", wrap=True
        )
        foot.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.add(self.address, self.form.message, self.connect_button, either_or(), self.host, foot)
        self.form.submits(self.connect_button, self.address, busy=tr("Connecting…"))
        self.connect_button.clicked.connect(self._go)
        self.host.clicked.connect(self._host)
        context.host.changed.connect(self._show_host)
        self._show_host()
        self.setFocusProxy(self.address)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_host()

    def _go(self) -> None:
        if not self.address.text.strip():
            self.form.refuse(tr("Enter the address that the host sees, or an invite link."), self.address)
            return
        self.form.work(self._find, "find server")

    async def _find(self) -> None:
        self.found.emit(await self.context.accounts.find(self.address.text.strip()))

    def _show_host(self) -> None:
        """The computer may host already, with nobody signed in to it."""
        exists = self.context.host.exists
        self.host.setText(tr("Sign in on this computer") if exists else tr("Host on this computer"))
        if self.context.host.state.problem:
            self.form.message.say(self.context.host.state.problem)

    def _host(self) -> None:
        if self.context.host.exists:
            self.form.work(self._enter, "own server")
        else:
            self.host_wanted.emit()

    async def _enter(self) -> None:
        if not self.context.host.state.running:
            await self.context.host.start()
        self.found.emit(await self.context.accounts.find(self.context.host.state.addresses[0]))
