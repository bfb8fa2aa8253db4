from __future__ import annotations

import msgspec

from common.ids import new_id
from common.protocol import pushes
from common.protocol.types import (
    Head,
    HistoryAccess,
    Member,
    Mention,
    Message,
    Role,
    RoomKind,
    User,
    Visibility,
)
from desktop.services.rooms import Room
from desktop.services.state import SendState

ROOM, ME, BOB, EVE = new_id(), new_id(), new_id(), new_id()


def room(kind: RoomKind = RoomKind.GROUP) -> Room:
    return Room(
        Head(
            room_id=ROOM,
            kind=kind,
            title="Team",
            topic="",
            visibility=Visibility.PRIVATE,
            history=HistoryAccess.ALL,
            role=Role.MEMBER,
            member_count=3,
            seq=10,
            msg_no=5,
            delivered=10,
            read=10,
            unread=0,
            mentions=0,
            visible_from_seq=1,
            min_delivered=10,
            min_read=10,
            created_at_ms=1,
        ),
        ME,
    )


def new(seq: int, author: str, *, mentions: list[Mention] | None = None) -> pushes.MessageNew:
    message = Message(ROOM, seq, seq - 5, seq, author, new_id(), f"text {seq}", seq, mentions=mentions or [])
    return pushes.MessageNew(ROOM, seq, message)


def member(user_id: str) -> Member:
    return Member(User(user_id, "name", "Name"), Role.MEMBER, 1, 10, 10)


def test_a_changed_unread_message_makes_the_count_of_mentions_unsure() -> None:
    one = room()
    named = [Mention(0, 3, ME)]
    edited = pushes.MessageEdited(ROOM, 12, 11, "text", 2, named)
    plain = pushes.MessageEdited(ROOM, 12, 11, "text", 2)
    deleted = pushes.MessageDeleted(ROOM, 12, 11, BOB)
    one.take(new(11, BOB), "Bob")
    assert one.mentions_unsure(edited)
    assert not one.mentions_unsure(plain)
    assert not one.mentions_unsure(deleted)
    one.take(new(12, BOB, mentions=named), "Bob")
    assert one.head.mentions == 1
    assert one.mentions_unsure(plain)
    assert one.mentions_unsure(deleted)
    one.own_marks(12, 12, unread=0)
    assert not one.mentions_unsure(edited)


def test_messages_of_others_are_unread_and_an_own_one_reads_them() -> None:
    one = room()
    one.take(new(11, BOB), "Bob")
    one.take(new(12, BOB, mentions=[Mention(0, 1, ME)]), "Bob")
    assert (one.head.unread, one.head.mentions) == (2, 1)
    one.take(new(13, ME), "Me")
    assert (one.head.unread, one.head.mentions, one.head.read) == (0, 0, 13)


def test_an_event_that_the_head_knows_changes_nothing() -> None:
    one = room()
    assert not one.take(new(10, BOB), "Bob")
    assert one.head.unread == 0


def test_the_preview_follows_edits_and_deletes_of_the_last_message() -> None:
    one = room()
    one.take(new(11, BOB), "Bob")
    one.take(pushes.MessageEdited(ROOM, 12, 11, "better", 12), "")
    assert one.head.preview is not None
    assert one.head.preview.excerpt == "better"
    one.take(pushes.MessageDeleted(ROOM, 13, 11, BOB), "")
    assert one.head.preview is not None
    assert (one.head.preview.excerpt, one.head.preview.deleted) == ("", True)


def test_a_rename_is_kept_and_the_rest_stays() -> None:
    one = room()
    one.take(pushes.RoomChanged(ROOM, 11, BOB, 1, title="Crew"), "")
    assert msgspec.structs.replace(one.head, title="Team", seq=10) == room().head


def test_in_a_direct_room_the_other_ones_marks_are_the_ticks() -> None:
    one = room(RoomKind.DIRECT)
    one.own_marks(20, 20)
    assert one.send_state(11) is SendState.SENT
    one.take_marks(pushes.Marks(ROOM, BOB, 11, 10))
    assert one.send_state(11) is SendState.DELIVERED
    one.take_marks(pushes.Marks(ROOM, BOB, 11, 11))
    assert one.send_state(11) is SendState.READ


def test_in_a_group_the_slowest_member_decides_once_all_are_known() -> None:
    one = room()
    one.own_marks(20, 20)
    one.take_marks(pushes.Marks(ROOM, BOB, 12, 12))
    assert one.send_state(12) is SendState.SENT
    one.take_members([member(ME), member(BOB), member(EVE)])
    one.take_marks(pushes.Marks(ROOM, EVE, 12, 11))
    assert one.send_state(12) is SendState.DELIVERED
    one.take_marks(pushes.Marks(ROOM, EVE, 12, 12))
    assert one.send_state(12) is SendState.READ


def test_marks_never_go_back() -> None:
    one = room(RoomKind.DIRECT)
    one.own_marks(20, 20)
    one.take_marks(pushes.Marks(ROOM, BOB, 20, 20))
    one.take_marks(pushes.Marks(ROOM, BOB, 11, 11))
    assert one.send_state(20) is SendState.READ


def test_members_are_counted_as_they_come_and_go() -> None:
    one = room()
    one.take(pushes.RoomJoined(ROOM, 11, EVE, User(EVE, "eve", "Eve"), Role.MEMBER, 1), "")
    assert one.head.member_count == 4
    one.take(pushes.RoomLeft(ROOM, 12, EVE, 1), "")
    one.take(pushes.RoomRemoved(ROOM, 13, ME, BOB, 1), "")
    assert one.head.member_count == 2


def test_who_sends_has_read_up_to_there_and_who_leaves_holds_nothing_back() -> None:
    one = room()
    one.take_members([member(ME), member(BOB), member(EVE)])
    one.take(new(11, ME), "Mira")
    one.take_marks(pushes.Marks(ROOM, EVE, 11, 11))
    assert one.send_state(11) is SendState.SENT
    one.take(new(12, BOB), "Bob")
    assert one.send_state(11) is SendState.READ
    one.take(new(13, ME), "Mira")
    one.take_marks(pushes.Marks(ROOM, BOB, 13, 13))
    one.take(pushes.RoomLeft(ROOM, 14, EVE, 1), "")
    assert one.send_state(13) is SendState.SENT
    one.take_members([member(ME), member(BOB)])
    assert one.send_state(13) is SendState.READ
