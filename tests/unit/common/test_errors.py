from __future__ import annotations

from common.errors import HTTP_STATUS, RETRYABLE, Code, ParleyError


def test_every_code_has_a_status_and_a_retryable_one_says_not_now() -> None:
    assert set(HTTP_STATUS) == set(Code)
    assert all(400 <= status < 600 for status in HTTP_STATUS.values())
    assert set(Code) > RETRYABLE


def test_an_error_carries_what_the_client_is_told() -> None:
    error = ParleyError(Code.RATE_LIMITED, "too fast", retry_after_ms=500)
    assert (error.code, error.message, error.retry_after_ms) == (Code.RATE_LIMITED, "too fast", 500)
    assert str(error) == "too fast"
    assert repr(error) == "ParleyError('rate_limited', 'too fast')"
