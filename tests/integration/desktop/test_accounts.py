"""Two desktops without windows over a real server, plain and TLS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from common.errors import Code
from desktop.models.rooms import preview
from desktop.services.account import AccountService
from desktop.services.state import Link, SendState, ServiceError
from desktop.services.timeline import TimelineService
from tests.integration.desktop.conftest import PASSWORD, Place, messages, online, shown
from tests.support.wait import until


async def two(place: Place) -> tuple[AccountService, AccountService, str]:
    """Ada and Bob, both online, and the room they share."""
    ada = await place.desk("ada").join(place.url, "Ada")
    bob = await place.desk("bob").join(place.url, "Bob")
    return ada, bob, bob.rooms[0].room_id


async def test_messages_go_both_ways_with_ticks(place: Place) -> None:
    ada, bob, room = await two(place)
    arrived: list[tuple[str, int]] = []
    bob.message_arrived.connect(lambda room_id, seq: arrived.append((room_id, seq)))
    hers, his = ada.timeline(room), bob.timeline(room)
    for number in range(5):
        hers.send(f"hello {number}")
    await until(lambda: [m.body for m in messages(his)] == [f"hello {n}" for n in range(5)])
    await until(lambda: bob.rooms[0].unread == 5)
    await until(lambda: messages(hers)[-1].state is SendState.DELIVERED)
    assert [seq for _, seq in arrived] == [m.seq for m in messages(his)]
    last = messages(his)[-1].seq
    assert last is not None
    his.mark_read(last)
    await until(lambda: {m.state for m in messages(hers)} == {SendState.READ})
    assert bob.room(room) is not None
    await until(lambda: bob.rooms[0].unread == 0)
    his.send("and back")
    await until(lambda: shown(hers)[-1] == "and back")
    await until(lambda: preview(ada.rooms[0]) == "Bob: and back")


async def test_edits_reactions_replies_and_deletes_reach_both(place: Place) -> None:
    ada, bob, room = await two(place)
    hers, his = ada.timeline(room), bob.timeline(room)
    hers.send("first")
    await until(lambda: messages(his))
    seq = messages(his)[0].seq
    assert seq is not None
    his.send("an answer", reply_to=seq)
    await his.react(seq, "👍", on=True)
    await hers.edit(seq, "first, better")
    await until(lambda: len(messages(hers)) == 2 and messages(hers)[1].seq)
    for timeline in (hers, his):
        await until(lambda timeline=timeline: messages(timeline)[0].edited)  # type: ignore[misc]  # a default binds the loop variable
        assert messages(timeline)[0].reactions[0].names == ("Bob",)
        await until(lambda timeline=timeline: quoted(timeline) == "first, better")  # type: ignore[misc]  # the same
    await his.react(seq, "👍", on=False)
    await until(lambda: messages(hers)[0].reactions == ())
    await hers.delete(seq)
    await until(lambda: messages(his)[0].deleted and quoted(his) == "")
    with pytest.raises(ServiceError) as gone:
        await hers.edit(seq, "too late")
    assert gone.value.code is Code.GONE


def quoted(timeline: object) -> str | None:
    reply = messages(timeline)[1].reply  # type: ignore[arg-type]  # narrowed by every caller
    return None if reply is None else reply.excerpt


async def test_rooms_are_made_renamed_joined_and_left(place: Place) -> None:
    ada, bob, _ = await two(place)
    direct = await ada.open_direct(bob.core.me)
    await until(lambda: bob.room(direct))
    assert await bob.open_direct(ada.core.me) == direct
    group = await ada.create_group("Team", member_ids=[bob.core.me])
    await until(lambda: bob.room(group))
    await ada.change_room(group, title="Crew")
    await until(lambda: (found := bob.room(group)) and found.title == "Crew")
    assert bob.members(group) == []
    await until(lambda: {m.person.name for m in bob.members(group)} == {"Ada", "Bob"})
    await ada.remove_member(group, bob.core.me)
    await until(lambda: bob.room(group) is None)
    assert {person.name for person in await ada.people()} == {"Ada", "Bob"}


async def test_what_was_written_while_offline_leaves_once_and_in_order(place: Place) -> None:
    ada, bob, room = await two(place)
    hers, his = ada.timeline(room), bob.timeline(room)
    hers.send("before")
    await until(lambda: [m.body for m in messages(his)] == ["before"])
    await place.stop()
    await until(lambda: ada.link.link is Link.WAITING)
    for number in range(3):
        hers.send(f"away {number}")
    await until(lambda: [m.state for m in messages(hers)][1:] == [SendState.WAITING] * 3)
    assert ada.link.waiting == 3
    with pytest.raises(ServiceError):
        await hers.react(messages(hers)[0].seq or 0, "👍", on=True)
    await place.start()
    for account in (ada, bob):
        account.try_now()
    expected = ["before", "away 0", "away 1", "away 2"]
    await until(lambda: [m.body for m in messages(his)] == expected)
    await until(lambda: [m.body for m in messages(hers)] == expected and not ada.link.waiting)
    assert len({m.seq for m in messages(hers)}) == 4


async def test_a_reopened_profile_is_full_before_the_network_answers(place: Place) -> None:
    ada, bob, room = await two(place)
    ada.timeline(room).send("kept")
    his = bob.timeline(room)
    await until(lambda: shown(his) == ["kept"] and preview(bob.rooms[0]) == "Ada: kept")
    bob.set_draft(room, "unfinished")
    desk = place.desks.pop()
    await desk.close()
    await place.stop()
    again = place.desk("bob")
    await again.accounts.start()
    account = again.account
    assert (preview(account.rooms[0]), account.rooms[0].draft) == ("Ada: kept", "unfinished")
    timeline = account.timeline(room)
    await until(lambda: shown(timeline) == ["kept"])
    assert again.accounts.waiting(account) == 1
    await place.start()
    account.try_now()
    await online(account)


async def moved(timeline: TimelineService, move: Callable[[], None]) -> None:
    """Let the window move once."""
    before = shown(timeline)

    def changed() -> bool:
        move()  # a wish is dropped while another movement is under way
        return shown(timeline) != before

    await until(changed)


async def test_a_long_history_is_paged_without_gaps_in_both_directions(place: Place) -> None:
    ada, bob, room = await two(place)
    hers = ada.timeline(room)
    for number in range(400):
        hers.send(f"m {number}")
    await until(lambda: not ada.link.waiting, timeout_s=60)
    late = await place.desk("late").join(place.url, "Late")
    timeline = late.timeline(room)
    await until(lambda: messages(timeline))
    while shown(timeline)[0] != "m 0":
        await moved(timeline, timeline.load_older)
        assert len(timeline.items) <= 300
    await until(lambda: timeline.at_start)
    assert not timeline.at_end
    assert timeline.newer_count == 400 - len(messages(timeline))
    while shown(timeline)[-1] != "m 399":
        await moved(timeline, timeline.load_newer)
        bodies = shown(timeline)
        first = int(bodies[0].removeprefix("m "))
        assert bodies == [f"m {number}" for number in range(first, first + len(bodies))]
    await until(lambda: timeline.at_end)
    seq = messages(hers)[0].seq
    assert seq is not None
    target = seq - 100
    index = await timeline.jump(target)
    assert index is not None
    assert timeline.items[index].seq == target
    del bob


async def test_signing_out_leaves_nothing_and_signing_in_brings_all_back(place: Place) -> None:
    ada, _, room = await two(place)
    ada.timeline(room).send("stays on the server")
    await until(lambda: not ada.link.waiting)
    desk = place.desks[0]
    await desk.accounts.sign_out(ada)
    assert desk.accounts.items == []
    assert list((desk.folder / "accounts").iterdir()) == []
    found = await desk.accounts.find(place.url)
    again = await desk.accounts.sign_in(found, username="ada", password=PASSWORD)
    timeline = again.timeline(room)
    await until(lambda: shown(timeline)[-1:] == ["stays on the server"])


async def test_wrong_words_are_told_plainly(place: Place) -> None:
    desk = place.desk("ada")
    await desk.join(place.url, "Ada")
    found = await desk.accounts.find(place.url)
    with pytest.raises(ServiceError, match="wrong"):
        await desk.accounts.sign_in(found, username="ada", password="not this one")
    with pytest.raises(ServiceError, match="taken"):
        await desk.accounts.register(found, name="Ada", username="ada", password=PASSWORD)
    with pytest.raises(ServiceError, match="address"):
        await desk.accounts.find("not an address")
    with pytest.raises(ServiceError, match="empty"):
        desk.account.timeline(desk.account.rooms[0].room_id).send(" \n")
    assert desk.notices == [
        "This computer has no working keyring: your sign-in is in a file only you can read."
    ]
