"""What views and models may ask of services, and the signals they listen to.

All of it lives on the UI thread; coroutines run on the qasync loop and raise ``ServiceError``.
Signals carry ids or rows, never state: the receiver reads what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import SignalInstance

from common.protocol.types import HistoryAccess, Mention, Role, Visibility
from desktop.services.administration import Administration
from desktop.services.state import (
    AccountItem,
    DeviceItem,
    HostState,
    LinkState,
    MemberItem,
    Person,
    PublicRoomItem,
    RoomItem,
    ServerFound,
    TimelineItem,
)


class Timeline(Protocol):
    """One room's messages: a window of at most 200 items over the cache and the server.

    Index 0 is the oldest. Signals are emitted after the change.
    """

    @property
    def reset(self) -> SignalInstance:
        """``()``: everything may differ."""
        ...

    @property
    def inserted(self) -> SignalInstance:
        """``(first: int, count: int)``."""
        ...

    @property
    def removed(self) -> SignalInstance:
        """``(first: int, count: int)``."""
        ...

    @property
    def updated(self) -> SignalInstance:
        """``(index: int)``."""
        ...

    @property
    def ends_changed(self) -> SignalInstance:
        """``()``: ``at_start``, ``at_end``, ``loading`` or ``unread_from`` changed."""
        ...

    @property
    def items(self) -> Sequence[TimelineItem]:
        """The window."""
        ...

    @property
    def at_start(self) -> bool:
        """Nothing older exists."""
        ...

    @property
    def at_end(self) -> bool:
        """The window ends at the newest message: it follows what arrives."""
        ...

    @property
    def loading(self) -> bool:
        """A page is on its way and nothing is cached to show: draw skeletons."""
        ...

    @property
    def unread_from(self) -> int | None:
        """``seq`` of the first unread message when the room was opened: the "New" line."""
        ...

    @property
    def newer_count(self) -> int:
        """Messages below the window, when it is not at the end."""
        ...

    def load_older(self) -> None:
        """Ask for the page before; returns at once, ``inserted`` follows."""
        ...

    def load_newer(self) -> None:
        """Ask for the page after."""
        ...

    def reading(self, seq: int | None) -> None:
        """The first row on screen stays in the window, whatever comes at its end; None: the end is read."""
        ...

    async def jump(self, seq: int) -> int | None:
        """Move the window around ``seq``; its index, or None where it is gone."""
        ...

    async def jump_to_end(self) -> None:
        """Move the window to the newest message."""
        ...

    def send(self, body: str, *, reply_to: int | None = None, mentions: Sequence[Mention] = ()) -> None:
        """Into the outbox and onto the screen at once.

        Raises:
            ServiceError: empty, too long or not allowed text; nothing was stored.
        """
        ...

    async def edit(self, seq: int, body: str, *, mentions: Sequence[Mention] = ()) -> None:
        """New text for an own message."""
        ...

    async def delete(self, seq: int) -> None:
        """Erase for everyone."""
        ...

    async def react(self, seq: int, emoji: str, *, on: bool) -> None:
        """Put or take an emoji."""
        ...

    def retry(self, key: str) -> None:
        """Send a failed draft again."""
        ...

    def discard(self, key: str) -> None:
        """Throw a failed or waiting draft away."""
        ...

    def mark_read(self, seq: int) -> None:
        """Everything up to ``seq`` was seen in a focused window."""
        ...

    def typing(self) -> None:
        """The person is writing; sent at most every 3 s."""
        ...


class Account(Administration, Protocol):
    """One account on one server: rooms, people, connection."""

    @property
    def changed(self) -> SignalInstance:
        """``()``: ``info`` changed (name, profile, unread sum)."""
        ...

    @property
    def rooms_reset(self) -> SignalInstance:
        """``()``: rooms appeared, went or changed their order."""
        ...

    @property
    def room_changed(self) -> SignalInstance:
        """``(room_id: str)``: one row changed, its place did not."""
        ...

    @property
    def members_changed(self) -> SignalInstance:
        """``(room_id: str)``."""
        ...

    @property
    def link_changed(self) -> SignalInstance:
        """``()``."""
        ...

    @property
    def message_arrived(self) -> SignalInstance:
        """``(room_id: str, seq: int)``: a new message of somebody else, live."""
        ...

    @property
    def info(self) -> AccountItem:
        """Who and where."""
        ...

    @property
    def link(self) -> LinkState:
        """How the connection stands."""
        ...

    @property
    def rooms(self) -> Sequence[RoomItem]:
        """Latest activity first."""
        ...

    def room(self, room_id: str) -> RoomItem | None:
        """One row, or None when one is no member any more."""
        ...

    def timeline(self, room_id: str) -> Timeline:
        """The room's messages; the same object while anyone holds it."""
        ...

    def members(self, room_id: str) -> Sequence[MemberItem]:
        """What is known now; ``members_changed`` follows when more is fetched."""
        ...

    def draft(self, room_id: str) -> str:
        """Unsent text of a room's composer."""
        ...

    def set_draft(self, room_id: str, text: str) -> None:
        """Kept across restarts."""
        ...

    def try_now(self) -> None:
        """Reconnect without waiting for the back-off."""
        ...

    async def people(self, query: str = "") -> Sequence[Person]:
        """The server's directory, from the cache when offline."""
        ...

    async def open_direct(self, user_id: str) -> str:
        """The room id of the direct room with somebody; made when new."""
        ...

    async def create_group(
        self,
        title: str,
        *,
        topic: str = "",
        visibility: Visibility = Visibility.PRIVATE,
        member_ids: Sequence[str] = (),
    ) -> str:
        """The new room's id."""
        ...

    async def change_room(
        self,
        room_id: str,
        *,
        title: str | None = None,
        topic: str | None = None,
        visibility: Visibility | None = None,
        history: HistoryAccess | None = None,
    ) -> None:
        """Rename and so on."""
        ...

    async def add_members(self, room_id: str, user_ids: Sequence[str]) -> None:
        """Invite into a room."""
        ...

    async def remove_member(self, room_id: str, user_id: str) -> None:
        """Remove from a room."""
        ...

    async def set_role(self, room_id: str, user_id: str, role: Role) -> None:
        """Give a role."""
        ...

    async def leave(self, room_id: str) -> None:
        """Leave a room."""
        ...

    async def public_rooms(self, query: str = "") -> Sequence[PublicRoomItem]:
        """Rooms that anyone may join."""
        ...

    async def join(self, room_id: str) -> None:
        """Join a public room."""
        ...

    async def change_profile(
        self, *, name: str | None = None, about: str | None = None, colour: int | None = None
    ) -> None:
        """Own profile."""
        ...

    async def set_picture(self, data: bytes | None) -> None:
        """Own picture (PNG, JPEG or WebP up to 2 MiB), or None for initials."""
        ...

    async def delete(self, password: str) -> None:
        """One's own account, for good; sign out afterwards."""
        ...

    async def delete_account_of(self, user_id: str) -> None:
        """Admin: of somebody who is gone."""
        ...

    async def change_password(self, current: str, new: str) -> None:
        """Every other device is signed out."""
        ...

    async def devices(self) -> Sequence[DeviceItem]:
        """All logins of the account."""
        ...

    async def revoke_device(self, device_id: str) -> None:
        """Sign a device out."""
        ...

    async def sign_in_again(self, password: str) -> None:
        """After ``Link.SIGNED_OUT``: same account, cache and outbox kept."""
        ...


