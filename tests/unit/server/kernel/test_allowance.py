from __future__ import annotations

import pytest

from common.errors import Code, ParleyError
from common.limits import Limits
from server.kernel.allowance import Allowance, Allowances, Bucket
from tests.support.clock import ManualClock


def test_a_burst_then_the_rate_with_the_time_to_wait() -> None:
    bucket = Bucket(rate=2.0, burst=3, now=10.0)
    assert [bucket.take(10.0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(10.0) == 500
    assert bucket.take(10.5) == 0
    assert bucket.take(10.5) > 0


def test_it_never_holds_more_than_its_burst() -> None:
    bucket = Bucket(rate=100.0, burst=1, now=0.0)
    assert bucket.take(1_000.0) == 0
    assert bucket.take(1_000.0) > 0


def test_a_rate_of_zero_never_refuses() -> None:
    bucket = Bucket(rate=0.0, burst=0, now=0.0)
    assert {bucket.take(0.0) for _ in range(1_000)} == {0}


def test_an_allowance_may_be_forgotten_only_when_both_buckets_are_full() -> None:
    allowance = Allowance(Limits(messages_per_second=1.0, messages_burst=2), 0.0)
    assert allowance.full(0.0)
    allowance.messages.take(0.0)
    assert not allowance.full(0.5)
    assert allowance.full(1.0)


def test_messages_and_requests_are_counted_by_user_until_they_are_full_again() -> None:
    clock = ManualClock()
    limits = Limits(messages_per_second=1.0, messages_burst=1, requests_per_second=1.0, requests_burst=2)
    allowances = Allowances(limits, clock)
    allowances.message("mira")
    allowances.request("mira")
    allowances.request("mira")
    for count in (allowances.message, allowances.request):
        with pytest.raises(ParleyError) as refusal:
            count("mira")
        assert refusal.value.code is Code.RATE_LIMITED
        assert refusal.value.retry_after_ms
        count("dario")
    clock.advance(ms=1_000)
    allowances.forget(lambda _: False)
    # Mira's requests are not full yet.
    assert len(allowances) == 1
    clock.advance(ms=1_000)
    kept = allowances.of("mira")
    allowances.forget(lambda user_id: user_id == "mira")
    assert allowances.of("mira") is kept
    allowances.forget(lambda _: False)
    assert len(allowances) == 0


def test_typing_is_told_once_in_a_while_for_each_room() -> None:
    allowance = Allowance(Limits(), 0.0)
    assert allowance.typing("harbour", 0.0)
    assert not allowance.typing("harbour", 2.0)
    assert allowance.typing("workshop", 2.0)
    # What is held back does not put off the next.
    assert allowance.typing("harbour", 3.0)


def test_nobody_writes_in_hundreds_of_rooms_at_once() -> None:
    allowance = Allowance(Limits(), 0.0)
    told = [allowance.typing(f"room {number}", 0.0) for number in range(1_000)]
    assert 0 < sum(told) < 100
    assert allowance.typing("room 0", 3.0)
    assert allowance.typing("room 999", 3.0)
