"""The numbers both sides hold to. Defaults; an operator changes them by ``PARLEY_LIMITS__NAME``."""

from __future__ import annotations

from typing import Final

import msgspec

FRAME_MAX_BYTES: Final = 256 * 1024
FRAME_MAX_LINES: Final = 256
FRAME_SPLIT_BYTES: Final = 64 * 1024
"""A sender that batches starts a new frame here."""
JSON_MAX_DEPTH: Final = 32
INT_MAX: Final = 2**53 - 1
"""Integers on the wire stay exact in every language (RFC 8259 section 6)."""

BODY_MAX_CHARS: Final = 16_000
BODY_MAX_BYTES: Final = 32 * 1024
MENTIONS_MAX: Final = 50
EXCERPT_MAX_CHARS: Final = 140
EMOJI_MAX_BYTES: Final = 64
REACTIONS_MAX_DISTINCT: Final = 20

NAME_MAX_CHARS: Final = 64
USERNAME_MIN_CHARS: Final = 2
USERNAME_MAX_CHARS: Final = 32
ABOUT_MAX_CHARS: Final = 280
TITLE_MAX_CHARS: Final = 80
TOPIC_MAX_CHARS: Final = 280
PASSWORD_MIN_CHARS: Final = 8
PASSWORD_MAX_BYTES: Final = 1024
DEVICE_NAME_MAX_CHARS: Final = 64
AVATAR_MAX_BYTES: Final = 2 * 1024 * 1024

HEADS_PER_FRAME: Final = 100
HISTORY_PAGE_MAX: Final = 200
SYNC_MAX_EVENTS: Final = 1_000
ANSWER_MAX_BYTES: Final = 192 * 1024
"""Pages and catch-ups end here, but never before their first item, however large that is by itself."""
SMALL_ROOM_MEMBERS: Final = 50
"""Rooms of at most so many members push each member's marks, larger ones the minimum."""
GROUP_GAP_MS: Final = 5 * 60 * 1000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits that an operator may change; 0 switches a rate or a count of what there is off.

    Sent to clients in ``welcome``. Durations are milliseconds unless the name says otherwise.
    """

    messages_per_second: float = 10.0
    messages_burst: int = 60
    requests_per_second: float = 50.0
    requests_burst: int = 300
    login_failures: int = 5
    login_window_ms: int = 15 * 60 * 1000
    registrations_per_hour: int = 60
    """Per client address."""
    rooms_per_hour: int = 60
    """Rooms created and joined, and people invited, per user."""
    room_members: int = 5_000
    rooms_per_user: int = 2_000
    connections: int = 20_000
    connections_per_user: int = 20
    send_queue_bytes: int = 1024 * 1024
    """Bytes waiting on one connection before it is closed as a slow consumer."""
    in_flight_per_connection: int = 256
    hello_timeout_ms: int = 10_000
    idle_timeout_ms: int = 10_000
    """A TLS handshake, the head of a request, or the next byte of its body may take so long."""
    ping_interval_ms: int = 20_000
    ping_timeout_ms: int = 20_000
    access_token_ms: int = 10 * 60 * 1000
    token_grace_ms: int = 30_000
    refresh_token_ms: int = 90 * 24 * 3600 * 1000
    reset_code_ms: int = 24 * 3600 * 1000
    receipts_interval_ms: int = 1_000
    file_bytes: int = 4 * 1024**3
