"""Where each room stands in memory, and its row in the room list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from common.limits import SMALL_ROOM_MEMBERS
from common.protocol import pushes
from common.protocol.pushes import RoomEvent
from common.protocol.types import Head, Member, Message, Preview, Role, RoomKind
from common.text import excerpt
from desktop.services.people import People
from desktop.services.state import MemberItem, RoomItem, SendState
from desktop.services.words import tr
from desktop.storage.outbox import Draft

_replace = msgspec.structs.replace
_RANK: Final = {Role.OWNER: 0, Role.ADMIN: 1, Role.MEMBER: 2}


@dataclass(slots=True, eq=False)
class Room:
    """One room. ``head`` is what the server said, moved on by every push since."""

    head: Head
    me: str
    """Whose view of the room this is."""
    tail: tuple[int, int] | None = None
    """The last contiguous stretch in the cache."""
    wanted: int = 0
    """The highest ``seq`` heard of."""
    members: list[Member] | None = None
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    typing: dict[str, float] = field(default_factory=dict)
    """Until when, in seconds of the loop's clock."""
    draft: str = ""
    item: RoomItem | None = None

    @property
    def activity_ms(self) -> int:
        """What orders the list."""
        preview = self.head.preview
        return self.head.created_at_ms if preview is None else preview.sent_at_ms

    def take(self, event: RoomEvent, name: str) -> bool:
        """Move the head on by a live event. Whether it was new (not in the head already)."""
        head = self.head
        if event.seq <= head.seq:
            return False
        self.wanted = max(self.wanted, event.seq)
        head = _replace(head, seq=event.seq)
        match event:
            case pushes.MessageNew():
                head = self._with_message(head, event.message, name)
            case pushes.MessageEdited() if head.preview is not None and head.preview.seq == event.target:
                head = _replace(head, preview=_replace(head.preview, excerpt=excerpt(event.body)))
            case pushes.MessageDeleted() if head.preview is not None and head.preview.seq == event.target:
                head = _replace(head, preview=_replace(head.preview, excerpt="", deleted=True))
            case pushes.RoomChanged():
                head = _replace(
                    head,
                    title=head.title if event.title is None else event.title,
                    topic=head.topic if event.topic is None else event.topic,
                    visibility=event.visibility or head.visibility,
                    history=event.history or head.history,
                )
            case pushes.RoomJoined() | pushes.RoomLeft() | pushes.RoomRemoved() | pushes.RoomRole():
                head = self._with_membership(head, event)
            case _:
                pass
        self.head = head
        self._lowest()
        return True

    def mentions_unsure(self, event: RoomEvent) -> bool:
        """Whether an event may change how many unread messages mention one: it can't be told from here."""
        match event:
            case pushes.MessageEdited() if event.target > self.head.read:
                return self.head.mentions > 0 or any(one.user_id in {self.me, None} for one in event.mentions)
            case pushes.MessageDeleted() if event.target > self.head.read:
                return self.head.mentions > 0
            case _:
                return False

    def own_marks(
        self, delivered: int, read: int, *, unread: int | None = None, mentions: int | None = None
    ) -> None:
        """One's own marks moved, here or on another device."""
        head = self.head
        self.head = _replace(
            head,
            delivered=max(head.delivered, delivered, read),
            read=max(head.read, read),
            unread=head.unread if unread is None else unread,
            mentions=head.mentions if mentions is None else mentions,
        )
        self._lowest()

    def take_marks(self, marks: pushes.Marks) -> None:
        """A member's marks grew: the minimum follows where every member's are known."""
        before = self.marks.get(marks.user_id, (0, 0))
        self.marks[marks.user_id] = (max(before[0], marks.delivered), max(before[1], marks.read))
        if marks.user_id == self.me:
            self.own_marks(marks.delivered, marks.read)
        self._lowest()

    def _lowest(self) -> None:
        """The minimum of everyone's marks, one's own among them, as the server counts it."""
        if self.head.kind is RoomKind.DIRECT:
            others = [found for user, found in self.marks.items() if user != self.me]
        elif self.members is not None and all(m.user.id in self.marks for m in self.members):
            others = [self.marks[m.user.id] for m in self.members if m.user.id != self.me]
        else:
            others = []
        if others:
            every = [*others, (self.head.delivered, self.head.read)]
            self.take_min(min(one[0] for one in every), min(one[1] for one in every))

    def take_min(self, delivered: int, read: int) -> None:
        """The lowest marks grew."""
        head = self.head
        self.head = _replace(
            head,
            min_delivered=max(head.min_delivered, delivered, read),
            min_read=max(head.min_read, read),
        )

    def take_members(self, members: list[Member]) -> None:
        """All members, fetched."""
        self.members = members
        if len(members) <= SMALL_ROOM_MEMBERS:
            for member in members:
                if member.delivered is not None and member.read is not None:
                    before = self.marks.get(member.user.id, (0, 0))
                    self.marks[member.user.id] = (
                        max(before[0], member.delivered),
                        max(before[1], member.read),
                    )
        self._lowest()

    def send_state(self, seq: int) -> SendState:
        """The tick of an own message."""
        if seq <= self.head.min_read:
            return SendState.READ
        return SendState.DELIVERED if seq <= self.head.min_delivered else SendState.SENT

    def _with_message(self, head: Head, message: Message, name: str) -> Head:
        own = message.author_id == self.me
        # Sending moves the sender's marks, and nothing else tells of it.
        self.marks[message.author_id] = (message.seq, message.seq)
        self.typing.pop(message.author_id, None)
        mentioned = any(one.user_id in {self.me, None} for one in message.mentions)
        return _replace(
            head,
            msg_no=message.msg_no,
            read=message.seq if own else head.read,
            delivered=message.seq if own else head.delivered,
            unread=0 if own else head.unread + 1,
            mentions=0 if own else head.mentions + mentioned,
            preview=Preview(
                seq=message.seq,
                author_id=message.author_id,
                author_name=name,
                excerpt=excerpt(message.body),
                sent_at_ms=message.sent_at_ms,
                deleted=message.deleted,
            ),
        )

    def _with_membership(
        self,
        head: Head,
        event: pushes.RoomJoined | pushes.RoomLeft | pushes.RoomRemoved | pushes.RoomRole,
    ) -> Head:
        self.members = None
        if isinstance(event, pushes.RoomRole):
            return _replace(head, role=event.role) if event.user_id == self.me else head
        if isinstance(event, pushes.RoomJoined):
            self.marks[event.user.id] = (event.seq, event.seq)
            return _replace(head, member_count=head.member_count + 1)
        self.marks.pop(event.user_id, None)
        return _replace(head, member_count=max(0, head.member_count - 1))


