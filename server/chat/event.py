"""What the chat context publishes and consumes."""

from __future__ import annotations

from typing import Final

import msgspec

from common.protocol.requests import Receipt, RoomCommand
from server.kernel.bus import Topic
from server.kernel.delivery import Origin


class RoomCommandRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command on its way to the commit, and who gave it where. ``at`` and ``trace``: see telemetry."""

    origin: Origin
    user_id: str
    request: RoomCommand
    at: float = 0.0
    trace: str = ""


class ReceiptRecord(msgspec.Struct, frozen=True):
    """A receipt on its way to the marks."""

    user_id: str
    request: Receipt


class TypingRecord(msgspec.Struct, frozen=True):
    """Somebody is writing."""

    user_id: str
    room_id: str


MESSAGE_SENT: Final = Topic("chat.message_sent", RoomCommandRecord)
RECEIPT: Final = Topic("chat.receipt", ReceiptRecord)
USER_TYPING: Final = Topic("presence.user_typing", TypingRecord)
