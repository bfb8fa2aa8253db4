"""Traces of messages, as an exporter sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from server.http.metrics import Metrics
from server.infra.otel import Tracing
from server.kernel.telemetry import Stage


class Process:
    """One process of a server with its own metrics and spans."""

    def __init__(self, role: str) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracing = Tracing(Metrics(), attributes={"parley.role": role}, exporter=self.exporter)
        self._closed = False

    def spans(self) -> dict[str, ReadableSpan]:
        """What it sent; nothing more comes."""
        if not self._closed:
            self._closed = True
            self.tracing.close()
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def gateway() -> Iterator[Process]:
    process = Process("gateway")
    yield process
    process.spans()


@pytest.fixture
def core() -> Iterator[Process]:
    process = Process("core")
    yield process
    process.spans()


def test_a_message_is_one_trace_over_two_processes(gateway: Process, core: Process) -> None:
    here, there = gateway.tracing, core.tracing
    began = here.begin()
    here.received("key", began)
    at, trace = here.handed_on("key")
    assert at >= began
    here.stage(Stage.PUBLISH, began, traces=(trace,))
    there.stage(Stage.QUEUE, at, traces=(trace,))
    there.stage(Stage.TRANSACTION, at, count=3, traces=[trace])
    here.stage(Stage.FAN_OUT, at, traces=[trace])
    here.shown("key")
    sent = gateway.spans()
    spans = {**sent, **core.spans()}
    assert set(spans) == {
        *("message", "message publish", "message queue"),
        *("message transaction", "message fan_out"),
    }
    root = spans.pop("message")
    assert root.parent is None
    assert root.start_time == round(began * 1e9)
    assert root.attributes is not None
    assert root.attributes["messaging.message.id"] == "key"
    for span in spans.values():
        assert span.parent is not None
        assert span.parent.span_id == root.context.span_id
        assert span.context.trace_id == root.context.trace_id
    assert spans["message queue"].resource.attributes["parley.role"] == "core"


def test_what_is_not_traced_makes_no_span(gateway: Process) -> None:
    tracing = gateway.tracing
    assert tracing.handed_on("elsewhere") == (0.0, "")
    tracing.stage(Stage.QUEUE, tracing.now())
    tracing.shown("elsewhere")
    assert gateway.spans() == {}


def test_a_message_that_is_never_shown_ends_as_an_error(gateway: Process) -> None:
    gateway.tracing.received("key", gateway.tracing.begin())
    root = gateway.spans()["message"]
    assert root.status.status_code is StatusCode.ERROR


def test_a_sampler_that_drops_it_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    process = Process("gateway")
    process.tracing.received("key", process.tracing.begin())
    _, trace = process.tracing.handed_on("key")
    assert trace == ""
    assert process.spans() == {}
