"""Order, gaps, duplicates and membership at the fan-out, with a database that answers when told."""

from __future__ import annotations

import asyncio
from typing import cast

from common.errors import Code
from common.protocol.pushes import (
    AccountRead,
    AccountRoomAdded,
    AccountRoomRemoved,
    Error,
    Ok,
    TypingShown,
)
from server.gateway.hub import Hub
from server.gateway.session import Session
from server.kernel.delivery import Answers, Origin, RoomDelivery, TypingDelivery, UserDelivery
from tests.support.hub import DARIO, KEY, MIRA, ROOM, Receiver, Stored, Streams, enter, head, message, removed


async def test_what_was_delivered_already_is_dropped(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    await hub.deliver([RoomDelivery(ROOM, [message(4), message(5)]), stored.append(message(6))])
    await hub.deliver([RoomDelivery(ROOM, [message(6)])])
    assert mira.seqs == [6]


async def test_a_gap_is_loaded_before_what_follows(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    stored.append(message(6))
    stored.append(message(7))
    await hub.deliver([stored.append(message(8))])
    assert mira.seqs == [6, 7, 8]
    await hub.deliver([RoomDelivery(ROOM, [message(6), message(7)])])
    assert mira.seqs == [6, 7, 8]


async def test_a_removal_that_was_lost_still_ends_the_subscription_first(hub: Hub, stored: Stored) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    stored.append(message(6))
    stored.append(removed(7, MIRA))
    await hub.deliver([stored.append(message(8))])
    assert mira.seqs == [6]
    assert dario.seqs == [6, 7, 8]


async def test_events_before_the_first_heads_are_held_and_none_is_lost_or_repeated(
    hub: Hub, stored: Stored
) -> None:
    gate = asyncio.Event()
    stored.gates = [gate]
    mira = Receiver(1)
    entering = asyncio.ensure_future(enter(hub, mira, MIRA))
    await asyncio.sleep(0)
    await hub.deliver([RoomDelivery(ROOM, [message(5)]), stored.append(message(6))])
    assert mira.seqs == []
    gate.set()
    await entering
    assert mira.seqs == [6]


async def test_a_session_whose_heads_are_older_than_the_rooms_begin_gets_what_lies_between(
    hub: Hub, stored: Stored
) -> None:
    slow, fast = asyncio.Event(), asyncio.Event()
    stored.gates = [slow, fast]
    mira, dario = Receiver(1), Receiver(2)
    first = asyncio.ensure_future(enter(hub, mira, MIRA))
    await asyncio.sleep(0)
    delivery = stored.append(message(6))
    second = asyncio.ensure_future(enter(hub, dario, DARIO))
    await asyncio.sleep(0)
    fast.set()
    await second
    await hub.deliver([delivery])
    slow.set()
    entrance = await first
    assert [chunk[0].seq for chunk in entrance.heads] == [5]
    assert [event.seq for event in entrance.missed] == [6]
    await hub.deliver([stored.append(message(7))])
    assert (mira.seqs, dario.seqs) == ([7], [7])


async def test_a_new_room_brings_what_came_before_its_route_was_known(hub: Hub, stored: Stored) -> None:
    stored.member_of = set()
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    stored.append(message(6))
    stored.append(message(7))
    await hub.deliver([UserDelivery(MIRA, [AccountRoomAdded(1, head(6))])])
    assert isinstance(mira.got[0], AccountRoomAdded)
    assert mira.seqs == [7]


async def test_a_message_that_overtakes_the_news_of_the_room_is_not_missed(hub: Hub, stored: Stored) -> None:
    dario = Receiver(2)
    await enter(hub, dario, DARIO)
    stored.member_of = set()
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    stored.append(message(6))
    await hub.deliver([stored.append(message(7))])
    await hub.deliver([UserDelivery(MIRA, [AccountRoomAdded(1, head(6))])])
    assert (mira.seqs, dario.seqs) == ([7], [6, 7])


async def test_news_of_a_room_that_overtake_its_events_show_nothing_from_before(
    hub: Hub, stored: Stored
) -> None:
    dario = Receiver(2)
    await enter(hub, dario, DARIO)
    stored.member_of = set()
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    before, joined = stored.append(message(6)), stored.append(message(7))
    await hub.deliver([UserDelivery(MIRA, [AccountRoomAdded(1, head(7))])])
    await hub.deliver([before, joined, stored.append(message(8))])
    assert (mira.seqs, dario.seqs) == ([8], [6, 7, 8])


async def test_a_lost_room_sends_nothing_more(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    await hub.deliver([UserDelivery(MIRA, [AccountRoomRemoved(1, ROOM)]), stored.append(message(6))])
    assert [type(push) for push in mira.got] == [AccountRoomRemoved]


async def test_typing_is_shown_to_the_others_only(hub: Hub) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    await hub.deliver([TypingDelivery(ROOM, DARIO)])
    assert (mira.got, dario.got) == ([TypingShown(ROOM, DARIO)], [])


async def test_who_left_is_forgotten(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    await hub.leave(cast("Session", mira), MIRA)
    await hub.deliver([stored.append(message(6))])
    assert (mira.got, len(hub), mira.rooms) == ([], 0, {})


async def test_comparing_brings_the_last_message_that_no_delivery_brought(hub: Hub, stored: Stored) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    lost = [stored.append(message(seq)) for seq in range(6, 9)]
    await hub.compare()
    assert mira.seqs == [6, 7, 8]
    # A delivery that was only late.
    await hub.deliver(lost)
    await hub.compare()
    assert mira.seqs == [6, 7, 8]


async def test_comparing_ends_the_subscription_of_who_was_removed_meanwhile(hub: Hub, stored: Stored) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    stored.append(message(6))
    stored.append(removed(7, MIRA))
    stored.append(message(8))
    await hub.compare()
    assert (mira.seqs, dario.seqs) == ([6], [6, 7, 8])


async def test_comparing_brings_account_events_that_were_lost(hub: Hub, streams: Streams) -> None:
    first = streams.profile("Mira")
    mira = Receiver(1)
    await enter(hub, mira, MIRA, account_seq=1)
    second, third = streams.profile("Mira K."), streams.profile("M. K.")
    await hub.compare()
    await hub.deliver([UserDelivery(MIRA, [first, second, third])])
    await hub.compare()
    assert mira.got == [second, third]
    assert streams.loads == [(MIRA, 1)]


async def test_a_gap_in_an_account_stream_is_filled_before_what_shows_it(hub: Hub, streams: Streams) -> None:
    mira = Receiver(1)
    await enter(hub, mira, MIRA)
    first, second, third = (streams.profile(name) for name in "abc")
    # One's own marks are told with the head of the stream, and say nothing of what came before.
    marks = AccountRead(3, ROOM, 5, 5, 0, 0)
    await hub.deliver([UserDelivery(MIRA, [marks, third])])
    assert mira.got == [marks, first, second, third]


async def test_another_session_of_a_user_does_not_move_what_the_first_knows(
    hub: Hub, streams: Streams
) -> None:
    mira, phone = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    lost = streams.profile("Mira")
    await enter(hub, phone, MIRA, account_seq=1)
    await hub.compare()
    assert mira.got == [lost]
    await hub.leave(cast("Session", mira), MIRA)
    await hub.leave(cast("Session", phone), MIRA)
    streams.profile("Nobody looks")
    await hub.compare()
    assert len(mira.got) == 1


async def test_who_sent_a_message_is_told_by_the_message_itself(hub: Hub, stored: Stored) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    await hub.deliver([stored.append(message(6))])
    assert (mira.answers, dario.answers) == ([], [KEY])


async def test_other_answers_go_to_the_session_that_asked(hub: Hub) -> None:
    mira, dario = Receiver(1), Receiver(2)
    await enter(hub, mira, MIRA)
    await enter(hub, dario, DARIO)
    refusal = Error(8, Code.GONE, "gone", KEY)
    await hub.deliver([Answers(Origin(0, 1), [Ok(7), refusal]), Answers(Origin(1, 2), [Ok(9)])])
    assert (mira.pushed, dario.pushed) == ([Ok(7), refusal], [])
    assert (mira.answers, dario.answers) == ([7, 8, KEY], [])
