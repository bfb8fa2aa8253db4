from __future__ import annotations

import msgspec
import pytest

from common.errors import HTTP_STATUS, RETRYABLE, Code, ParleyError
from common.protocol.codec import decode_pushes
from common.protocol.pushes import Error
from common.protocol.rest import Problem


def test_every_code_has_a_status_and_a_retryable_one_says_not_now() -> None:
    assert set(HTTP_STATUS) == set(Code)
    assert all(400 <= status < 600 for status in HTTP_STATUS.values())
    assert set(Code) > RETRYABLE


def test_an_error_carries_what_the_client_is_told() -> None:
    error = ParleyError(Code.RATE_LIMITED, "too fast", retry_after_ms=500)
    assert (error.code, error.message, error.retry_after_ms) == (Code.RATE_LIMITED, "too fast", 500)
    assert str(error) == "too fast"
    assert repr(error) == "ParleyError('rate_limited', 'too fast')"


def test_a_code_of_a_newer_server_is_handled_as_internal() -> None:
    pushed = b'{"type":"error","id":7,"code":"of_later","message":"no"}'
    assert decode_pushes(pushed) == [Error(7, Code.INTERNAL, "no")]
    told = msgspec.json.decode(b'{"code":"of_later","message":"no"}', type=Problem)
    assert told == Problem(Code.INTERNAL, "no")
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"code":7,"message":"no"}', type=Problem)