class Accounts(Protocol):
    """All accounts of this profile."""

    @property
    def changed(self) -> SignalInstance:
        """``()``: accounts came, went or changed their order."""
        ...

    @property
    def notice(self) -> SignalInstance:
        """``(text: str)``: something to say once, such as where secrets are kept."""
        ...

    @property
    def items(self) -> Sequence[Account]:
        """In the order they were added."""
        ...

    async def find(self, address: str) -> ServerFound:
        """Who answers at an address, host name or ``parley://`` invite link."""
        ...

    async def register(self, server: ServerFound, *, name: str, username: str, password: str) -> Account:
        """Make an account there, sign in."""
        ...

    async def sign_in(self, server: ServerFound, *, username: str, password: str) -> Account:
        """Sign in as somebody who has an account."""
        ...

    async def reset_password(self, server: ServerFound, *, username: str, code: str, new: str) -> Account:
        """With a code from an admin; signs in."""
        ...

    async def sign_out(self, account: Account) -> None:
        """Tell the server if it can be reached, wipe tokens, cache, outbox and drafts."""
        ...

    def waiting(self, account: Account) -> int:
        """Messages and drafts that signing out would throw away."""
        ...


class Host(Protocol):
    """The server inside this program."""

    @property
    def changed(self) -> SignalInstance:
        """``()``."""
        ...

    @property
    def state(self) -> HostState:
        """Now."""
        ...

    @property
    def exists(self) -> bool:
        """Whether this profile has hosted before: then the server starts with the program."""
        ...

    async def create(self, *, server_name: str, name: str, username: str, password: str) -> Account:
        """Make the server and its first account, start it, sign in."""
        ...

    async def start(self) -> None:
        """Start the server that exists.

        Raises:
            ServiceError: port busy, folder not writable, database damaged: in plain words.
        """
        ...

    async def stop(self) -> None:
        """Drain and stop."""
        ...

    async def restart(self) -> None:
        """Stop and start."""
        ...

    async def reset_password_locally(self, username: str, new: str) -> None:
        """For the person who hosts and forgot the password."""
        ...
