"""OpenTelemetry: the stages of a message as the spans of one trace, over all processes it passes.

A stage is told when it is over, so its span is made then, with the times it had. Loaded only where traces
are asked for; nothing of it is on the way of a message that is not measured.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from server.kernel.telemetry import Dependency, Stage, Telemetry

_UNDER_WAY_MAX: Final = 10_000
_EXPORT_S: Final = 3
"""A stop waits for it."""
_HEADER: Final = "traceparent"
_TRACES: Final = "/v1/traces"
_UNSHOWN: Final = "it was refused, or its way back was lost"


class Tracing:
    """``Telemetry`` that passes all on to another, and makes spans of what is measured.

    ``exporter`` in place of the one to ``endpoint``, the base address of a collector; without either the
    variables ``OTEL_EXPORTER_OTLP_...`` say where to. Samplers are set by ``OTEL_TRACES_SAMPLER``.
    """

    def __init__(
        self,
        inner: Telemetry,
        *,
        attributes: Mapping[str, str],
        endpoint: str = "",
        exporter: SpanExporter | None = None,
    ) -> None:
        self._inner = inner
        self.detailed = inner.detailed
        self.now: Callable[[], float] = inner.now
        self.begin: Callable[[], float] = inner.begin
        self.failed: Callable[[Dependency], None] = inner.failed
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "parley", **attributes}), shutdown_on_exit=False
        )
        target = exporter or OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}{_TRACES}" if endpoint else None, timeout=_EXPORT_S
        )
        self._provider.add_span_processor(BatchSpanProcessor(target))
        self._tracer = self._provider.get_tracer("parley")
        self._propagator = TraceContextTextMapPropagator()
        self._spans: OrderedDict[str, api.Span] = OrderedDict()

    def close(self) -> None:
        """Send what is left; it blocks, for as long as the exporter may try."""
        for span in self._spans.values():
            _give_up(span)
        self._spans.clear()
        self._provider.shutdown()

    def stage(self, stage: Stage, since: float, *, count: int = 1, traces: Sequence[str] = ()) -> None:
        """A span in each of the traces."""
        self._inner.stage(stage, since, count=count, traces=traces)
        if since and traces:
            end = _ns(self.now())
            for trace in traces:
                span = self._tracer.start_span(
                    f"message {stage}",
                    context=self._context(trace),
                    start_time=_ns(since),
                    attributes={"messaging.batch.message_count": count},
                )
                span.end(end)

    def received(self, key: str, since: float) -> None:
        """The whole way is the span above the others."""
        self._inner.received(key, since)
        span = self._tracer.start_span(
            "message",
            context=Context(),
            kind=api.SpanKind.SERVER,
            start_time=_ns(since),
            attributes={"messaging.message.id": key},
        )
        if not span.is_recording():
            return
        if len(self._spans) >= _UNDER_WAY_MAX:
            _give_up(self._spans.popitem(last=False)[1])
        self._spans[key] = span

    def handed_on(self, key: str) -> tuple[float, str]:
        """The trace as W3C's ``traceparent``."""
        at, _ = self._inner.handed_on(key)
        span = self._spans.get(key)
        if span is None:
            return at, ""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, api.set_span_in_context(span, Context()))
        return at, carrier.get(_HEADER, "")

    def shown(self, key: str) -> None:
        """The way ends."""
        self._inner.shown(key)
        span = self._spans.pop(key, None)
        if span is not None:
            span.end()

    def _context(self, trace: str) -> Context:
        return self._propagator.extract({_HEADER: trace}, Context())


def _give_up(span: api.Span) -> None:
    span.set_status(api.StatusCode.ERROR, _UNSHOWN)
    span.end()


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
