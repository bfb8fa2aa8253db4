"""What a screen reader says of messages that come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QWidget

from desktop.services.state import MessageItem, TimelineItem
from desktop.ui.announce import announce
from desktop.ui.i18n import tr
from desktop.ui.plain import plain

_MOST: Final = 3
"""Messages that are read out when they come at once; of more only how many they are."""


def read_out(place: QWidget, items: Sequence[TimelineItem]) -> None:
    """Those of others, in ``place``."""
    came = [item for item in items if isinstance(item, MessageItem) and not item.own]
    if len(came) > _MOST:
        announce(place, tr("{count} new messages").format(count=len(came)))
        return
    for item in came:
        announce(place, tr("{name}: {text}").format(name=item.author.name, text=plain(item.body)))
