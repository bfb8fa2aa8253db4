"""``/metrics`` in the Prometheus text format, and the telemetry port that it is fed by."""

from __future__ import annotations

import asyncio
import platform
import sys
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from common.errors import ParleyError
from common.version import product_version
from server.kernel.telemetry import Dependency, Stage

log: Final = structlog.get_logger(__name__)

STAGE_BOUNDS: Final = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
REQUEST_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PATIENCE_S: Final = 3.0
_ALL_UP_TO: Final = 100
_ONE_OF: Final = 10
_UNDER_WAY_MAX: Final = 10_000


class Figure(Enum):
    """What is asked for when ``/metrics`` is read: name, help, labels."""

    CONNECTIONS = ("parley_connections", "Open WebSocket connections.", ())
    SESSIONS = ("parley_sessions", "Signed-in WebSocket sessions.", ())
    DELIVERIES = ("parley_deliveries", "Room events written to receivers.", ())
    POOL_SIZE = ("parley_database_connections", "Connections to the database.", ())
    POOL_IN_USE = ("parley_database_connections_in_use", "Of these, those in a transaction.", ())
    DATABASE_WAITING = (
        "parley_database_waiting",
        "Transactions that wait for a connection, or for SQLite's threads.",
        ("kind",),
    )
    OUTBOX_AGE = (
        "parley_outbox_age_seconds",
        "How long the relay of this process knows the oldest event of the outbox.",
        (),
    )
    OUTBOX_ROWS = ("parley_outbox_rows", "Events in the outbox; counted up to 10,000.", ())
    UP = (
        "parley_dependency_up",
        "1: it answered when /readyz or /metrics last asked; 0: it did not.",
        ("dependency",),
    )
    LAG = (
        "parley_consumer_lag_records",
        "Records that a consumer of this process has not handled; a group's partitions here only.",
        ("consumer",),
    )

    def __init__(self, label: str, help_text: str, labels: tuple[str, ...]) -> None:
        self.label = label
        self.help_text = help_text
        self.labels = labels


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a figure, now."""

    figure: Figure
    value: float
    labels: tuple[str, ...] = ()


Source = Callable[[], Iterable[Sample]]
LaterSource = Callable[[], Awaitable[Iterable[Sample]]]


class Histogram:
    """Counts by upper bound, on one event loop: a quarter of what the library's own, which locks, costs."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float, count: int = 1) -> None:
        """``count`` things took so long."""
        self.counts[bisect_left(self.bounds, seconds)] += count
        # Clocks of two machines may differ: what ends before it began took no time.
        if seconds > 0:
            self.total += seconds * count

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """As Prometheus has it: each bucket holds those below it."""
        buckets: list[tuple[str, float]] = []
        below = 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(labels, buckets, self.total)


