"""Sans-I/O codec of frames: a frame holds one or more JSON objects, one a line.

The server decodes requests strictly: every line gives a request or one typed ``Error`` of its own,
and never another exception. The client decodes pushes leniently: what it does not know is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NoReturn

import msgspec

from common import limits
from common.errors import CloseCode, Code, ParleyError
from common.ids import is_id
from common.protocol import pushes, requests
from common.protocol.pushes import Push
from common.protocol.requests import Request
from common.text import body_problem, text_problem

NO_ID: Final = -1
_NO_TEXT: Final = 1007

encoder: Final = msgspec.json.Encoder()
encode: Final = encoder.encode
"""One line of a request or a push, without the newline."""

_decode_request: Final[Callable[[bytes], Request]] = msgspec.json.Decoder(Request).decode
_decode_push: Final[Callable[[bytes], Push]] = msgspec.json.Decoder(Push).decode
_OPENERS: Final = (b"{", b"[")
_BACKSLASH: Final = 0x5C
_QUOTE: Final = 0x22
_INT_MAX_CHARS: Final = 20
_MESSAGE_MAX_CHARS: Final = 200


class FrameError(ParleyError):
    """A frame that ends the connection, with the WebSocket close code to give."""

    def __init__(self, close_code: int, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.close_code = close_code


def frame_of(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines joined into as few frames as 64 KiB and 256 lines each allow; a long line goes alone."""
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        full = size + len(line) >= limits.FRAME_SPLIT_BYTES or len(waiting) == limits.FRAME_MAX_LINES
        if waiting and full:
            yield b"\n".join(waiting)
            waiting, size = [], 0
        waiting.append(line)
        size += len(line) + 1
    if waiting:
        yield b"\n".join(waiting)


def lines_of(frame: bytes) -> list[bytes]:
    """The lines of a frame, empty ones left out.

    Raises:
        FrameError: more than 256 KiB or 256 lines (1009), or not UTF-8 (1007).
    """
    if len(frame) > limits.FRAME_MAX_BYTES:
        raise FrameError(CloseCode.TOO_BIG, Code.TOO_LARGE, "the frame is larger than 256 KiB")
    if not frame.isascii():
        try:
            frame.decode()
        except UnicodeDecodeError:
            raise FrameError(_NO_TEXT, Code.BAD_JSON, "the frame is not UTF-8") from None
    if b"\n" not in frame:
        return [frame] if frame.strip() else []
    lines = [line for line in frame.split(b"\n") if line.strip()]
    if len(lines) > limits.FRAME_MAX_LINES:
        raise FrameError(CloseCode.TOO_BIG, Code.TOO_LARGE, "the frame has more than 256 lines")
    return lines


def decode_requests(frame: bytes) -> list[Request | pushes.Error]:
    """All requests of a frame, in order, each bad line as the ``Error`` that answers it.

    Raises:
        FrameError: the frame as a whole is refused and the connection ends.
    """
    return [decode_request(line) for line in lines_of(frame)]


