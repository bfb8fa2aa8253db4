"""Who is a member while a hello is under way, and after a removal that comes late."""

from __future__ import annotations

import asyncio
from typing import cast

from common.ids import new_id
from common.protocol.pushes import (
    AccountRoomAdded,
    AccountRoomRemoved,
    MessageNew,
)
from server.gateway.hub import Hub
from server.gateway.session import Session
from server.infra.memory.presence import MemoryPresence
from server.kernel.delivery import UserDelivery
from tests.support.hub import DARIO, MIRA, ROOM, Receiver, Stored, enter, head, message, removed
from tests.support.wait import until


async def test_who_is_removed_while_their_rooms_are_read_hears_nothing_later(
    hub: Hub, stored: Stored
) -> None:
    dario, mira, gate = Receiver(2), Receiver(1), asyncio.Event()
    await enter(hub, dario, DARIO)
    stored.room_gates = [gate]
    entering = asyncio.ensure_future(enter(hub, mira, MIRA))
    await asyncio.sleep(0)
    # Read, but not returned yet.
    stored.member_of = set()
    await hub.deliver([stored.append(removed(6, MIRA)), UserDelivery(MIRA, [AccountRoomRemoved(1, ROOM)])])
    gate.set()
    assert (await entering).heads == []
    await hub.deliver([stored.append(message(7))])
    assert (mira.seqs, mira.rooms, dario.seqs) == ([], {}, [6, 7])


async def test_who_is_removed_where_no_delivery_says_so_is_not_subscribed_after_the_heads(
    hub: Hub, stored: Stored, presence: MemoryPresence
) -> None:
    mira, gate = Receiver(1), asyncio.Event()
    stored.gates = [gate]
    stored.room_gates = [asyncio.Event()]
    stored.room_gates[0].set()
    stored.member_of = {ROOM, other := new_id()}
    entering = asyncio.ensure_future(enter(hub, mira, MIRA))
    await until(lambda: not stored.gates)
    # Of the other room there is no head.
    gate.set()
    await entering
    assert mira.rooms == {ROOM: 5}
    await hub.deliver([])
    assert await presence.routes([ROOM, other], []) == {ROOM: {0}}


async def test_a_removal_of_before_the_heads_ends_nothing(hub: Hub, stored: Stored) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, dario, DARIO)
    late = [stored.append(removed(6, MIRA)), stored.append(message(7))]
    # Mira came back and connected; the relay was slow.
    await enter(hub, mira, MIRA)
    await hub.deliver(late)
    await hub.deliver([stored.append(message(8))])
    # Nor is she told what her heads have, and what was said while she was out.
    assert (mira.seqs, dario.seqs) == ([8], [6, 7, 8])


async def test_a_removal_of_before_the_heads_that_comes_while_they_are_read_ends_nothing(
    hub: Hub, stored: Stored
) -> None:
    mira, dario, gate = Receiver(1), Receiver(2), asyncio.Event()
    await enter(hub, dario, DARIO)
    late = [stored.append(removed(6, MIRA)), stored.append(message(7))]
    stored.gates = [gate]
    entering = asyncio.ensure_future(enter(hub, mira, MIRA))
    await until(lambda: not stored.gates)
    await hub.deliver(late)
    await hub.deliver([stored.append(message(8))])
    gate.set()
    entrance = await entering
    assert [chunk[0].seq for chunk in entrance.heads] == [7]
    await hub.deliver([stored.append(message(9))])
    assert (mira.seqs, dario.seqs) == ([8, 9], [6, 7, 8, 9])


async def test_a_removal_that_the_heads_do_not_know_yet_holds(hub: Hub, stored: Stored) -> None:
    mira, dario, gate = Receiver(1), Receiver(2), asyncio.Event()
    await enter(hub, dario, DARIO)
    stored.gates = [gate]
    entering = asyncio.ensure_future(enter(hub, mira, MIRA))
    await until(lambda: not stored.gates)
    await hub.deliver([stored.append(removed(6, MIRA)), stored.append(message(7))])
    gate.set()
    await entering
    await hub.deliver([stored.append(message(8))])
    assert (mira.seqs, mira.rooms) == ([], {})


async def test_account_events_of_before_the_welcome_are_not_told_again(hub: Hub, stored: Stored) -> None:
    phone, laptop = Receiver(1), Receiver(2)
    await enter(hub, phone, MIRA)
    await enter(hub, laptop, MIRA, account_seq=2)
    back = AccountRoomAdded(2, head(5))
    await hub.deliver([UserDelivery(MIRA, [AccountRoomRemoved(1, ROOM), back])])
    await hub.deliver([stored.append(message(6))])
    assert [type(push) for push in phone.got] == [AccountRoomRemoved, AccountRoomAdded, MessageNew]
    assert [type(push) for push in laptop.got] == [MessageNew]


async def test_news_of_a_room_that_was_lost_since_show_nothing_of_it(hub: Hub, stored: Stored) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, dario, DARIO)
    stored.member_of = set()
    await enter(hub, mira, MIRA)
    await hub.deliver([stored.append(removed(6, MIRA)), stored.append(message(7))])
    await hub.deliver([UserDelivery(MIRA, [AccountRoomAdded(1, head(5))]), stored.append(message(8))])
    assert (mira.seqs, mira.rooms, dario.seqs) == ([], {}, [6, 7, 8])


async def test_the_route_of_a_room_whose_last_member_here_was_removed_is_taken_back(
    hub: Hub, stored: Stored, presence: MemoryPresence
) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    await hub.deliver([stored.append(removed(6, MIRA))])
    assert await presence.routes([ROOM], [MIRA]) == {MIRA: {0}}


async def test_who_ended_while_their_new_room_was_read_is_not_subscribed(
    hub: Hub, stored: Stored, presence: MemoryPresence
) -> None:
    mira, dario, gate = Receiver(1), Receiver(2), asyncio.Event()
    await enter(hub, dario, DARIO)
    stored.member_of = set()
    await enter(hub, mira, MIRA)
    await hub.deliver([stored.append(message(6))])
    stored.event_gates = [gate]
    news = asyncio.ensure_future(hub.deliver([UserDelivery(MIRA, [AccountRoomAdded(1, head(5))])]))
    await until(lambda: not stored.event_gates)
    await hub.leave(cast("Session", mira), MIRA)
    gate.set()
    await news
    await hub.leave(cast("Session", dario), DARIO)
    assert (mira.rooms, hub._rooms) == ({}, {})
    assert await presence.routes([ROOM], []) == {}
