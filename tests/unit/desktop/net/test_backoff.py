from __future__ import annotations

from desktop.net.backoff import EARLY_TRIES, Backoff


def test_ceilings_double_to_five_seconds_and_after_a_minute_to_thirty() -> None:
    backoff = Backoff(draw=lambda: 1.0)
    assert [backoff.next_s() for _ in range(EARLY_TRIES)] == [0.5, 1, 2, 4, *[5] * (EARLY_TRIES - 4)]
    assert [backoff.next_s() for _ in range(30)] == [10, 20, *[30] * 28]


def test_nobody_waits_long_in_the_first_minute() -> None:
    backoff = Backoff(draw=lambda: 0.5)
    assert sum(backoff.next_s() for _ in range(EARLY_TRIES)) > 50


def test_jitter_is_full() -> None:
    assert Backoff(draw=lambda: 0.0).next_s() == 0.0


def test_what_the_server_asked_for_is_the_least() -> None:
    assert Backoff(draw=lambda: 0.0).next_s(retry_after_s=7.0) == 7.0


def test_a_success_starts_over() -> None:
    backoff = Backoff(draw=lambda: 1.0)
    backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 0.5
