"""Host on this computer: a name and a password, nothing else."""

from __future__ import annotations

from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.forms import button
from desktop.views.start.column import StartForm
from desktop.views.start.fields import Who, complete, password_field, username_field


class HostForm(StartForm):
    """Makes the server and its first account, who is its admin."""

    def __init__(self, context: Context) -> None:
        super().__init__(
            context,
            tr("Host on this computer"),
            tr("Others on your network can join while Parley runs here."),
        )
        self.username = username_field()
        self.name = Who(self.username)
        self.password = password_field(new=True)
        self.go = button(tr("Start"), "primary")
        self.add(self.name, self.username, self.password, self.form.message, self.go)
        self.form.submits(self.go, self.name, self.username, self.password, busy=tr("Starting…"))
        self.go.clicked.connect(self._go)
        self.setFocusProxy(self.name)

    def _go(self) -> None:
        form = self.form
        if complete(form, name=self.name, username=self.username, password=self.password, new=True):
            form.work(self._create, "host")

    async def _create(self) -> None:
        name = self.name.text.strip()
        await self.context.host.create(
            server_name=tr("{name}'s server").format(name=name),
            name=name,
            username=self.username.text.strip(),
            password=self.password.text,
        )
        self.done.emit()
