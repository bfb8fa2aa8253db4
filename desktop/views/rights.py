"""What somebody may do in a room, so that nothing is offered that the server refuses."""

from __future__ import annotations

from common.protocol.types import Role, RoomKind, Visibility
from desktop.services.state import MemberItem, MessageItem, RoomItem


def may_add(room: RoomItem) -> bool:
    """Into a public room anyone brings others, into a private one its admins."""
    if room.kind is RoomKind.DIRECT:
        return False
    return room.visibility is Visibility.PUBLIC or may_change(room)


def may_change(room: RoomItem) -> bool:
    """Title, topic, visibility."""
    return room.kind is RoomKind.GROUP and room.role is not Role.MEMBER


def may_remove(room: RoomItem, member: MemberItem) -> bool:
    """Nobody removes an owner; oneself one leaves."""
    return may_change(room) and not member.me and member.role is not Role.OWNER


def roles_to_give(room: RoomItem, member: MemberItem) -> tuple[Role, ...]:
    """Only an owner gives roles, and to others; making somebody owner hands the room over."""
    if room.kind is not RoomKind.GROUP or room.role is not Role.OWNER or member.me:
        return ()
    return tuple(role for role in (Role.ADMIN, Role.MEMBER, Role.OWNER) if role is not member.role)


def may_delete(room: RoomItem, message: MessageItem) -> bool:
    """One's own messages, and as an admin of the room anybody's."""
    return message.seq is not None and not message.deleted and (message.own or may_change(room))
