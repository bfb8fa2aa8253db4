"""Every kind of push, over a real server: the desktop that was told equals one that fetches afresh."""

from __future__ import annotations

import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import Code
from common.protocol import pushes, requests
from common.protocol.pushes import Push
from common.protocol.types import HistoryAccess, Mention, Role, Visibility
from desktop.net.session import Session
from desktop.services.state import Link, SendState, ServiceError
from tests.integration.desktop.conftest import PASSWORD, Place, messages, online
from tests.integration.desktop.stage import Stage, said
from tests.support.desktop_fold import Heard, equals_fresh
from tests.support.wait import until


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    heard = Heard()
    receive = Session.receive

    def receiving(session: Session, push: Push) -> bool:
        taken = receive(session, push)
        heard.note(session, push)
        return taken

    monkeypatch.setattr(Session, "receive", receiving)
    place = Place(tmp_path, tls=False)
    await place.start()
    stage = Stage(place, heard)
    await stage.build()
    yield stage
    await place.close()


# What is done so that Ada is told.


async def message_new(stage: Stage) -> None:
    ada = Mention(0, 4, stage.ada.core.me)
    await said(stage.bob, stage.group, "@Ada an answer", reply_to=stage.seq("hers"), mentions=[ada])
    await until(lambda: (room := stage.ada.room(stage.group)) and room.mentions == 1)


async def own_message(stage: Stage) -> None:
    """From another device of hers: it counts as read here too."""
    await said(stage.bob, stage.group, "news")
    await until(lambda: stage.ada.info.unread)
    other = await stage.another("ada-writes")
    await said(other, stage.group, "written elsewhere")
    await until(lambda: stage.timeline(stage.ada)[-1].body == "written elsewhere")


async def message_edited(stage: Stage) -> None:
    await said(stage.bob, stage.group, "answer", reply_to=stage.seq("his"))
    await stage.bob.timeline(stage.group).edit(stage.seq("his"), "his, better")
    await until(lambda: [m.body for m in stage.timeline(stage.ada)] == ["hers", "his, better", "answer"])


async def mention_edited(stage: Stage) -> None:
    await said(stage.bob, stage.group, "to nobody")
    await until(lambda: len(stage.timeline(stage.ada)) == 3)
    mention = Mention(0, 4, stage.ada.core.me)
    await stage.bob.timeline(stage.group).edit(stage.seq("to nobody"), "@Ada", mentions=[mention])
    await until(lambda: stage.timeline(stage.ada)[-1].body == "@Ada")


async def message_deleted(stage: Stage) -> None:
    await said(stage.bob, stage.group, "answer", reply_to=stage.seq("his"))
    await stage.bob.timeline(stage.group).delete(stage.seq("his"))
    await until(lambda: stage.timeline(stage.ada)[1].deleted)


async def mention_deleted(stage: Stage) -> None:
    mention = Mention(0, 4, stage.ada.core.me)
    await said(stage.bob, stage.group, "@Ada oh", mentions=[mention])
    await until(lambda: (room := stage.ada.room(stage.group)) and room.mentions == 1)
    # The room tells before its row is stored.
    await until(lambda: stage.timeline(stage.ada)[-1].body == "@Ada oh")
    await stage.bob.timeline(stage.group).delete(stage.seq("@Ada oh"))
    await until(lambda: stage.timeline(stage.ada)[-1].deleted)


async def reaction_added(stage: Stage) -> None:
    await stage.bob.timeline(stage.group).react(stage.seq("hers"), "👍", on=True)
    await stage.carl.timeline(stage.group).react(stage.seq("hers"), "👍", on=True)
    await until(lambda: [r.count for r in stage.timeline(stage.ada)[0].reactions] == [2])


async def reaction_removed(stage: Stage) -> None:
    await reaction_added(stage)
    await stage.bob.timeline(stage.group).react(stage.seq("hers"), "👍", on=False)
    await until(lambda: [r.names for r in stage.timeline(stage.ada)[0].reactions] == [("Carl",)])


async def own_reaction(stage: Stage) -> None:
    await stage.ada.timeline(stage.group).react(stage.seq("his"), "❤️", on=True)
    await until(lambda: [r.mine for r in stage.timeline(stage.ada)[1].reactions] == [True])


async def room_created(stage: Stage) -> None:
    """The first events of a room come only to who asks for its whole stream: they are known already."""
    asked: list[Any] = []
    stage.ada.core.link.post(lambda id_: requests.Sync(id_, stage.group, 0), asked.append)
    await until(lambda: asked)
    assert isinstance(asked[0], pushes.SyncEvents)
    assert not asked[0].truncated


async def room_joined(stage: Stage) -> None:
    dora = await stage.place.desk("dora").join(stage.place.url, "Dora")
    await stage.ada.add_members(stage.group, [dora.core.me])
    await until(lambda: (room := stage.ada.room(stage.group)) and room.member_count == 4)


async def room_left(stage: Stage) -> None:
    await stage.carl.leave(stage.group)
    await until(lambda: (room := stage.ada.room(stage.group)) and room.member_count == 2)
    await until(lambda: stage.carl.room(stage.group) is None)
    await said(stage.bob, stage.group, "fewer")