class Metrics:
    """``Telemetry``, and figures that are asked for when ``/metrics`` is read. All on one event loop."""

    def __init__(self, *, detailed: bool = False) -> None:
        self.detailed = detailed
        self.now: Callable[[], float] = time.time
        self._stages = {stage: Histogram(STAGE_BOUNDS) for stage in Stage}
        self._second = 0.0
        self._measured = 0
        self._whole = self._stages[Stage.WHOLE]
        self._requests: dict[tuple[str, str, str], Histogram] = {}
        self._errors = dict.fromkeys(Dependency, 0)
        self._sources: list[Source] = []
        self._later: list[LaterSource] = []
        self._samples: list[Sample] = []
        # The oldest first: what is refused never ends, and has to make room.
        self._under_way: OrderedDict[str, float] = OrderedDict()
        self._registry = CollectorRegistry()
        if sys.platform == "linux":
            ProcessCollector(registry=self._registry)
        else:
            self._registry.register(_Collected(_process))
        self._registry.register(_Collected(self._collect))

    def ask(self, source: Source) -> None:
        """Ask it too when the metrics are read."""
        self._sources.append(source)

    def ask_later(self, source: LaterSource) -> None:
        """Ask one that has to wait; what does not answer in time is left out."""
        self._later.append(source)

    # The port

    def begin(self) -> float:
        """The first hundred of a second, then one of ten: a tenth of the cost, and still the same picture."""
        now = self.now()
        if now - self._second >= 1:
            self._second, self._measured = now, 0
        self._measured += 1
        passed = self._measured > _ALL_UP_TO and self._measured % _ONE_OF and not self.detailed
        return 0.0 if passed else now

    def stage(self, stage: Stage, since: float, *, count: int = 1, traces: Sequence[str] = ()) -> None:  # noqa: ARG002 - as the port
        """Counted, unless it is not known when it began."""
        if since:
            self._stages[stage].observe(self.now() - since, count)

    def received(self, key: str, since: float) -> None:
        """Remembered until it is shown, or ten thousand came after it."""
        under_way = self._under_way
        if len(under_way) >= _UNDER_WAY_MAX:
            under_way.popitem(last=False)
        under_way[key] = since

    def handed_on(self, key: str) -> tuple[float, str]:
        """Nothing is traced here."""
        return (self.now(), "") if key in self._under_way else (0.0, "")

    def shown(self, key: str) -> None:
        """One that began elsewhere is none of ours."""
        since = self._under_way.pop(key, None)
        if since is not None:
            self._whole.observe(self.now() - since)

    def failed(self, dependency: Dependency) -> None:
        """Counted."""
        self._errors[dependency] += 1

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A REST request was answered."""
        key = (method, route, str(status))
        histogram = self._requests.get(key)
        if histogram is None:
            histogram = self._requests[key] = Histogram(REQUEST_BOUNDS)
        histogram.observe(seconds)

    # Reading

    async def text(self) -> bytes:
        """All of them, now."""
        samples = [sample for source in self._sources for sample in source()]
        for later in self._later:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    samples += await later()
            except (ParleyError, TimeoutError) as problem:
                log.debug("figure_not_known", reason=str(problem))
        self._samples = samples
        return generate_latest(self._registry)

    def _collect(self) -> Iterator[Metric]:
        yield from self._histograms()
        errors = CounterMetricFamily(
            "parley_dependency_errors", "What a dependency refused or did not answer.", labels=["dependency"]
        )
        for dependency, count in self._errors.items():
            errors.add_metric([dependency], count)
        yield errors
        yield _build_info()
        found: dict[Figure, list[Sample]] = {figure: [] for figure in Figure}
        for sample in self._samples:
            found[sample.figure].append(sample)
        for figure, samples in found.items():
            family = GaugeMetricFamily(figure.label, figure.help_text, labels=figure.labels)
            for sample in samples:
                family.add_metric(sample.labels, sample.value)
            yield family

    def _histograms(self) -> Iterator[Metric]:
        stages = HistogramMetricFamily(
            "parley_message_stage_seconds", "What each stage of a message took.", labels=["stage"]
        )
        for stage, histogram in self._stages.items():
            histogram.add_to(stages, [stage])
        yield stages
        requests = HistogramMetricFamily(
            "parley_rest_request_seconds",
            "What REST requests took.",
            labels=["method", "route", "status"],
        )
        for key, histogram in self._requests.items():
            histogram.add_to(requests, key)
        yield requests


class _Collected(Collector):
    """A generator as the library wants it."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        """Asked by the registry."""
        return self._collect()


def _process() -> Iterator[Metric]:
    """Where there is no /proc: what the standard library knows."""
    cpu = CounterMetricFamily("process_cpu_seconds", "Total user and system CPU time spent in seconds.")
    cpu.add_metric([], time.process_time())
    yield cpu


def _build_info() -> Metric:
    info = GaugeMetricFamily("parley_build_info", "1; what runs.", labels=["version", "python"])
    info.add_metric([product_version(), platform.python_version()], 1)
    return info
