"""The password, and where one is signed in."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Sequence
from typing import Any

import shiboken6
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from desktop.services.api import Account
from desktop.services.state import DeviceItem
from desktop.ui.i18n import tr
from desktop.ui.times import clock_time, day
from desktop.views.context import Context
from desktop.views.forms import Field, Form, Message, button
from desktop.views.kit import Elided, plain_label


class PasswordSection(Form):
    """Every other device is signed out by a change."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__(context)
        self._account = account
        self.current = Field(tr("Password now"), secret=True)
        self.new = Field(tr("New password"), secret=True)
        self.change = button(tr("Change password"))
        self.change.clicked.connect(self._check)
        self.column.addWidget(plain_label(tr("Password"), kind="heading"))
        meaning = tr("Changing it signs out your other devices.")
        self.column.addWidget(plain_label(meaning, kind="muted", wrap=True))
        for part in (self.current, self.new, self.message, self.change):
            self.column.addWidget(part)
        self.submits(self.change, self.current, self.new, busy=tr("Changing…"))

    def _check(self) -> None:
        for field in (self.current, self.new):
            if not field.text:
                self.refuse(tr("Fill in both passwords."), field)
                return
        self.work(self._change, "password")

    async def _change(self) -> None:
        await self._account.change_password(self.current.text, self.new.text)
        self.current.edit.clear()
        self.new.edit.clear()
        self.message.say(tr("Changed."), error=False)


class DevicesSection(QWidget):
    """All logins; any but this one can be signed out."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self._context, self._account = context, account
        self.message = Message()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(plain_label(tr("Devices"), kind="heading"))
        column.addWidget(self.message)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        column.addLayout(self._rows)
        self._run(self._load())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._context.attempt(work, self, self.message.say)

    async def _load(self) -> None:
        devices = await self._account.devices()
        if shiboken6.isValid(self):
            self.message.quiet()
            self._show(devices)

    async def _revoke(self, device_id: str) -> None:
        await self._account.revoke_device(device_id)
        await self._load()

    def _show(self, devices: Sequence[DeviceItem]) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        for device in devices:
            self._rows.addWidget(self._row(device))

    def _row(self, device: DeviceItem) -> QWidget:
        now = time.time_ns() // 1_000_000
        seen = f"{day(device.last_seen_at_ms, now)} {clock_time(device.last_seen_at_ms)}"
        words = tr("This device") if device.current else tr("Last here: {when}").format(when=seen)
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addWidget(Elided(device.name or tr("Unnamed device"), kind="name"))
        names.addWidget(Elided(words, kind="muted"))
        line.addLayout(names, 1)
        if not device.current:
            out = button(tr("Sign out"), "link")
            out.setAccessibleName(tr("Sign out {name}").format(name=device.name))
            out.clicked.connect(lambda: self._run(self._revoke(device.device_id)))
            line.addWidget(out)
        return row
