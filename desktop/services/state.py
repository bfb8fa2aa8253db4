"""What services show to models and views: plain frozen values, made once per change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from common.errors import Code
from common.protocol.types import HistoryAccess, Mention, Role, RoomKind, Visibility


class SendState(Enum):
    """The tick of an own message; ``NONE`` for messages of others."""

    NONE = auto()
    WAITING = auto()
    """In the outbox: clock."""
    SENT = auto()
    DELIVERED = auto()
    READ = auto()
    FAILED = auto()
    """Refused for good: red mark with Retry and Discard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody as shown. ``name`` is ready for the screen ("Deleted user" for a gone account)."""

    user_id: str
    name: str
    username: str = ""
    about: str = ""
    colour: int | None = None
    """Index into the avatar palette; None: derived from ``user_id``."""
    picture: str | None = None
    """Path of a local file, or None: initials."""
    admin: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteItem:
    """What a reply answers."""

    seq: int
    author: Person
    excerpt: str
    """Empty when it was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionItem:
    """One emoji under a message."""

    emoji: str
    count: int
    mine: bool
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageItem:
    """A message, or a draft that waits in the outbox (``seq`` is None then)."""

    key: str
    """Stable for the life of the row, also when a draft becomes a message: its client_msg_id."""
    room_id: str
    seq: int | None
    rev: int
    """Grows with each change; with ``key`` and the width it keys cached layouts."""
    author: Person
    own: bool
    body: str
    sent_at_ms: int
    state: SendState
    edited: bool = False
    deleted: bool = False
    reply: QuoteItem | None = None
    reactions: tuple[ReactionItem, ...] = ()
    mentions: tuple[Mention, ...] = ()
    mentions_me: bool = False
    error: str | None = None
    """Why it failed, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeItem:
    """A line between messages: somebody joined, left, renamed the room..."""

    key: str
    seq: int
    text: str
    at_ms: int


TimelineItem = MessageItem | NoticeItem


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomItem:
    """One row of the room list."""

    room_id: str
    kind: RoomKind
    title: str
    """Ready for the screen: the group's title, the other person's name, "Notes to self"."""
    topic: str = ""
    peer: Person | None = None
    visibility: Visibility = Visibility.PRIVATE
    history: HistoryAccess = HistoryAccess.ALL
    role: Role = Role.MEMBER
    member_count: int = 0
    preview: str = ""
    """One line of what was written last."""
    preview_by: str = ""
    """"You", or the author's name in a group; empty where it goes without saying."""
    preview_state: SendState = SendState.NONE
    preview_at_ms: int | None = None
    unread: int = 0
    mentions: int = 0
    typing: tuple[str, ...] = ()
    """Names of those who are writing."""
    draft: str = ""
    notes: bool = False
    """The room with oneself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberItem:
    """One row of the details panel."""

    person: Person
    role: Role
    me: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceItem:
    """One login of the account."""

    device_id: str
    name: str
    created_at_ms: int
    last_seen_at_ms: int
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteItem:
    """Lets up to ``max_uses`` people in until it ends; its code is told only when it is made."""

    invite_id: str
    created_at_ms: int
    expires_at_ms: int
    max_uses: int
    uses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicRoomItem:
    """A room to join."""

    room_id: str
    title: str
    topic: str
    member_count: int
    joined: bool


class Link(Enum):
    """How the connection to a server stands."""

    CONNECTING = auto()
    ONLINE = auto()
    WAITING = auto()
    """Offline; tries again at ``retry_at`` (monotonic seconds)."""
    SIGNED_OUT = auto()
    """Needs a password again: revoked, expired, password changed elsewhere."""
    KEY_CHANGED = auto()
    """Another identity answers at the address: hard stop."""
    VERSION = auto()
    """No common protocol version."""
    REPLACED = auto()
    """Another window of the same device took over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """The connection, for the status line and the offline bar."""

    link: Link
    retry_at: float | None = None
    """``time.monotonic()`` of the next try."""
    waiting: int = 0
    """Messages in the outbox."""
    reason: str = ""
    """Why, in plain words; empty when online."""
    latency_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountItem:
    """One account on one server."""

    account_id: str
    server_name: str
    server_id: str
    short_key: str
    address: str
    me: Person
    hosted_here: bool = False
    unread: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFound:
    """Who answered at an address, before anything secret was sent."""

    address: str
    name: str
    server_id: str
    short_key: str
    secure: bool
    """TLS with the identity checked; False on loopback."""
    invite_needed: bool
    invite: str | None = None
    """The code of the invite link that led here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """The server inside this program."""

    running: bool
    name: str = ""
    addresses: tuple[str, ...] = ()
    short_key: str = ""
    connected: int = 0
    """Devices other than this window."""
    problem: str = ""
    """Why it does not run, in plain words."""


class ServiceError(Exception):
    """What went wrong, in words for the window: what happened, what it means, what to do."""

    def __init__(self, text: str, *, code: Code | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
