"""A window without holes: whatever is stored while a page is on its way is in it in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from common.errors import Code
from common.protocol import pushes, requests
from common.protocol.pushes import Push
from desktop.services.pages import FIRST_PAGE
from desktop.services.state import MessageItem, ServiceError
from desktop.services.timeline import TimelineService
from desktop.services.window import WINDOW
from desktop.storage import cache
from tests.support.rig import BOB, ME, ROOM, Rig, Stream, head, seqs
from tests.support.wait import until

LONG = 200
FIRST_SHOWN = LONG - FIRST_PAGE + 1


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    await rig.close()


@pytest.fixture
def stream() -> Stream:
    stream = Stream()
    for _ in range(LONG):
        stream.say()
    return stream


async def opened(rig: Rig, stream: Stream) -> TimelineService:
    """Everything is in the cache, the newest of it is shown."""
    await rig.open(head())
    await rig.told_all(stream)
    rig.core.rooms[ROOM].own_marks(LONG, LONG, unread=0)
    timeline = rig.timeline()
    await until(lambda: timeline.items and not timeline._busy)
    assert seqs(timeline) == list(range(FIRST_SHOWN, LONG + 1))
    return timeline


def whole(timeline: TimelineService, stream: Stream) -> None:
    """What is shown is what the server has, between its ends and up to the last where it says so."""
    shown = [item for item in timeline.items if isinstance(item, MessageItem) and item.seq is not None]
    first, last = shown[0].seq or 0, shown[-1].seq or 0
    if timeline.at_end:
        last = stream.seq
    true = [one for one in stream.messages.values() if first <= one.seq <= last]
    assert [(item.seq, item.body, item.deleted) for item in shown] == [
        (one.seq, one.body, one.deleted) for one in true
    ]


async def to_the_past(timeline: TimelineService) -> None:
    assert await timeline.jump(20) is not None
    assert not timeline.at_end


Move = Callable[[TimelineService], Awaitable[object]]


async def open_(timeline: TimelineService) -> None:
    await timeline._open()


async def older(timeline: TimelineService) -> None:
    await timeline._older()


async def newer(timeline: TimelineService) -> None:
    await timeline._newer()


async def jump(timeline: TimelineService) -> None:
    await timeline.jump(LONG - 95)


async def jump_far(timeline: TimelineService) -> None:
    await timeline.jump(25)


async def jump_to_end(timeline: TimelineService) -> None:
    await timeline.jump_to_end()


@pytest.mark.parametrize(
    ("first", "move"),
    [
        (None, open_),
        (None, older),
        (to_the_past, newer),
        (None, jump),
        (None, jump_far),
        (to_the_past, jump_to_end),
    ],
    ids=["open", "older", "newer", "jump", "jump_far", "jump_to_end"],
)
async def test_what_is_stored_while_a_page_is_read_is_not_lost(
    rig: Rig, stream: Stream, first: Move | None, move: Move
) -> None:
    timeline = await opened(rig, stream)
    if first is not None:
        await first(timeline)
    rig.worker.hold()
    moving = rig.tasks.spawn(_do(move, timeline))
    await until(lambda: rig.worker.held)
    # One change for each part of the stream that a page may hold, and a message that no page has.
    targets = (15, 100, 130, FIRST_SHOWN - 1, LONG - 10)
    rig.hear(*[stream.edit(target, f"edited {target}") for target in targets], stream.say())
    await until(lambda: len(rig.worker.held) == 2)
    rig.worker.release()
    await until(moving.done)
    await rig.stored(stream.seq)
    whole(timeline, stream)
    while not timeline.at_end:
        await timeline._newer()
    rig.hear(stream.say())
    await rig.stored(stream.seq)
    await until(lambda: seqs(timeline)[-1] == stream.seq)
    whole(timeline, stream)


async def _do(move: Move, timeline: TimelineService) -> None:
    await move(timeline)


async def test_pages_of_the_server_have_no_holes_either(rig: Rig, stream: Stream) -> None:
    await rig.open(head(seq=LONG, msg_no=LONG))
    await rig.serve(stream, requests.History)
    await rig.stored(stream.seq)
    timeline = rig.timeline()
    await until(lambda: timeline.items and not timeline._busy)
    jumping = rig.tasks.spawn(timeline.jump(20))
    await rig.serve(stream, requests.History)
    await until(jumping.done)
    whole(timeline, stream)
    while not timeline.at_end:
        timeline.load_newer()
        await until(lambda: rig.line.asks(requests.History) or not timeline._busy)
        if rig.line.asks(requests.History):
            rig.worker.hold()
            await rig.serve(stream, requests.History)
            rig.hear(stream.say(), stream.edit(19, "edited"), stream.edit(LONG, "edited too"))
            await until(lambda: rig.worker.held)
            rig.worker.release()
        await until(lambda: not timeline._busy)
        await rig.stored(stream.seq)
        whole(timeline, stream)
    assert seqs(timeline)[-1] == max(stream.messages)


async def test_what_is_shown_is_read_anew_where_the_cache_forgot_it(rig: Rig, stream: Stream) -> None:
    timeline = await opened(rig, stream)
    await to_the_past(timeline)
    rig.lose()
    stream.edit(20, "changed while away")
    for _ in range(LONG):
        stream.say()
    rig.come(head(seq=stream.seq, msg_no=len(stream.messages)))
    asked = rig.line.take(requests.Sync)
    hole = stream.answer(asked.request)
    rig.hear(_truncated(hole))
    await rig.serve(stream, requests.History)
    await rig.stored(stream.seq)
    timeline.load_newer()
    await rig.serve(stream, requests.History)
    await until(lambda: not timeline._busy)
    whole(timeline, stream)


@pytest.mark.parametrize("at", [None, FIRST_SHOWN + 5], ids=["end", "above"])
async def test_who_reads_above_is_not_taken_over_a_hole(rig: Rig, stream: Stream, at: int | None) -> None:
    timeline = await opened(rig, stream)
    timeline.reading(at)
    rig.lose()
    for _ in range(2 * LONG):
        stream.say()
    rig.come(head(seq=stream.seq, msg_no=len(stream.messages)))
    rig.hear(_truncated(stream.answer(rig.line.take(requests.Sync).request)))
    await rig.serve(stream, requests.History)
    await rig.stored(stream.seq)
    if at is None:
        await until(lambda: timeline.at_end and seqs(timeline)[-1] == stream.seq)
        whole(timeline, stream)
        return
    await until(lambda: timeline.newer_count == 2 * LONG)
    assert seqs(timeline) == list(range(FIRST_SHOWN, LONG + 1))
    assert not timeline.at_end
    # On the way down nothing is left out.
    timeline.reading(LONG)
    timeline.load_newer()
    await rig.serve(stream, requests.History)
    await until(lambda: not timeline._busy)
    assert LONG in seqs(timeline)
    assert seqs(timeline)[-1] > LONG
    whole(timeline, stream)


@pytest.mark.parametrize("cached", [400, 145], ids=["notices", "nothing"])
async def test_what_is_unread_below_the_first_page_is_where_reading_goes_on(
    rig: Rig, stream: Stream, cached: int
) -> None:
    """Else the window would follow its end, and all that comes in there would be read."""
    stream = Stream()
    for number in range(400):
        if 100 <= number < 145:
            stream.events.append(pushes.RoomLeft(ROOM, stream.seq + 1, BOB, number))
        else:
            stream.say()
    await rig.open(head(seq=400, msg_no=355, read=100, unread=255))
    rig.hear(*cast("list[Push]", stream.events[:cached]))
    await rig.stored(cached)
    timeline = rig.timeline()
    await until(lambda: timeline.items and not timeline._busy)
    assert not timeline.at_end
    assert timeline.unread_from == 101


def _truncated(answer: object) -> pushes.SyncEvents:
    assert isinstance(answer, pushes.SyncEvents)
    return pushes.SyncEvents(answer.id, answer.room_id, answer.head, [], truncated=True)


async def test_offline_a_room_opens_without_its_first_unread_message(rig: Rig, stream: Stream) -> None:
    await rig.open(head(seq=LONG, msg_no=LONG, read=10, unread=190))
    await rig.serve(stream, requests.History)
    await rig.stored(stream.seq)
    rig.lose()
    rig.line.full = True
    timeline = rig.timeline()
    await until(lambda: timeline.items)
    assert timeline.at_end
    whole(timeline, stream)


async def test_a_jump_that_the_server_refuses_says_why(rig: Rig, stream: Stream) -> None:
    await rig.open(head(seq=LONG, msg_no=LONG))
    await rig.serve(stream, requests.History)
    await rig.stored(stream.seq)
    timeline = rig.timeline()
    await until(lambda: timeline.items)
    rig.line.full = True
    with pytest.raises(ServiceError) as refused:
        await timeline.jump(20)
    assert refused.value.code is Code.UNAVAILABLE


async def test_a_page_of_another_history_is_not_shown(rig: Rig, stream: Stream) -> None:
    timeline = await opened(rig, stream)
    rig.worker.hold()
    timeline.load_older()
    jumping = rig.tasks.spawn(timeline.jump(20), handle=lambda _: True)
    await until(lambda: len(rig.worker.held) == 2)
    rig.core.worker.submit(lambda db: cache.start_epoch(db, "another"), lambda _: None, write=True)
    timeline.start_anew()
    rig.worker.release()
    await until(jumping.done)
    assert list(timeline.items) == []
    await until(lambda: timeline.loading)
    rig.line.waiting[:-1] = []
    fresh = Stream()
    fresh.say(body="another history")
    await rig.serve(fresh, requests.History)
    await until(lambda: not timeline._busy and timeline.items)
    whole(timeline, fresh)


async def test_a_message_that_is_stored_takes_the_place_of_its_draft(rig: Rig, stream: Stream) -> None:
    timeline = await opened(rig, stream)
    moves: list[tuple[str, int]] = []
    timeline.send("hello")
    timeline.inserted.connect(lambda first, _: moves.append(("inserted", first)))
    timeline.removed.connect(lambda first, _: moves.append(("removed", first)))
    timeline.updated.connect(lambda row: moves.append(("updated", row)))
    await until(lambda: rig.line.asks(requests.MessageSend))
    asked = rig.line.take(requests.MessageSend)
    assert isinstance(asked.request, requests.MessageSend)
    event = stream.say(author=ME, key=asked.request.client_msg_id, body="hello")
    asked.on_answer(event)
    rig.hear(event)
    await rig.stored(stream.seq)
    assert moves == [("updated", FIRST_PAGE)]
    whole(timeline, stream)
    assert len(rig.core.outbox) == 0


@pytest.mark.parametrize(
    ("at", "follows"), [(None, True), (LONG + 60, True), (FIRST_SHOWN + 5, False)], ids=["end", "near", "far"]
)
async def test_what_is_read_stays_while_others_write(
    rig: Rig, stream: Stream, at: int | None, follows: bool
) -> None:
    timeline = await opened(rig, stream)
    timeline.reading(at)
    for _ in range(WINDOW):
        rig.hear(stream.say())
    await rig.stored(stream.seq)
    await until(lambda: seqs(timeline)[-1] + timeline.newer_count == stream.seq)
    assert len(timeline.items) <= WINDOW
    assert timeline.at_end is follows
    assert at is None or at in seqs(timeline)
    whole(timeline, stream)
    # What is not in the window comes when it is scrolled to.
    while not timeline.at_end:
        timeline.reading(seqs(timeline)[-1])
        await timeline._newer()
    assert seqs(timeline)[-1] == stream.seq
    assert len(timeline.items) <= WINDOW
    whole(timeline, stream)


async def test_a_head_below_what_is_shown_is_another_history(rig: Rig, stream: Stream) -> None:
    timeline = await opened(rig, stream)
    rig.lose()
    fresh = Stream()
    for _ in range(3):
        fresh.say()
    rig.come(head(seq=3, msg_no=3, delivered=3, read=3))
    await until(lambda: rig.line.asks(requests.History))
    while rig.line.asks(requests.History) or not timeline.items:
        await rig.serve(fresh, requests.History)
        await until(lambda: rig.line.asks(requests.History) or not timeline._busy)
    whole(timeline, fresh)
    assert timeline.at_end
