"""Invites that still let somebody in, for an admin to take back."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Sequence
from typing import Any

import shiboken6
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from desktop.services.api import Account
from desktop.services.state import InviteItem
from desktop.ui.i18n import tr
from desktop.ui.times import clock_time, day
from desktop.views.context import Context
from desktop.views.forms import Message, button
from desktop.views.kit import Elided, plain_label


def used_words(invite: InviteItem) -> str:
    """How many came in by it; of one for a single person only whether it was used matters."""
    if invite.max_uses == 1:
        return tr("For one person")
    return tr("{uses} of {most} people came in").format(uses=invite.uses, most=invite.max_uses)


class InvitesSection(QWidget):
    """Takes no room while there are none."""

    def __init__(self, context: Context, account: Account) -> None:
        super().__init__()
        self._context, self._account = context, account
        self.message = Message()
        self._heading = plain_label(tr("Open invites"), kind="section")
        self._heading.hide()
        self._lines: list[QWidget] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._heading)
        column.addWidget(self.message)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        column.addLayout(self._rows)
        self._run(self._load())

    @property
    def shown(self) -> list[str]:
        """What each row says."""
        return [row.accessibleName() for row in self._lines]

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._context.attempt(work, self, self.message.say)

    async def _load(self) -> None:
        invites = await self._account.invites()
        if shiboken6.isValid(self):
            self.message.quiet()
            self._show(invites)

    async def _revoke(self, invite_id: str) -> None:
        await self._account.revoke_invite(invite_id)
        await self._load()

    def _show(self, invites: Sequence[InviteItem]) -> None:
        for old in self._lines:
            self._rows.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._lines = [self._row(invite) for invite in invites]
        for line in self._lines:
            self._rows.addWidget(line)
        self._heading.setVisible(bool(invites))

    def _row(self, invite: InviteItem) -> QWidget:
        now = time.time_ns() // 1_000_000
        when = f"{day(invite.expires_at_ms, now)} {clock_time(invite.expires_at_ms)}"
        until, used = tr("Until {when}").format(when=when), used_words(invite)
        row = QWidget()
        row.setAccessibleName(f"{used}. {until}")
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addWidget(Elided(used, kind="name"))
        names.addWidget(Elided(until, kind="muted"))
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addLayout(names, 1)
        back = button(tr("Take back"), "link")
        back.setAccessibleName(tr("Take back the invite: {used}, {until}").format(used=used, until=until))
        back.clicked.connect(lambda: self._run(self._revoke(invite.invite_id)))
        line.addWidget(back)
        return row