def member_items(room: Room, *, people: People) -> list[MemberItem]:
    """The members of a room as the server lists them; names and roles may have changed since it did."""
    found = [
        MemberItem(person=people.person(member.user.id), role=member.role, me=member.user.id == room.me)
        for member in room.members or ()
    ]
    return sorted(found, key=lambda one: (_RANK[one.role], one.person.name.casefold(), one.person.user_id))


def is_notes(head: Head, me: str) -> bool:
    """Whether it is the room with oneself."""
    return head.kind is RoomKind.DIRECT and (head.peer is None or head.peer.id == me)


def room_item(room: Room, *, people: People, me: str, waiting: Draft | None) -> RoomItem:
    """The row of the list. ``waiting``: the newest message of the outbox, which is the newest of all."""
    head = room.head
    peer = None if head.peer is None else people.person(head.peer.id)
    notes = is_notes(head, me)
    title = head.title
    if head.kind is RoomKind.DIRECT:
        title = tr("Notes to self") if notes or peer is None else peer.name
    preview, by, state, at_ms = _preview(room, people, me, notes=notes)
    if waiting is not None:
        preview, by = excerpt(waiting.body), "" if notes else tr("You")
        state = SendState.WAITING if waiting.error is None else SendState.FAILED
        at_ms = waiting.created_at_ms
    return RoomItem(
        room_id=head.room_id,
        kind=head.kind,
        title=title,
        topic=head.topic,
        peer=peer,
        visibility=head.visibility,
        history=head.history,
        role=head.role,
        member_count=head.member_count,
        preview=preview,
        preview_by=by,
        preview_state=state,
        preview_at_ms=at_ms,
        unread=head.unread,
        mentions=head.mentions,
        typing=tuple(people.person(user_id).name for user_id in room.typing),
        draft=room.draft,
        notes=notes,
    )


def _preview(room: Room, people: People, me: str, *, notes: bool) -> tuple[str, str, SendState, int | None]:
    """What was written last, by whom, its tick, and when."""
    preview = room.head.preview
    if preview is None:
        return "", "", SendState.NONE, None
    text = tr("Message deleted") if preview.deleted else preview.excerpt
    by, state = "", SendState.NONE
    if preview.author_id == me and not notes:
        by, state = tr("You"), room.send_state(preview.seq)
    elif room.head.kind is RoomKind.GROUP and preview.author_id != me:
        known = people.user(preview.author_id)
        by = people.person(preview.author_id).name if known is not None else preview.author_name
    return text, by, state, preview.sent_at_ms


def rooms_showing(rooms: Mapping[str, Room], user_ids: Collection[str]) -> set[str]:
    """Those whose line in the list names one of these people."""
    found = set()
    for room_id, room in rooms.items():
        peer, preview = room.head.peer, room.head.preview
        shown = {peer.id if peer else "", preview.author_id if preview else ""}
        if not shown.isdisjoint(user_ids):
            found.add(room_id)
    return found
