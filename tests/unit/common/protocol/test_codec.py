from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import limits
from common.errors import CloseCode, Code
from common.ids import new_id
from common.protocol import codec, pushes, requests
from common.protocol.codec import FrameError
from common.protocol.pushes import Push
from common.protocol.requests import Request
from tests.support.structs import values_of

REQUESTS = values_of(Request)
PUSHES = values_of(Push)
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def check_answers(frame: bytes) -> None:
    """Whatever comes in: requests, typed errors that can be sent, or a typed end of the connection."""
    with contextlib.suppress(FrameError):
        for answer in codec.decode_requests(frame):
            assert codec.encode(answer)
            if isinstance(answer, pushes.Error):
                assert answer.code in Code
                assert answer.id >= codec.NO_ID


# Everything encodes back to itself.


@given(REQUESTS)
def test_every_request_encodes_back_to_itself(request: Request) -> None:
    assert codec.decode_request(codec.encode(request)) == request


@given(PUSHES)
def test_every_push_encodes_back_to_itself(push: Push) -> None:
    line = codec.encode(push)
    assert b"\n" not in line
    assert codec.decode_push(line) == push
    assert codec.decode_pushes(line) == [push]


def test_every_kind_of_request_and_push_is_tried() -> None:
    """The strategies are built from the unions themselves; nothing is left out of them by hand."""
    for union in (Request, Push):
        tags = {member.__struct_config__.tag for member in union.__args__}
        assert len(tags) == len(union.__args__)


# Any bytes give a value or one typed error.


@given(st.binary(max_size=300))
def test_any_bytes(frame: bytes) -> None:
    check_answers(frame)
    with contextlib.suppress(FrameError):
        codec.decode_pushes(frame)


@given(JSON_VALUES)
def test_any_json(value: Any) -> None:
    line = json.dumps(value).encode()
    check_answers(line)
    codec.decode_pushes(line)


@given(
    REQUESTS, st.dictionaries(st.sampled_from(["type", "id", "body", "room_id", "limit", "x"]), JSON_VALUES)
)
def test_a_request_with_any_fields_replaced(request: Request, changes: dict[str, Any]) -> None:
    check_answers(json.dumps({**json.loads(codec.encode(request)), **changes}).encode())


@given(REQUESTS, st.data())
def test_a_request_with_any_bytes_changed(request: Request, data: st.DataObject) -> None:
    line = bytearray(codec.encode(request))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(line) - 1))
        line[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not line:
            break
    check_answers(bytes(line))


@given(PUSHES, st.data())
def test_a_push_with_any_bytes_changed_is_a_push_or_nothing(push: Push, data: st.DataObject) -> None:
    line = bytearray(codec.encode(push))
    position = data.draw(st.integers(0, len(line) - 1))
    line[position : position + 2] = data.draw(st.binary(max_size=3))
    codec.decode_push(bytes(line))


# Frames.


@given(st.lists(st.binary(min_size=1, max_size=20).map(bytes.hex).map(str.encode), max_size=600))
def test_frames_hold_all_lines_in_order(lines: list[bytes]) -> None:
    frames = list(codec.frame_of(lines))
    assert [line for frame in frames for line in codec.lines_of(frame)] == lines
    assert len(frames) == -(-len(lines) // limits.FRAME_MAX_LINES)


@given(st.lists(st.integers(1, 100_000), max_size=20))
def test_frames_are_split_at_64_kib_and_a_long_line_goes_alone(sizes: list[int]) -> None:
    lines = [b"x" * size for size in sizes]
    frames = list(codec.frame_of(lines))
    assert b"\n".join(frames) == b"\n".join(lines)
    for frame in frames:
        assert len(frame) <= limits.FRAME_SPLIT_BYTES or b"\n" not in frame
    for earlier, later in itertools.pairwise(frames):
        # No frame ends before it is full.
        assert len(earlier) + 1 + len(later.split(b"\n", 1)[0]) > limits.FRAME_SPLIT_BYTES


def test_empty_lines_are_skipped() -> None:
    line = codec.encode(requests.AccountSync(1, 0))
    assert codec.decode_requests(b"\n \n" + line + b"\r\n\n" + line + b"\n") == [
        requests.AccountSync(1, 0),
        requests.AccountSync(1, 0),
    ]
    assert codec.decode_requests(b"") == []
    assert codec.decode_requests(b" ") == []


def test_a_bad_line_gets_its_own_error_and_the_others_run() -> None:
    good = requests.AccountSync(3, 0)
    first, second, third = codec.decode_requests(
        b'{"type":"no"\n{"type":"nothing","id":2}\n' + codec.encode(good)
    )
    assert isinstance(first, pushes.Error)
    assert first.code is Code.BAD_JSON
    assert isinstance(second, pushes.Error)
    assert (second.code, second.id) == (Code.UNSUPPORTED, 2)
    assert third == good


def test_a_newline_inside_an_object_ends_its_line() -> None:
    answers = codec.decode_requests(b'{"type":"account.sync",\n"id":1,"after_seq":0}')
    assert [answer.code for answer in answers if isinstance(answer, pushes.Error)] == [Code.BAD_JSON] * 2


def test_more_lines_than_allowed_end_the_connection() -> None:
    line = codec.encode(requests.AccountSync(1, 0))
    assert len(codec.decode_requests(b"\n".join([line] * 256))) == 256
    with pytest.raises(FrameError) as end:
        codec.decode_requests(b"\n".join([line] * 257))
    assert end.value.close_code == CloseCode.TOO_BIG


# A client and a newer server.


@given(PUSHES, st.dictionaries(st.from_regex(r"x_[a-z]{1,8}", fullmatch=True), JSON_VALUES, max_size=3))
def test_unknown_fields_of_pushes_are_ignored(push: Push, extra: dict[str, Any]) -> None:
    raw = {**json.loads(codec.encode(push)), **extra}
    try:
        line = json.dumps(raw, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return  # hypothesis made a number or a text that JSON has not
    assert codec.decode_push(line) == push


def test_unknown_pushes_are_left_out_and_the_rest_is_read() -> None:
    ready, closing = pushes.Ready(), pushes.ServerClosing(5)
    frame = b"\n".join(
        [codec.encode(ready), b'{"type":"of.later","seq":5}', codec.encode(closing), b"{}", b"5"]
    )
    assert codec.decode_pushes(frame) == [ready, closing]


def test_unknown_events_in_a_list_are_left_out_one_by_one() -> None:
    room_id, user_id = new_id(), new_id()
    known = pushes.RoomLeft(room_id, 4, user_id, 1)
    answer = {
        "type": "sync.events",
        "id": 1,
        "room_id": room_id,
        "head": 5,
        "events": [
            {"type": "room.of_later", "room_id": room_id, "seq": 3},
            json.loads(codec.encode(known)),
            7,
        ],
    }
    assert codec.decode_push(json.dumps(answer).encode()) == pushes.SyncEvents(1, room_id, 5, [known])
    of_account = {
        "type": "account.events",
        "id": 1,
        "head": 5,
        "events": [
            {"type": "account.of_later"},
            {"type": "account.room_removed", "account_seq": 2, "room_id": room_id},
        ],
    }
    assert codec.decode_push(json.dumps(of_account).encode()) == pushes.AccountEvents(
        1, 5, [pushes.AccountRoomRemoved(2, room_id)]
    )