async def room_removed(stage: Stage) -> None:
    await stage.ada.remove_member(stage.group, stage.bob.core.me)
    await until(lambda: (room := stage.ada.room(stage.group)) and room.member_count == 2)
    await until(lambda: stage.bob.room(stage.group) is None)
    await said(stage.carl, stage.group, "without him")


async def room_role(stage: Stage) -> None:
    await stage.ada.set_role(stage.group, stage.bob.core.me, Role.OWNER)
    await until(lambda: (room := stage.ada.room(stage.group)) and room.role is Role.ADMIN)


async def room_renamed(stage: Stage) -> None:
    await stage.ada.set_role(stage.group, stage.bob.core.me, Role.ADMIN)
    await stage.bob.change_room(stage.group, title="Dock")
    await until(lambda: (room := stage.ada.room(stage.group)) and room.title == "Dock")


async def room_topic(stage: Stage) -> None:
    await stage.ada.change_room(stage.group, topic="Ships")
    await stage.ada.change_room(stage.group, topic="")
    await until(lambda: (room := stage.ada.room(stage.group)) and not room.topic)


async def room_visibility(stage: Stage) -> None:
    await stage.ada.change_room(stage.group, visibility=Visibility.PUBLIC, history=HistoryAccess.SINCE_JOIN)
    await until(lambda: (room := stage.ada.room(stage.group)) and room.history is HistoryAccess.SINCE_JOIN)
    found = stage.ada.room(stage.group)
    assert found is not None
    assert found.visibility is Visibility.PUBLIC


async def marks(stage: Stage) -> None:
    for reader in (stage.bob, stage.carl):
        reader.timeline(stage.group).mark_read(stage.seq("his"))
    await until(lambda: stage.timeline(stage.ada)[0].state is SendState.READ)


async def marks_after_a_change_of_members(stage: Stage) -> None:
    await stage.carl.leave(stage.group)
    await until(lambda: (room := stage.ada.room(stage.group)) and room.member_count == 2)
    stage.bob.timeline(stage.group).mark_read(stage.seq("his"))
    await until(lambda: stage.timeline(stage.ada)[0].state is SendState.READ)


async def read_elsewhere(stage: Stage) -> None:
    await said(stage.bob, stage.group, "news")
    await until(lambda: stage.ada.info.unread)
    other = await stage.another("ada-reads")
    await until(lambda: other.info.unread)
    other.timeline(stage.group).mark_read(stage.seq("news"))
    await until(lambda: stage.ada.info.unread == 0)


async def account_room_added(stage: Stage) -> None:
    group = await stage.bob.create_group("Night shift", topic="Late", member_ids=[stage.ada.core.me])
    await until(lambda: stage.ada.room(group))
    await said(stage.bob, group, "welcome")
    direct = await stage.carl.open_direct(stage.ada.core.me)
    await until(lambda: stage.ada.room(direct))


async def account_room_removed(stage: Stage) -> None:
    await stage.ada.set_role(stage.group, stage.bob.core.me, Role.OWNER)
    await stage.bob.remove_member(stage.group, stage.ada.core.me)
    await until(lambda: stage.ada.room(stage.group) is None)
    await said(stage.bob, stage.group, "she is gone")


async def account_profile(stage: Stage) -> None:
    other = await stage.another("ada-renames")
    await other.change_profile(name="Ada Lovelace", about="Engines", colour=4)
    await until(lambda: stage.ada.info.me.name == "Ada Lovelace")


async def account_events(stage: Stage) -> None:
    """One event of the account stream is lost on the way: the next one shows the gap, which is fetched."""
    taken: list[pushes.AccountProfile] = []
    handlers = stage.ada.core.incoming._handlers
    handlers[pushes.AccountProfile], usual = taken.append, handlers[pushes.AccountProfile]
    other = await stage.another("ada-renames")
    await other.change_profile(name="Ada Lovelace")
    await until(lambda: taken)
    handlers[pushes.AccountProfile] = usual
    await stage.bob.create_group("Night shift", member_ids=[stage.ada.core.me])
    await until(lambda: stage.ada.info.me.name == "Ada Lovelace")


async def user_changed(stage: Stage) -> None:
    await stage.bob.change_profile(name="Robert", colour=7)
    await until(lambda: stage.timeline(stage.ada)[1].author.name == "Robert")


async def sync_events(stage: Stage) -> None:
    async def meanwhile() -> None:
        await said(stage.bob, stage.group, "missed")
        await stage.bob.timeline(stage.group).edit(stage.seq("his"), "his, edited meanwhile")
        await stage.carl.timeline(stage.group).react(stage.seq("hers"), "🎉", on=True)
        await stage.carl.leave(stage.group)

    await stage.away(meanwhile)
    await until(lambda: stage.timeline(stage.ada)[-1].body == "missed")


async def removed_while_away(stage: Stage) -> None:
    await stage.ada.set_role(stage.group, stage.bob.core.me, Role.OWNER)
    await stage.away(lambda: stage.bob.remove_member(stage.group, stage.ada.core.me))
    await until(lambda: stage.ada.room(stage.group) is None)


