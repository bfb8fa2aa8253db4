"""``/metrics`` in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest


class Metrics:
    """Gauges that ask their source when they are read, and those of the process."""

    def __init__(self, sources: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        for name, (help_text, source) in sources.items():
            Gauge(name, help_text, registry=self._registry).set_function(source)

    def text(self) -> bytes:
        """All of them, now."""
        return generate_latest(self._registry)
