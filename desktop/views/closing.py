"""Asked before a window closes that hosts a server others are connected to."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.ui.i18n import tr
from desktop.views.buttons import ButtonRow
from desktop.views.forms import button
from desktop.views.kit import plain_label
from desktop.views.overlay import Panel


def closing_panel(connected: int, *, stay: Callable[[], None], close: Callable[[], None]) -> Panel:
    """``connected``: devices other than this window."""
    if connected == 1:
        words = tr("1 other device is connected to the server on this computer.")
    else:
        words = tr("{count} other devices are connected to the server on this computer.").format(
            count=connected
        )
    body = QWidget()
    column = QVBoxLayout(body)
    column.setSpacing(16)
    column.addWidget(plain_label(words, wrap=True))
    meaning = tr("They can't send or receive until you open Parley again. Nothing is lost.")
    column.addWidget(plain_label(meaning, kind="muted", wrap=True))
    keep, end = button(tr("Keep it open"), "primary"), button(tr("Close anyway"), "danger")
    keep.clicked.connect(stay)
    end.clicked.connect(close)
    column.addWidget(ButtonRow(end, keep))
    return Panel(tr("Stop hosting?"), body)
