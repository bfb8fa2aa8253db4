"""The server that this account is on, or that this computer hosts."""

from __future__ import annotations

import shiboken6

from desktop.services.api import Account
from desktop.ui.i18n import tr
from desktop.views.buttons import ButtonRow
from desktop.views.context import Context
from desktop.views.forms import CheckRow, Form, button
from desktop.views.kit import plain_label
from desktop.views.settings.invites import InvitesSection


class ServerSection(Form):
    """Where it is and its key; whoever hosts can stop and restart it."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__(context)
        self._account = account
        self._where = plain_label("", wrap=True)
        self._key = plain_label("", kind="muted", wrap=True)
        self._state = plain_label("", kind="muted", wrap=True)
        self.restart, self.toggle = button(tr("Restart")), button("")
        self.restart.clicked.connect(lambda: self.work(context.host.restart, "restart host"))
        self.toggle.clicked.connect(self._toggle)
        self.column.addWidget(plain_label(tr("Server"), kind="heading"))
        for part in (self._where, self._key, self._state, self.message):
            self.column.addWidget(part)
        if account.info.hosted_here:
            self.column.addWidget(ButtonRow(self.restart, self.toggle, at_end=False))
        choice = CheckRow(tr("Only people with an invite may make an account"))
        choice.setVisible(account.info.me.admin)
        self.invited = choice.box
        self.invited.setEnabled(False)
        self.invited.clicked.connect(self._set_registration)
        self.column.addWidget(choice)
        if account.info.me.admin:
            self.invites = InvitesSection(context, account)
            self.column.addWidget(self.invites)
            context.attempt(self._look(), self, self.message.say)
        context.host.changed.connect(self._show)
        self._show()

    def _toggle(self) -> None:
        host = self.context.host
        self.work(host.stop if host.state.running else host.start, "host")

    async def _look(self) -> None:
        found = await self.context.accounts.find(self._account.info.address)
        if shiboken6.isValid(self):
            self.invited.setChecked(found.invite_needed)
            self.invited.setEnabled(True)

    def _set_registration(self, invite_only: bool) -> None:
        """Shown as it was until the server took it."""
        self.invited.setChecked(not invite_only)

        async def change() -> None:
            await self._account.set_registration(invite_only=invite_only)
            if shiboken6.isValid(self):
                self.invited.setChecked(invite_only)

        self.work(change, "registration")

    def _show(self) -> None:
        info, host = self._account.info, self.context.host.state
        places = ", ".join(host.addresses) if info.hosted_here and host.running else info.address
        self._where.setText(f"{info.server_name} · {places}")
        self._key.setText(tr("Key {key}").format(key=info.short_key))
        self._state.setVisible(info.hosted_here)
        self.restart.setEnabled(host.running)
        self.toggle.setText(tr("Stop") if host.running else tr("Start"))
        if not host.running:
            self._state.setText(host.problem or tr("Stopped. Nobody can connect."))
        elif host.connected == 1:
            self._state.setText(tr("Running on this computer, 1 other device is connected."))
        else:
            words = tr("Running on this computer, {count} other devices are connected.")
            self._state.setText(words.format(count=host.connected))
