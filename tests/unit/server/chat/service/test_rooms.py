"""Rooms: who may make, join, change and leave them, and what remains."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from common.errors import Code, ParleyError
from common.ids import new_id
from common.limits import Limits
from common.protocol import requests, rest
from common.protocol.types import HistoryAccess, Role, RoomKind, Visibility
from server.infra.sqlite.database import SqliteDatabase
from tests.support.chat import Chat


async def _refused(call: Awaitable[object]) -> Code:
    with pytest.raises(ParleyError) as refusal:
        await call
    return refusal.value.code


async def _roles(chat: Chat, user: str, room: str) -> dict[str, Role]:
    listed = await chat.reads.members(user, room, after="", limit=500)
    return {member.user.id: member.role for member in listed.members}


async def test_newcomers_join_everyone_and_the_first_owns_it(chat: Chat) -> None:
    people = await chat.people("mira", "dario", "yuki")
    found = [head for user in people for head in await chat.reads.heads(user)]
    assert [(head.title, head.visibility, head.member_count) for head in found] == [
        ("Everyone", Visibility.PUBLIC, 3)
    ] * 3
    assert await _roles(chat, people[1], found[0].room_id) == {
        people[0]: Role.OWNER,
        people[1]: Role.MEMBER,
        people[2]: Role.MEMBER,
    }
    await chat.check()


async def test_everyone_holds_everyone_whatever_the_limit_of_a_room(database: SqliteDatabase) -> None:
    chat = Chat(database, limits=Limits(room_members=2, rooms_per_hour=0))
    mira, dario, yuki = await chat.people("mira", "dario", "yuki")
    assert (await chat.reads.heads(yuki))[0].member_count == 3
    room = await chat.group(mira, dario)
    request = rest.MembersAdd(new_id(), [yuki])
    assert await _refused(chat.rooms.add_members(mira, room, request)) is Code.LIMIT_REACHED


async def test_two_people_have_one_direct_room_whoever_asks(chat: Chat) -> None:
    mira, dario = await chat.people("mira", "dario")
    one, two = await chat.rooms.direct(mira, dario), await chat.rooms.direct(dario, mira)
    await chat.relay()
    assert one.room_id == two.room_id
    assert (one.kind, one.peer and one.peer.id, two.peer and two.peer.id) == (RoomKind.DIRECT, dario, mira)
    assert await _refused(chat.rooms.leave(mira, one.room_id)) is Code.FORBIDDEN
    third = rest.MembersAdd(new_id(), [await chat.person("eve")])
    assert await _refused(chat.rooms.add_members(mira, one.room_id, third)) is Code.FORBIDDEN
    assert await _refused(chat.rooms.direct(mira, new_id())) is Code.NOT_FOUND
    await chat.check()


async def test_a_direct_room_with_oneself_is_for_notes(chat: Chat) -> None:
    mira = await chat.person("mira")
    head = await chat.rooms.direct(mira, mira)
    await chat.relay()
    assert (head.member_count, head.peer and head.peer.id) == (1, mira)
    await chat.handle(chat.send(mira, head.room_id, "milk"))
    await chat.check()


async def test_a_repeated_creation_gives_the_same_group(chat: Chat) -> None:
    mira, dario = await chat.people("mira", "dario")
    request = rest.GroupCreate(new_id(), "Harbour", member_ids=[dario])
    first, again = await chat.rooms.create(mira, request), await chat.rooms.create(mira, request)
    assert first == again
    assert len(await chat.reads.heads(dario)) == 2


async def test_abuse_25_a_removed_member_hears_nothing_later_and_gets_404_for_everything(chat: Chat) -> None:
    mira, dario = await chat.people("mira", "dario")
    room = await chat.group(mira, dario)
    await chat.rooms.remove(mira, room, dario)
    await chat.relay()
    await chat.handle(chat.send(mira, room, "without him"))
    assert room not in chat.views[dario]
    calls = (
        chat.reads.head(dario, room),
        chat.reads.history(dario, requests.History(0, room)),
        chat.reads.sync(dario, requests.Sync(0, room, 0)),
        chat.reads.members(dario, room, after="", limit=10),
        chat.rooms.change(dario, room, rest.RoomChange(new_id(), title="Mine")),
        chat.rooms.add_members(dario, room, rest.MembersAdd(new_id(), [dario])),
        chat.rooms.join(dario, room),
        chat.rooms.leave(dario, room),
        chat.rooms.remove(dario, room, mira),
        chat.rooms.set_role(dario, room, mira, rest.MemberChange(new_id(), Role.MEMBER)),
        chat.posts.post(dario, room, rest.MessagePost(new_id(), "hello?")),
    )
    for call in calls:
        assert await _refused(call) is Code.NOT_FOUND
    await chat.check()


async def test_whoever_comes_again_starts_a_new_stay(chat: Chat) -> None:
    mira, dario = await chat.people("mira", "dario")
    room = await chat.group(mira, dario, visibility=Visibility.PUBLIC, history=HistoryAccess.SINCE_JOIN)
    await chat.handle(chat.send(mira, room, "one"))
    await chat.rooms.leave(dario, room)
    await chat.relay()
    await chat.handle(chat.send(mira, room, "two"))
    head = await chat.rooms.join(dario, room)
    await chat.relay()
    await chat.handle(chat.send(mira, room, "three"))
    assert (head.visible_from_seq, head.read, head.unread) == (head.seq, head.seq, 0)
    assert head.preview is None
    assert [m.body for m in await chat.history(dario, room)] == ["three"]
    answer = await chat.reads.sync(dario, requests.Sync(0, room, 0))
    assert [event.seq for event in answer.events] == [head.seq, head.seq + 1]
    await chat.check()


async def test_an_owner_always_remains(chat: Chat) -> None:
    mira, dario, yuki = await chat.people("mira", "dario", "yuki")
    room = await chat.group(mira, dario, yuki)
    await chat.rooms.set_role(mira, room, yuki, rest.MemberChange(new_id(), Role.ADMIN))
    demote = rest.MemberChange(new_id(), Role.MEMBER)
    assert await _refused(chat.rooms.set_role(mira, room, mira, demote)) is Code.FORBIDDEN
    assert await _refused(chat.rooms.remove(yuki, room, mira)) is Code.FORBIDDEN
    await chat.rooms.leave(mira, room)
    assert await _roles(chat, dario, room) == {yuki: Role.OWNER, dario: Role.MEMBER}
    give = rest.MemberChange(new_id(), Role.OWNER)
    await chat.rooms.set_role(yuki, room, dario, give)
    assert await _roles(chat, dario, room) == {dario: Role.OWNER, yuki: Role.ADMIN}
    # Asked again, the answer is the same, though yuki owns nothing any more.
    await chat.rooms.set_role(yuki, room, dario, give)
    await chat.relay()
    await chat.check()


async def test_whoever_joins_an_empty_room_owns_it(chat: Chat) -> None:
    mira, dario = await chat.people("mira", "dario")
    room = await chat.group(mira, visibility=Visibility.PUBLIC)
    await chat.rooms.leave(mira, room)
    assert (await chat.rooms.join(dario, room)).role is Role.OWNER


async def test_plain_members_change_nothing(chat: Chat) -> None:
    mira, dario, yuki = await chat.people("mira", "dario", "yuki")
    room = await chat.group(mira, dario, yuki)
    for call in (
        chat.rooms.change(dario, room, rest.RoomChange(new_id(), title="Mine")),
        chat.rooms.remove(dario, room, yuki),
        chat.rooms.add_members(dario, room, rest.MembersAdd(new_id(), [yuki])),
        chat.rooms.set_role(dario, room, dario, rest.MemberChange(new_id(), Role.OWNER)),
    ):
        assert await _refused(call) is Code.FORBIDDEN


async def test_a_repeated_change_is_done_once_and_its_key_is_its_own(chat: Chat) -> None:
    mira, dario = await chat.people("mira", "dario")
    room = await chat.group(mira, dario)
    key = new_id()
    first = await chat.rooms.change(mira, room, rest.RoomChange(key, title="One"))
    await chat.rooms.change(mira, room, rest.RoomChange(new_id(), title="Two"))
    again = await chat.rooms.change(mira, room, rest.RoomChange(key, title="One"))
    assert (first.title, again.title, again.seq) == ("One", "Two", first.seq + 1)
    other = rest.RoomChange(key, title="Three")
    assert await _refused(chat.rooms.change(mira, room, other)) is Code.ID_REUSED
    await chat.relay()
    await chat.check()


async def test_abuse_13_making_and_joining_rooms_is_counted(database: SqliteDatabase) -> None:
    chat = Chat(database, limits=Limits(rooms_per_hour=2))
    mira, dario = await chat.people("mira", "dario")
    await chat.group(mira)
    await chat.rooms.direct(mira, dario)
    await chat.rooms.direct(mira, dario)  # is there: not counted
    assert await _refused(chat.rooms.direct(mira, mira)) is Code.RATE_LIMITED
    chat.clock.advance(ms=3_600_001)
    await chat.rooms.direct(mira, mira)


async def test_one_person_is_in_so_many_rooms(database: SqliteDatabase) -> None:
    chat = Chat(database, limits=Limits(rooms_per_user=2))
    mira = await chat.person("mira")
    await chat.group(mira)
    create = rest.GroupCreate(new_id(), "One more")
    assert await _refused(chat.rooms.create(mira, create)) is Code.LIMIT_REACHED


async def test_nobody_is_put_into_more_rooms_than_one_person_may_be_in(database: SqliteDatabase) -> None:
    chat = Chat(database, limits=Limits(rooms_per_user=2))
    mira, dario, yuki = await chat.people("mira", "dario", "yuki")
    await chat.group(mira)
    room = await chat.group(dario)
    add = rest.MembersAdd(new_id(), [mira, yuki])
    assert await _refused(chat.rooms.add_members(dario, room, add)) is Code.LIMIT_REACHED
    create = rest.GroupCreate(new_id(), "With her", member_ids=[mira])
    assert await _refused(chat.rooms.create(yuki, create)) is Code.LIMIT_REACHED
    assert await _refused(chat.rooms.direct(yuki, mira)) is Code.LIMIT_REACHED
    head = await chat.rooms.add_members(dario, room, rest.MembersAdd(new_id(), [yuki]))
    assert head.member_count == 2
    # Who is in as many as may be can still be named among those who are there already.
    again = await chat.rooms.add_members(dario, room, rest.MembersAdd(new_id(), [yuki, dario]))
    assert again.member_count == 2


async def test_control_characters_are_no_title(chat: Chat) -> None:
    mira = await chat.person("mira")
    assert await _refused(chat.rooms.create(mira, rest.GroupCreate(new_id(), "a\x00b"))) is Code.BAD_TEXT