def decode_request(line: bytes) -> Request | pushes.Error:
    """One line as a request, or as the ``Error`` that answers it."""
    try:
        _check_json(line)
        request = _decode_request(line)
    except ParleyError as refusal:
        return _refused(line, refusal.code, refusal.message)
    except msgspec.ValidationError as problem:
        return _refused(line, *_explain(str(problem)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        return _refused(line, Code.BAD_JSON, f"not JSON: {_reason(problem)}")
    if isinstance(request, requests.MessageSend | requests.MessageEdit):
        trouble = body_problem(request.body)
        if trouble is not None:
            too_large = "longer" in trouble or "larger" in trouble
            code = Code.TOO_LARGE if too_large else Code.BAD_TEXT
            return pushes.Error(request.id, code, trouble, request.client_msg_id)
    elif isinstance(request, requests.ReactionAdd | requests.ReactionRemove):
        trouble = text_problem(request.emoji)
        if trouble is not None:
            return pushes.Error(request.id, Code.BAD_TEXT, trouble, request.client_msg_id)
    return request


def decode_pushes(frame: bytes) -> list[Push]:
    """All pushes of a frame that this program knows; unknown types and fields are left out.

    Raises:
        FrameError: the frame is too large or not UTF-8.
    """
    known: list[Push] = []
    for line in lines_of(frame):
        try:
            known.append(_decode_push(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            push = _decode_tolerant(line)
            if push is not None:
                known.append(push)
    return known


def decode_push(line: bytes) -> Push | None:
    """One line as a push, or None where this program does not know it."""
    try:
        return _decode_push(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_tolerant(line)


def _decode_tolerant(line: bytes) -> Push | None:
    """A newer server's list may hold events unknown here: they are left out one by one."""
    try:
        raw = msgspec.json.decode(line)
        events = raw.get("events") if isinstance(raw, dict) else None
        if not isinstance(events, list):
            return None
        raw["events"] = [event for event in events if _is_known_event(event)]
        push: Push = msgspec.convert(raw, Push)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return push


def _is_known_event(event: object) -> bool:
    try:
        msgspec.convert(event, pushes.RoomEvent | pushes.AccountEvent)
    except msgspec.ValidationError:
        return False
    return True


def _check_json(line: bytes) -> None:
    """What msgspec lets pass: duplicate keys, infinities, endless digits, depth beyond 32.

    Raises:
        ParleyError: ``bad_json`` or ``bad_text``.
    """
    if sum(map(line.count, _OPENERS)) > limits.JSON_MAX_DEPTH and _depth(line) > limits.JSON_MAX_DEPTH:
        _bad("nested deeper than 32")
    if b"\\u" in line and _has_lone_surrogate(line):
        raise ParleyError(Code.BAD_TEXT, "the text contains a lone surrogate")
    try:
        _strict_json.decode(line.decode())
    except (ValueError, RecursionError) as problem:
        _bad(_reason(problem))


def _bad(why: str) -> NoReturn:
    raise ParleyError(Code.BAD_JSON, f"not JSON: {why}")


def _reason(problem: Exception) -> str:
    return "nested too deeply" if isinstance(problem, RecursionError) else str(problem)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        msg = "a key occurs twice"
        raise ValueError(msg)
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = "a number is out of range"
        raise ValueError(msg)
    return number


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is not a JSON number"
    raise ValueError(msg)


_strict_json: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
)


def _short_int(text: str) -> int:
    return int(text) if len(text) <= _INT_MAX_CHARS else NO_ID


_lenient_json: Final = json.JSONDecoder(parse_int=_short_int)


def _has_lone_surrogate(line: bytes) -> bool:
    try:
        # Python keeps a lone escape as a lone surrogate; only encoding shows it.
        json.dumps(json.loads(line), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _depth(line: bytes) -> int:
    """The deepest nesting of brackets outside strings. Slow; only for lines with many brackets."""
    deepest = depth = 0
    in_string = escaped = False
    for byte in line:
        if in_string:
            if escaped:
                escaped = False
            elif byte == _BACKSLASH:
                escaped = True
            elif byte == _QUOTE:
                in_string = False
        elif byte == _QUOTE:
            in_string = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _explain(problem: str) -> tuple[Code, str]:
    """The code of a msgspec validation message."""
    if "`$.type`" in problem or "missing required field `type`" in problem:
        return Code.UNSUPPORTED, "unknown request type"
    if "`$.body`" in problem and "length <=" in problem:
        return Code.TOO_LARGE, f"the message is longer than {limits.BODY_MAX_CHARS:,} characters"
    return Code.BAD_FIELD, problem


def _refused(line: bytes, code: Code, message: str) -> pushes.Error:
    """The error for a line, with whatever of ``id`` and ``client_msg_id`` can still be read."""
    request_id, client_msg_id = NO_ID, None
    try:
        # json, not msgspec: it also reads lines with a lone surrogate or a number out of range.
        raw = _lenient_json.decode(line.decode())
    except (ValueError, RecursionError):
        raw = None
    if isinstance(raw, dict):
        found, key = raw.get("id"), raw.get("client_msg_id")
        if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= limits.INT_MAX:
            request_id = found
        if isinstance(key, str) and is_id(key):
            client_msg_id = key
    return pushes.Error(request_id, code, _printable(message), client_msg_id)


def _printable(message: str) -> str:
    """Words that quote hostile input stay short and can be encoded."""
    return message[:_MESSAGE_MAX_CHARS].encode("utf-8", "replace").decode()
