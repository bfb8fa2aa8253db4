"""How the state of an own message is drawn, in a conversation and in the list of rooms."""

from __future__ import annotations

from typing import Final

from desktop.services.state import SendState

TICKS: Final = {
    SendState.WAITING: ("clock", "muted"),
    SendState.SENT: ("check", "muted"),
    SendState.DELIVERED: ("check-check", "muted"),
    SendState.READ: ("check-check", "accent"),
    SendState.FAILED: ("circle-alert", "danger"),
}
"""An icon, and the token of its colour; nothing is drawn in other states."""
