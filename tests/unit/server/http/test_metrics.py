"""What is counted, and how Prometheus reads it."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from server.http.app import MetricsPage
from server.http.metrics import Figure, Metrics, Sample
from server.kernel.database import DatabaseUnavailableError
from server.kernel.telemetry import SILENCE, Dependency, Stage, Telemetry


class Stopped:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def counting() -> tuple[Metrics, Stopped]:
    metrics, clock = Metrics(), Stopped()
    metrics.now = clock
    return metrics, clock


async def read(metrics: Metrics) -> dict[tuple[str, frozenset[str]], float]:
    text = (await metrics.text()).decode()
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_stage_is_counted_by_its_messages() -> None:
    metrics, clock = counting()
    clock.at += 0.004
    metrics.stage(Stage.TRANSACTION, 1_000.0, count=3)
    metrics.stage(Stage.TRANSACTION, 0.0)
    metrics.stage(Stage.TRANSACTION, 2_000.0)
    found = await read(metrics)
    name = "parley_message_stage_seconds"
    assert found[f"{name}_count", frozenset({"transaction"})] == 4
    assert round(found[f"{name}_sum", frozenset({"transaction"})], 6) == 0.012
    # A clock of another machine that is ahead: no time, and no negative one.
    assert found[f"{name}_bucket", frozenset({"transaction", "0.003"})] == 1
    assert found[f"{name}_bucket", frozenset({"transaction", "0.005"})] == 4
    assert found[f"{name}_bucket", frozenset({"transaction", "+Inf"})] == 4
    assert found[f"{name}_count", frozenset({"queue"})] == 0


async def test_the_whole_way_is_known_where_it_began() -> None:
    metrics, clock = counting()
    metrics.received("mine", clock.at)
    clock.at += 0.02
    metrics.shown("another's")
    metrics.shown("mine")
    metrics.shown("mine")
    found = await read(metrics)
    assert found["parley_message_stage_seconds_count", frozenset({"whole"})] == 1
    assert round(found["parley_message_stage_seconds_sum", frozenset({"whole"})], 6) == 0.02


async def test_messages_that_are_never_shown_make_room() -> None:
    metrics, clock = counting()
    for number in range(10_001):
        metrics.received(str(number), clock.at)
    metrics.shown("0")
    assert (await read(metrics))["parley_message_stage_seconds_count", frozenset({"whole"})] == 0
    metrics.shown("1")
    assert (await read(metrics))["parley_message_stage_seconds_count", frozenset({"whole"})] == 1


async def test_requests_errors_and_figures() -> None:
    metrics, _ = counting()
    metrics.request("GET", "/rooms/{room_id}", 200, 0.03)
    metrics.failed(Dependency.REDIS)
    metrics.ask(lambda: [Sample(Figure.SESSIONS, 7), Sample(Figure.DATABASE_WAITING, 2, ("write",))])
    found = await read(metrics)
    assert (
        found["parley_rest_request_seconds_bucket", frozenset({"GET", "/rooms/{room_id}", "200", "0.05"})]
        == 1
    )
    assert found["parley_dependency_errors_total", frozenset({"redis"})] == 1
    assert found["parley_dependency_errors_total", frozenset({"kafka"})] == 0
    assert found["parley_sessions", frozenset()] == 7
    assert found["parley_database_waiting", frozenset({"write"})] == 2


async def test_a_figure_that_is_not_known_leaves_the_others() -> None:
    metrics, _ = counting()

    async def away() -> list[Sample]:
        raise DatabaseUnavailableError

    async def never() -> list[Sample]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def there() -> list[Sample]:
        return [Sample(Figure.OUTBOX_ROWS, 5)]

    for source in (away, never, there):
        metrics.ask_later(source)
    assert (await read(metrics))["parley_outbox_rows", frozenset()] == 5


async def test_the_figures_of_the_process_that_the_load_tool_reads() -> None:
    found = await read(Metrics())
    assert found["process_cpu_seconds_total", frozenset()] > 0
    assert any(name == "parley_build_info" for name, _ in found)


def test_silence_is_a_telemetry() -> None:
    silence: Telemetry = SILENCE
    assert (silence.now(), silence.begin(), silence.detailed) == (0.0, 0.0, False)
    assert silence.handed_on("key") == (0.0, "")


async def _nothing() -> bytes:
    return b""


def test_who_may_read_the_metrics() -> None:
    closed, with_token = MetricsPage(_nothing), MetricsPage(_nothing, token="let me in")
    for page in (closed, with_token):
        assert page.open_to("127.0.0.1", "")
        assert page.open_to("::1", "")
        assert not page.open_to("10.0.0.7", "")
        assert not page.open_to("10.0.0.7", "Bearer ")
        assert not page.open_to("10.0.0.7", "let me in")
    assert not closed.open_to("10.0.0.7", "Bearer let me in")
    assert with_token.open_to("10.0.0.7", "Bearer let me in")


async def test_of_many_in_a_second_a_tenth_is_measured() -> None:
    metrics, clock = counting()
    assert sum(bool(metrics.begin()) for _ in range(100)) == 100
    assert sum(bool(metrics.begin()) for _ in range(1_000)) == 100
    clock.at += 1
    assert metrics.begin() == clock.at
    metrics.received("measured", clock.at)
    assert metrics.handed_on("measured") == (clock.at, "")
    assert metrics.handed_on("another") == (0.0, "")


async def test_whoever_reads_each_message_in_the_log_has_each_measured() -> None:
    metrics = Metrics(detailed=True)
    assert all(metrics.begin() for _ in range(300))
