"""What abuse-cases.md demands of the codec, by its numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common import limits
from common.errors import CloseCode, Code
from common.ids import new_id
from common.protocol import codec, pushes, requests
from common.protocol.codec import FrameError
from common.protocol.version import negotiate


def send(**fields: Any) -> dict[str, Any]:
    return {
        "type": "message.send",
        "id": 7,
        "client_msg_id": new_id(),
        "room_id": new_id(),
        "body": "hello",
        **fields,
    }


def refused(line: bytes | dict[str, Any]) -> pushes.Error:
    raw = json.dumps(line).encode() if isinstance(line, dict) else line
    answer = codec.decode_request(raw)
    assert isinstance(answer, pushes.Error), answer
    codec.encode(answer)
    return answer


@pytest.mark.parametrize(
    "raw", [b"\xff", b'{"type":"\xc3\x28"}', b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\x80"]
)
def test_1_invalid_utf8_ends_the_connection(raw: bytes) -> None:
    for decode in (codec.decode_requests, codec.decode_pushes):
        with pytest.raises(FrameError) as end:
            decode(raw)
        assert end.value.close_code == 1007


@pytest.mark.parametrize("depth", [33, 1_100, 100_000])
@pytest.mark.parametrize(("opener", "closer"), [("[", "]"), ('{"a":', "}")])
def test_2_deep_json(depth: int, opener: str, closer: str) -> None:
    nested = (opener * depth + "1" + closer * depth)[: limits.FRAME_MAX_BYTES - 100]
    assert refused(nested.encode()).code is Code.BAD_JSON
    assert refused(f'{{"id":4,"type":"message.send","x":{nested}}}'.encode()).code is Code.BAD_JSON


def test_2_depth_32_is_read_and_brackets_in_text_do_not_count() -> None:
    # 31 lists inside the object: read as JSON, refused as a field.
    assert refused(send(x=json.loads("[" * 31 + "]" * 31))).code is Code.BAD_FIELD
    body = '[[{{"\\' * 100
    decoded = codec.decode_request(json.dumps(send(body=body)).encode())
    assert isinstance(decoded, requests.MessageSend)
    assert decoded.body == body


@pytest.mark.parametrize("escape", [r"\ud800", r"\udfff", r"a\udc00\ud800b", r"\ud83d x"])
def test_3_a_lone_surrogate(escape: str) -> None:
    fields = send()
    line = json.dumps(fields).replace('"hello"', f'"{escape}"').encode()
    error = refused(line)
    assert (error.code, error.id, error.client_msg_id) == (Code.BAD_TEXT, 7, fields["client_msg_id"])


def test_3_an_escaped_pair_is_text() -> None:
    line = json.dumps(send()).replace('"hello"', r'"\ud83d\ude00 \\ud800"').encode()
    decoded = codec.decode_request(line)
    assert isinstance(decoded, requests.MessageSend)
    assert decoded.body == "😀 \\ud800"


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5_000, "01", "1.", "0x1"]
)
def test_4_numbers_that_are_none(number: str) -> None:
    fields = send()
    line = json.dumps(fields)[:-1] + f',"reply_to":{number}}}'
    assert refused(line.encode()).code is Code.BAD_JSON


def test_4_a_number_too_long_still_shows_whose_it_is() -> None:
    fields = send()
    error = refused((json.dumps(fields)[:-1] + f',"reply_to":{"1" * 5_000}}}').encode())
    assert (error.id, error.client_msg_id) == (7, fields["client_msg_id"])


@pytest.mark.parametrize("twice", ['"id":7', '"body":"other"', '"mentions":[],"mentions":[]'])
def test_4_duplicate_keys(twice: str) -> None:
    fields = send()
    error = refused((json.dumps(fields)[:-1] + f",{twice}}}").encode())
    assert (error.code, error.id, error.client_msg_id) == (Code.BAD_JSON, 7, fields["client_msg_id"])


def test_4_duplicate_keys_deep_inside() -> None:
    assert refused(b'{"type":"message.send","id":1,"mentions":[{"start":1,"start":2}]}').code is Code.BAD_JSON


def test_5_a_frame_too_large_ends_the_connection() -> None:
    with pytest.raises(FrameError) as end:
        codec.decode_requests(b" " * (limits.FRAME_MAX_BYTES + 1))
    assert (end.value.close_code, end.value.code) == (CloseCode.TOO_BIG, Code.TOO_LARGE)
    assert codec.decode_requests(b" " * limits.FRAME_MAX_BYTES) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("x" * (limits.BODY_MAX_CHARS + 1), Code.TOO_LARGE),
        ("ä" * (limits.BODY_MAX_BYTES // 2 + 1), Code.TOO_LARGE),
        ("漢" * (limits.BODY_MAX_BYTES // 3 + 1), Code.TOO_LARGE),
        ("", Code.BAD_FIELD),
        (" \n\t ", Code.BAD_TEXT),
        ("a\0b", Code.BAD_TEXT),
        ("a\x1bb", Code.BAD_TEXT),
        ("a\x85b", Code.BAD_TEXT),
    ],
)
@pytest.mark.parametrize("edit", [False, True])
def test_5_a_body_that_may_not_be(body: str, code: Code, edit: bool) -> None:
    fields = send(body=body)
    if edit:
        fields.update(type="message.edit", seq=1)
    error = refused(fields)
    assert (error.code, error.id, error.client_msg_id) == (code, 7, fields["client_msg_id"])


@pytest.mark.parametrize("kind", ["reaction.add", "reaction.remove"])
@pytest.mark.parametrize("emoji", ["\0", "a\x1b", "\x85", "\n\r"])
def test_5_an_emoji_that_may_not_be(kind: str, emoji: str) -> None:
    fields = send(type=kind, seq=1, emoji=emoji)
    del fields["body"]
    error = refused(fields)
    assert (error.code, error.id, error.client_msg_id) == (Code.BAD_TEXT, 7, fields["client_msg_id"])


@pytest.mark.parametrize(
    "body", ["x" * limits.BODY_MAX_CHARS, "漢" * (limits.BODY_MAX_BYTES // 3), "a\n\tb", "🏳️‍🌈"]
)
def test_5_a_body_at_the_limit_is_taken(body: str) -> None:
    assert isinstance(codec.decode_request(json.dumps(send(body=body)).encode()), requests.MessageSend)


@pytest.mark.parametrize("kind", ["no.such", "", "MESSAGE.SEND", 5, None, ["message.send"]])
def test_10_an_unknown_type(kind: object) -> None:
    error = refused(send(type=kind))
    assert (error.code, error.id) == (Code.UNSUPPORTED, 7)


def test_10_no_type_at_all() -> None:
    fields = send()
    del fields["type"]
    assert refused(fields).code is Code.UNSUPPORTED


@pytest.mark.parametrize(
    "wrong",
    [
        {"room_id": 5},
        {"room_id": "not an id"},
        {"room_id": new_id().upper()},
        {"client_msg_id": "00000000-0000-4000-8000-000000000000"},
        {"reply_to": 0},
        {"reply_to": "1"},
        {"reply_to": 1.5},
        {"mentions": {}},
        {"mentions": [{"start": -1, "len": 1}]},
        {"mentions": [{"start": 0, "len": 1}] * 51},
        {"body": ["hello"]},
        {"body": None},
    ],
)
def test_10_wrong_types(wrong: dict[str, Any]) -> None:
    error = refused(send(**wrong))
    assert (error.code, error.id) == (Code.BAD_FIELD, 7)


@pytest.mark.parametrize("line", [b"[]", b"null", b"5", b'"text"', b"[1,2]"])
def test_10_what_is_no_object(line: bytes) -> None:
    error = refused(line)
    assert error.code in {Code.BAD_FIELD, Code.UNSUPPORTED}
    assert error.id == codec.NO_ID


def test_10_a_future_version_is_read_and_shares_none() -> None:
    hello = codec.decode_request(b'{"type":"hello","id":0,"versions":[99,100],"token":"t"}')
    assert isinstance(hello, requests.Hello)
    assert negotiate(hello.versions) is None


@pytest.mark.parametrize("request_id", [-1, 2**53, 1.5, "7", None, True])
def test_10_an_id_that_is_none_is_answered_without_one(request_id: object) -> None:
    error = refused(send(id=request_id))
    assert (error.code, error.id) == (Code.BAD_FIELD, codec.NO_ID)


@pytest.mark.parametrize("extra", ["sender_id", "author_id", "role", "seq", "sent_at_ms", "rev"])
def test_27_what_only_the_server_says(extra: str) -> None:
    fields = send(**{extra: 1})
    error = refused(fields)
    assert (error.code, error.id, error.client_msg_id) == (Code.BAD_FIELD, 7, fields["client_msg_id"])
    assert extra in error.message


def test_an_error_stays_short_whatever_it_quotes() -> None:
    error = refused(send(**{"x" * 100_000: 1}))
    assert error.code is Code.BAD_FIELD
    assert len(codec.encode(error)) < 1_000