async def history_page(stage: Stage) -> None:
    group = await stage.bob.create_group("Old hands", member_ids=[stage.carl.core.me])
    for number in range(5):
        await said(stage.bob, group, f"long ago {number}")
    await stage.bob.add_members(group, [stage.ada.core.me])
    await until(lambda: stage.ada.room(group))


async def refused(stage: Stage) -> None:
    with pytest.raises(ServiceError) as wrong:
        await stage.ada.timeline(stage.group).edit(stage.seq("his"), "not hers to change")
    assert wrong.value.code is Code.FORBIDDEN


async def closing(stage: Stage) -> None:
    await stage.place.stop()
    await until(lambda: stage.ada.link.link is Link.WAITING)
    await stage.place.start()
    for account in (stage.ada, stage.bob, stage.carl):
        account.try_now()
        await online(account)
    await said(stage.bob, stage.group, "after the restart")


async def typing_shown(stage: Stage) -> None:
    stage.bob.timeline(stage.group).typing()
    await until(lambda: (room := stage.ada.room(stage.group)) and room.typing == ("Bob",))
    await said(stage.bob, stage.group, "typed")
    await until(lambda: (room := stage.ada.room(stage.group)) and not room.typing)


Scene = Callable[[Stage], Awaitable[None]]

SCENES: dict[type[Push], tuple[Scene, ...]] = {
    pushes.Ok: (own_reaction,),
    pushes.Error: (refused,),
    pushes.Welcome: (sync_events,),
    pushes.Heads: (removed_while_away,),
    pushes.Ready: (closing,),
    pushes.SyncEvents: (sync_events,),
    pushes.AccountEvents: (account_events,),
    pushes.HistoryPage: (history_page,),
    pushes.MessageNew: (message_new, own_message),
    pushes.MessageEdited: (message_edited, mention_edited),
    pushes.MessageDeleted: (message_deleted, mention_deleted),
    pushes.ReactionAdded: (reaction_added,),
    pushes.ReactionRemoved: (reaction_removed,),
    pushes.RoomCreated: (room_created,),
    pushes.RoomJoined: (room_joined,),
    pushes.RoomLeft: (room_left,),
    pushes.RoomRemoved: (room_removed,),
    pushes.RoomRole: (room_role,),
    pushes.RoomChanged: (room_renamed, room_topic, room_visibility),
    pushes.Marks: (marks, marks_after_a_change_of_members),
    pushes.MinMarks: (marks,),
    pushes.AccountRoomAdded: (account_room_added,),
    pushes.AccountRoomRemoved: (account_room_removed,),
    pushes.AccountProfile: (account_profile,),
    pushes.AccountRead: (read_elsewhere,),
    pushes.UserChanged: (user_changed,),
    pushes.TypingShown: (typing_shown,),
    pushes.ServerClosing: (closing,),
}
"""Who adds a kind of push to the protocol adds what causes it here."""

CASES = [(kind, scene) for kind, scenes in SCENES.items() for scene in scenes]


def test_every_kind_of_push_has_a_scene() -> None:
    assert set(typing.get_args(Push)) == SCENES.keys()


@pytest.mark.parametrize(
    ("kind", "scene"), CASES, ids=[f"{kind.__name__}-{scene.__name__}" for kind, scene in CASES]
)
async def test_told_equals_fetched(kind: type[Push], scene: Scene, stage: Stage) -> None:
    await scene(stage)
    await until(lambda: kind in stage.heard.kinds(stage.ada))
    await equals_fresh(stage.seen, await stage.another())


async def test_a_device_signed_out_elsewhere_keeps_all_and_comes_back_the_same(stage: Stage) -> None:
    other = await stage.another()
    mine = next(one for one in await stage.ada.devices() if one.current)
    await other.revoke_device(mine.device_id)
    await until(lambda: stage.ada.link.link is Link.SIGNED_OUT)
    stage.ada.timeline(stage.group).send("written while signed out")
    assert [m.body for m in stage.timeline(stage.ada)] == ["hers", "his", "written while signed out"]
    await said(stage.bob, stage.group, "not for that device")
    assert "not for that device" not in [m.body for m in stage.timeline(stage.ada)]
    await stage.ada.sign_in_again(PASSWORD)
    await until(lambda: not stage.ada.link.waiting and len(stage.timeline(stage.ada)) == 4)
    await equals_fresh(stage.seen, other)


async def test_what_is_kept_on_disk_equals_what_was_shown(stage: Stage) -> None:
    await message_edited(stage)
    await reaction_added(stage)
    await until(lambda: stage.seen.settled)
    shown = stage.timeline(stage.ada)
    await stage.ada_desk.close()
    stage.place.desks.remove(stage.ada_desk)
    await stage.place.stop()
    again = stage.place.desk("ada")
    await again.accounts.start(connect=False)
    timeline = again.account.timeline(stage.group)
    await until(lambda: len(messages(timeline)) == len(shown))
    assert [(m.key, m.seq, m.rev, m.body, m.reactions) for m in messages(timeline)] == [
        (m.key, m.seq, m.rev, m.body, m.reactions) for m in shown
    ]
