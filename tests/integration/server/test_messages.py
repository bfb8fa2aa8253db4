"""Messages from hand to hand through a real server."""

from __future__ import annotations

from pathlib import Path

from common.errors import Code
from common.ids import new_id
from common.protocol import requests
from common.protocol.pushes import (
    AccountRoomAdded,
    AccountRoomRemoved,
    Error,
    Marks,
    MessageDeleted,
    MessageEdited,
    MessageNew,
    Ok,
    ReactionAdded,
    RoomRemoved,
)
from server.bootstrap import Server
from server.settings import Settings
from tests.support.client import Rest, client, direct_room, group_room, register


async def test_two_people_chat_both_ways_in_one_order(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = await direct_room(server.url, mira, dario)
    async with client(server.url, mira) as a, client(server.url, dario) as b:
        for n in range(5):
            await a.say(room.room_id, f"from mira {n}")
            await b.say(room.room_id, f"from dario {n}")
        last = (await a.history(room.room_id)).messages[-1]
        await b.until(MessageNew, lambda p: p.seq == last.seq)
        page_a, page_b = await a.history(room.room_id), await b.history(room.room_id)
    assert page_a.messages == page_b.messages
    assert [m.msg_no for m in page_a.messages] == list(range(1, 11))
    assert [m.seq for m in page_a.messages] == list(range(room.seq + 1, room.seq + 11))


async def test_the_first_account_is_admin_and_both_are_in_everyone(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    assert (mira.user.admin, dario.user.admin) == (True, False)
    async with client(server.url, dario) as b:
        heads = b.heads
    assert [(head.title, head.member_count) for head in heads] == [("Everyone", 2)]


async def test_the_same_key_again_gives_the_message_as_it_is_and_nothing_new(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = await direct_room(server.url, mira, dario)
    key = new_id()
    async with client(server.url, mira) as a:
        first = await a.say(room.room_id, "once", key)
        a.pushes.clear()
        again = await a.say(room.room_id, "once", key)
        assert again.message == first.message
        other = await a.send(lambda i: requests.MessageSend(i, key, room.room_id, "something else"))
        refused = await a.refusal(other)
        assert (refused.code, refused.client_msg_id) == (Code.ID_REUSED, key)
        assert len((await a.history(room.room_id)).messages) == 1


async def test_edit_react_delete_reach_the_other_and_erase_what_was_said(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = (await direct_room(server.url, mira, dario)).room_id
    async with client(server.url, mira) as a, client(server.url, dario) as b:
        seq = (await a.say(room, "secrte")).seq
        assert isinstance(
            await a.answer(lambda i: requests.MessageEdit(i, new_id(), room, seq, "secret")), Ok
        )
        edited = await b.until(MessageEdited)
        assert (edited.target, edited.body) == (seq, "secret")
        await b.answer(lambda i: requests.ReactionAdd(i, new_id(), room, seq, "👍"))
        reacted = await a.until(ReactionAdded)
        assert reacted.user_id == dario.user.id
        stranger = await b.answer(lambda i: requests.MessageEdit(i, new_id(), room, seq, "mine now"))
        assert isinstance(stranger, Error)
        assert stranger.code == Code.FORBIDDEN
        await a.answer(lambda i: requests.MessageDelete(i, new_id(), room, seq))
        gone = await b.until(MessageDeleted)
        assert gone.target == seq
        late = await a.answer(lambda i: requests.MessageEdit(i, new_id(), room, seq, "back again"))
        assert isinstance(late, Error)
        assert late.code == Code.GONE
        (message,) = (await b.history(room)).messages
        assert (message.deleted, message.body, message.reactions, message.rev) == (True, "", [], gone.seq)
        synced = await b.sync(room)
    assert "secr" not in repr(synced)


async def test_a_read_mark_reaches_the_author_as_a_tick(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = (await direct_room(server.url, mira, dario)).room_id
    async with client(server.url, mira) as a, client(server.url, dario) as b:
        seq = (await a.say(room, "read me")).seq
        await b.until(MessageNew, lambda p: p.seq == seq)
        await b.answer(lambda i: requests.Receipt(i, room, read=seq))
        marks = await a.until(Marks, lambda p: p.user_id == dario.user.id)
        assert (marks.delivered, marks.read) == (seq, seq)
    async with client(server.url, mira) as a:
        head = next(head for head in a.heads if head.room_id == room)
    assert (head.min_read, head.unread) == (seq, 0)


async def test_a_removed_member_gets_nothing_later_and_404_for_everything(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    room = (await group_room(server.url, mira, dario)).room_id
    async with client(server.url, mira) as a, client(server.url, dario) as b:
        await a.say(room, "before")
        path = f"/rooms/{room}/members/{dario.user.id}"
        assert (await Rest(server.url, mira.access_token).call("DELETE", path)).status_code == 204
        await b.until(AccountRoomRemoved)
        await a.until(RoomRemoved)
        await a.say(room, "said when dario was gone")
        request = await b.send(lambda i: requests.Sync(i, room, 0))
        refused = await b.refusal(request)
        assert refused.code == Code.NOT_FOUND
        assert "dario was gone" not in repr(b.pushes)
    answer = await Rest(server.url, dario.access_token).call("GET", f"/rooms/{room}/messages")
    assert answer.status_code == 404


async def test_a_new_room_is_live_for_members_who_are_connected(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    async with client(server.url, mira) as a, client(server.url, dario) as b:
        room = (await group_room(server.url, mira, dario)).room_id
        added = await b.until(AccountRoomAdded)
        assert added.head.room_id == room
        await a.until(AccountRoomAdded)
        said = await a.say(room, "welcome")
        got = await b.until(MessageNew, lambda p: p.room_id == room)
    assert got.message == said.message


async def test_what_was_said_is_there_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", port=0)
    server = Server(settings)
    await server.start()
    mira = await register(server.url, "mira")
    async with client(server.url, mira) as a:
        everyone = a.heads[0].room_id
        said = await a.say(everyone, "still here")
        epoch = a.welcome.history_epoch
    await server.stop()
    again = Server(settings)
    await again.start()
    try:
        async with client(again.url, mira) as a:
            page = await a.history(everyone)
            assert a.welcome.history_epoch == epoch
    finally:
        await again.stop()
    assert page.messages == [said.message]
