"""All sections in one column that scrolls."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from desktop.services.api import Account
from desktop.ui.i18n import tr
from desktop.views.context import Context
from desktop.views.overlay import Panel
from desktop.views.settings.appearance import AppearanceSection
from desktop.views.settings.deletion import DeletionSection
from desktop.views.settings.profile import ProfileSection
from desktop.views.settings.security import DevicesSection, PasswordSection
from desktop.views.settings.server import ServerSection
from desktop.views.settings.signout import SignOutSection


def settings_panel(context: Context, account: Account) -> Panel:
    """Of one account; the looks are the whole program's."""
    body = QWidget()
    column = QVBoxLayout(body)
    column.setSpacing(20)
    sections: tuple[QWidget, ...] = (
        ProfileSection(context, account),
        AppearanceSection(context),
        PasswordSection(context, account),
        DevicesSection(context, account),
        ServerSection(context, account),
        SignOutSection(context, account),
        DeletionSection(context, account),
    )
    for number, section in enumerate(sections):
        if number:
            line = QFrame()
            line.setObjectName("line")
            column.addWidget(line)
        column.addWidget(section)
    column.addStretch(1)
    return Panel(tr("Settings"), body, tall=True)
